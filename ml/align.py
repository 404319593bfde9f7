"""Five points to an upright crop: a least-squares similarity, then one anti-aliased warp."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from ml.types import Pixels, Points

MARGIN = 2  # px around the needed region, so that interpolation at its edge sees real neighbours

HALF = 0.5 + 0.5j  # px from a pixel's corner, where Pillow counts from, to its centre, where landmarks do


@dataclass(frozen=True, slots=True)
class Similarity:
    """z -> turn * z + shift over complex pixels x + iy: rotation, uniform scale, translation."""

    turn: complex  # |turn|: destination px per source px; angle: rotation
    shift: complex  # destination px

    @property
    def scale(self) -> float:
        return abs(self.turn)

    def apply(self, points: Points) -> Points:
        """(N, 2) source px to (N, 2) destination px."""
        moved = self.turn * as_complex(points) + self.shift
        return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)


def similarity(points: Points, template: Points) -> Similarity:
    """The similarity that brings `points` (5, 2) closest to `template` (5, 2) in least squares.

    Umeyama 1991 ("Least-squares estimation of transformation parameters between two point
    patterns"), which in the plane and without mirroring is one complex division.
    Points that coincide give scale 0; check `scale` before warping.
    """
    source, target = as_complex(points), as_complex(template)
    middle, aim = source.mean(), target.mean()
    spread = np.vdot(source - middle, source - middle).real
    turn = complex(np.vdot(source - middle, target - aim) / spread) if spread > 0 else 0j
    return Similarity(turn, complex(aim - turn * middle))


def warp(image: Pixels, fit: Similarity, size: int) -> Pixels:
    """The crop (size, size, 3) that `fit` maps from the image; outside the image is black.

    Large faces are first shrunk with a triangle filter to the crop's own scale, so nothing aliases;
    small ones are interpolated bilinearly. Pixel (0, 0) has its centre at (0, 0), as in the templates.
    """
    if fit.scale == 0:
        return np.zeros((size, size, 3), np.uint8)
    back = 1 / fit.turn
    origin = back * (-HALF - fit.shift) + HALF  # where the crop's corner lies in the image, from its corner
    left, top, right, bottom = _region(origin, back, size, image.shape)
    if right <= left or bottom <= top:
        return np.zeros((size, size, 3), np.uint8)
    patch = Pil.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    origin -= complex(left, top)
    across, down = 1.0, 1.0
    if abs(back) > 1:
        small = max(1, round(patch.width / abs(back))), max(1, round(patch.height / abs(back)))
        across, down = small[0] / patch.width, small[1] / patch.height
        patch = patch.resize(small, Pil.Resampling.BILINEAR)
    step_x, step_y = back, back * 1j
    matrix = (
        step_x.real * across,
        step_y.real * across,
        origin.real * across,
        step_x.imag * down,
        step_y.imag * down,
        origin.imag * down,
    )
    crop = patch.transform((size, size), Pil.Transform.AFFINE, matrix, Pil.Resampling.BILINEAR)
    return np.asarray(crop)


def align(image: Pixels, points: Points, template: Points, size: int) -> Pixels:
    """(H, W, 3) and five points in its px to the crop (size, size, 3) laid out as `template`."""
    return warp(image, similarity(points, template), size)


def as_complex(points: Points) -> NDArray[np.complex128]:
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]


def _region(origin: complex, back: complex, size: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The part of the image that the crop touches: left, top, right, bottom, px."""
    corners = [origin + back * size * complex(x, y) for x in (0, 1) for y in (0, 1)]
    margin = MARGIN * max(1.0, abs(back))
    xs, ys = [corner.real for corner in corners], [corner.imag for corner in corners]
    return (
        max(0, floor(min(xs) - margin)),
        max(0, floor(min(ys) - margin)),
        min(shape[1], ceil(max(xs) + margin)),
        min(shape[0], ceil(max(ys) + margin)),
    )
