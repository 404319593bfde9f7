"""Plane and parallax: does a nose stand out of the plane of eyes and mouth, and where to does it point?

Two views of a plane are related by a homography H, however plane and camera move (Hartley and Zisserman, Multiple View
Geometry, 2nd ed., result 13.1). What stands `p` before the plane misses H by the residual parallax (ibid. 13.3; Irani
and Anandan 1996). In the plane's own coordinates: seen along a direction tilted by t from the plane's normal, such a
point covers the place p * tan(t) beside its foot. Lengths are in eye distances. A photograph has p = 0 in every motion
of it, perspective included; a nose about 0.3 to 0.6 (20 to 35 mm, eyes 63 mm apart).

Five landmarks give this in principle (four for H, the nose for p), but their places are good to a few hundredths of
the eye distance and lean with the pose: on photographs tilted by 20 degrees they showed parallax up to 0.17 where there
is none. So it is read from all pixels of the inner face,

    I(H(x + e g(x) + b x1^2 + c x2^2)) = T(x)    for x on the plane of the straight look T,

g the relief of a generic nose (1 at the tip), e its parallax (2 numbers), b and c the parallax of whatever bends about
an upright or level axis (4 numbers): a skull does, and so does a sheet of paper. A photograph is explained by H alone,
a bent one by H, b and c. The fourteen numbers come from Gauss-Newton on normalised brightness (Lucas and Kanade 1981;
Baker and Matthews 2004, forward additive) with Tukey's weights against what changes (lids, mouth).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.types import Pixels

Floats = NDArray[np.float32]

UNIT = 28  # px of the patch for one eye distance
PATCH = 72  # px, side: 1.29 eye distances to each side of the middle
REACH = 0.85  # eye distances: what is compared, the inner face without outline and background
GRID = 34  # samples a side: one for each 1.4 px of the patch
# five points of a straight look, eye distances about the middle of eyes and mouth corners; from the 112 x 112 template
TEMPLATE = ((-0.496, -0.577), (0.505, -0.582), (0.006, -0.008), (-0.404, 0.577), (0.424, 0.573))
NOSE = 2
BLURS = (3.0, 1.6, 0.9)  # px: coarse to fine
ROUNDS = (8, 6, 5)
PARAMETERS = 14
TUKEY = 4.7  # times the robust spread; 95 % efficient for Gaussian noise (Huber 1981)


@dataclass(frozen=True, slots=True)
class Shift:
    """What registration found for each frame."""

    parallax: Floats  # (N, 2) of the nose tip against the plane of eyes and mouth: eye distances, right and down
    tilt: Floats  # (N,) tangent of the tilt of the plane, >= 0
    fit: Floats  # (N,) correlation of the two patches after the fit, -1..1


def patch(pixels: Pixels, landmarks: Floats) -> Pixels:
    """(PATCH, PATCH) gray face, eyes level, `UNIT` px between them; least squares over the five points."""
    source = np.asarray(TEMPLATE, np.float64) * UNIT + PATCH / 2
    target = np.asarray(landmarks, np.float64)
    a, b, tx, ty = _similarity(source, target)
    gray = Pillow.fromarray(pixels).convert("L")
    scale = float(np.hypot(a, b))
    if scale > 2:  # shrink first: a transform samples and would alias
        factor = int(scale)
        gray = gray.reduce(factor)
        a, b, tx, ty = a / factor, b / factor, tx / factor, ty / factor
    cut = gray.transform((PATCH, PATCH), Pillow.Transform.AFFINE, (a, -b, tx, b, a, ty), Pillow.Resampling.BILINEAR)
    return np.asarray(cut, np.uint8)


def scale(landmarks: Floats) -> float:
    """px of one eye distance, by all five points."""
    a, b, _, _ = _similarity(np.asarray(TEMPLATE, np.float64), np.asarray(landmarks, np.float64))
    return float(np.hypot(a, b))


def aligned(landmarks: Floats) -> Floats:
    """(5, 2) landmarks in the patch's plane coordinates."""
    target = np.asarray(landmarks, np.float64)
    a, b, tx, ty = _similarity(target, np.asarray(TEMPLATE, np.float64))
    x, y = target[:, 0], target[:, 1]
    return np.stack([a * x - b * y + tx, b * x + a * y + ty], -1).astype(np.float32)


def relief(nose: tuple[float, float]) -> Floats:
    """(3, GRID * GRID): a generic nose, 1 at the tip; the two bends x1^2 and x2^2."""
    x, y = _grid()
    nx, ny = x - nose[0], y - nose[1]
    length = np.where(ny < 0, 0.42, 0.14)  # eye distances: the bridge rises slowly, the base falls fast
    return np.stack([np.exp(-((nx / 0.2) ** 2) - (ny / length) ** 2), x**2, y**2]).astype(np.float32)


def shifts(patches: NDArray[np.uint8], reference: Pixels, nose: tuple[float, float]) -> Shift:
    """patches (N, PATCH, PATCH) against one of the straight look, whose nose tip is at `nose` (see `aligned`)."""
    n = len(patches)
    h = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0], np.float32), (n, 1))
    e = np.zeros((n, 3, 2), np.float32)
    g = relief(nose)
    fit = np.full(n, np.nan)
    for blur, rounds in zip(BLURS, ROUNDS, strict=True):
        target = _normal(_sample_plain(_blurred(reference, blur)))
        images = np.stack([_blurred(one, blur) for one in patches])
        for _ in range(rounds):
            h, e, fit = _round(images, target, h, e, g)
    points = np.asarray(TEMPLATE, np.float64)[[0, 1, 3, 4]]
    bent = e[:, 1] * (points[:, 0] ** 2).mean() + e[:, 2] * (points[:, 1] ** 2).mean()  # of the plane itself
    return Shift(parallax=(e[:, 0] - bent).astype(np.float32), tilt=_tilt(h), fit=fit.astype(np.float32))


def _round(
    images: Floats,
    target: Floats,
    h: Floats,
    e: Floats,
    g: Floats,
) -> tuple[Floats, Floats, Floats]:
    x, y = _grid()
    px, py = x + e[..., 0] @ g, y + e[..., 1] @ g  # (N, P)
    depth = h[:, 6:7] * px + h[:, 7:8] * py + 1
    wx = (h[:, 0:1] * px + h[:, 1:2] * py + h[:, 2:3]) / depth
    wy = (h[:, 3:4] * px + h[:, 4:5] * py + h[:, 5:6]) / depth
    value, gx, gy = _sample(images, wx, wy)
    mean, spread = value.mean(1, keepdims=True), value.std(1, keepdims=True) + 1e-3
    value, gx, gy = (value - mean) / spread, gx / spread / depth, gy / spread / depth
    along = gx * wx + gy * wy
    across = gx * h[:, 0:1] + gy * h[:, 3:4] - along * h[:, 6:7]
    down = gx * h[:, 1:2] + gy * h[:, 4:5] - along * h[:, 7:8]
    jacobian = np.stack(
        [  # (N, 14, P)
            gx * px,
            gx * py,
            gx,
            gy * px,
            gy * py,
            gy,
            -along * px,
            -along * py,
            *(slope * shape for shape in g for slope in (across, down)),
        ],
        1,
    )
    miss = target - value
    spread = 1.4826 * np.median(np.abs(miss), 1, keepdims=True) + 1e-6
    weight = np.square(np.clip(1 - np.square(miss / (TUKEY * spread)), 0, None))
    weighted = jacobian * weight[:, None]
    normal = np.matmul(weighted, jacobian.transpose(0, 2, 1)).astype(np.float64)
    damp = 1e-3 * np.einsum("nii->n", normal)[:, None, None] / PARAMETERS * np.eye(PARAMETERS)
    right = np.matmul(weighted, miss[..., None]).astype(np.float64)
    step = np.clip(np.linalg.solve(normal + damp, right)[..., 0], -0.1, 0.1).astype(np.float32)
    return h + step[:, :8], e + step[:, 8:].reshape(-1, 3, 2), (value * target).mean(1)


def _grid() -> tuple[Floats, Floats]:
    line = np.linspace(-REACH, REACH, GRID, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return x.ravel(), y.ravel()


def _sample_plain(image: Floats) -> Floats:
    x, y = _grid()
    return _sample(image[None], x[None], y[None])[0][0]


def _sample(images: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Brightness and its gradient (levels for each eye distance), bilinear, at plane coordinates (N, P)."""
    px = np.clip(x * UNIT + PATCH / 2 - 0.5, 0, PATCH - 1.001)
    py = np.clip(y * UNIT + PATCH / 2 - 0.5, 0, PATCH - 1.001)
    x0, y0 = px.astype(np.int32), py.astype(np.int32)
    fx, fy = (px - x0).astype(np.float32), (py - y0).astype(np.float32)
    flat = images.reshape(len(images), -1)
    at = y0 * PATCH + x0
    a, b = np.take_along_axis(flat, at, 1), np.take_along_axis(flat, at + 1, 1)
    c, d = np.take_along_axis(flat, at + PATCH, 1), np.take_along_axis(flat, at + PATCH + 1, 1)
    top, bottom = a + (b - a) * fx, c + (d - c) * fx
    return top + (bottom - top) * fy, ((b - a) * (1 - fy) + (d - c) * fy) * UNIT, (bottom - top) * UNIT


def _blurred(image: Pixels, radius: float) -> Floats:
    """Three box blurs as matrix products: the image as float, so no rounding to levels."""
    kernel = _kernel(radius)
    return (kernel @ image.astype(np.float32) @ kernel.T).astype(np.float32)


def _kernel(radius: float) -> Floats:
    line = np.arange(PATCH, dtype=np.float32)
    weights = np.exp(-0.5 * ((line[:, None] - line[None]) / radius) ** 2)
    return weights / weights.sum(1, keepdims=True)


def _normal(values: Floats) -> Floats:
    return (values - values.mean()) / (values.std() + 1e-3)


def _tilt(h: Floats) -> Floats:
    """tan of the tilt from the homography's derivative at the middle: it stretches by 1 / cos in one direction."""
    jacobian = np.stack(
        [
            np.stack([h[:, 0] - h[:, 6] * h[:, 2], h[:, 1] - h[:, 7] * h[:, 2]], -1),
            np.stack([h[:, 3] - h[:, 6] * h[:, 5], h[:, 4] - h[:, 7] * h[:, 5]], -1),
        ],
        -2,
    )
    values = np.linalg.svd(jacobian, compute_uv=False)
    return np.sqrt(np.maximum((values[:, 0] / np.maximum(values[:, 1], 1e-6)) ** 2 - 1, 0)).astype(np.float32)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """a, b, tx, ty of x' = a x - b y + tx, y' = b x + a y + ty; least squares."""
    s, t = source - source.mean(0), target - target.mean(0)
    norm = (s**2).sum()
    a = (s * t).sum() / norm
    b = (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / norm
    tx, ty = target.mean(0) - np.array(
        [a * source[:, 0].mean() - b * source[:, 1].mean(), b * source[:, 0].mean() + a * source[:, 1].mean()]
    )
    return float(a), float(b), float(tx), float(ty)
