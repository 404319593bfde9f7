"""A surface with a photograph on it, moved before a pinhole camera.

Backward warping: for each pixel the photograph's point that is seen there, found by fixed-point iteration
p <- p + (pixel - seen(p)). It converges where the surface hides nothing of itself; turned heads hide a little
behind the nose, which shows as a smear of a few pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.liveness.synthetic.portrait import Portrait
from ml.liveness.synthetic.surface import Surface

Floats = NDArray[np.float32]

DISTANCE = 7.0  # of the face from the camera, eye distances: 45 cm
PIVOT = 1.2  # the head turns about an axis this far behind the face
COARSE = 4  # the flow is smooth: solve it on every fourth pixel
ROUNDS = 12


@dataclass(frozen=True)
class Pose:
    yaw: float = 0.0  # rad, positive: to the subject's own left, which is right in the picture
    pitch: float = 0.0  # rad, positive: up
    roll: float = 0.0  # rad
    x: float = 0.0  # eye distances, right
    y: float = 0.0  # down
    near: float = 1.0  # size over the size at the start: distance shrinks to DISTANCE / near


@dataclass(frozen=True)
class View:
    width: int = 480  # px
    height: int = 360
    eyes: float = 62.0  # px between the eyes at the start
    pivot: float = PIVOT
    x: float = 0.0  # eye distances: where the face is at the start, right of the middle
    y: float = 0.0  # below it

    def grid(self, step: int = 1) -> tuple[Floats, Floats]:
        """Pixel centres in face coordinates."""
        x = (np.arange(0, self.width + step - 1, step) - self.width / 2) / self.eyes - self.x
        y = (np.arange(0, self.height + step - 1, step) - self.height / 2) / self.eyes - self.y
        gx, gy = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
        return gx, gy


@dataclass(frozen=True)
class Layer:
    colour: Floats  # (H, W, 3) levels
    cover: Floats  # (H, W) 0..1
    body: Floats  # (H, W) 0..1, the moving thing: where the screen's light falls


def render(portrait: Portrait, surface: Surface, pose: Pose, view: View) -> Layer:
    """One view of the photograph on the surface; nothing behind it."""
    x, y = _seen_points(surface, pose, view)
    return Layer(colour=portrait.sample(x, y), cover=surface.covers(x, y), body=surface.follows(x, y))


def over(layer: Layer, background: Floats) -> Floats:
    return layer.colour * layer.cover[..., None] + background * (1 - layer.cover[..., None])


def project(surface: Surface, pose: Pose, x: Floats, y: Floats, pivot: float = PIVOT) -> tuple[Floats, Floats]:
    """Where the photograph's points (x, y) are seen, face coordinates of the picture."""
    px, py, pz = surface.place(x, y)
    rotation = _rotation(pose)
    moved = np.stack([px, py, pz + pivot], -1) @ rotation.T
    near = DISTANCE / pose.near - (moved[..., 2] - pivot)
    # a point at depth 0 seen from DISTANCE keeps its place
    scale = DISTANCE / near
    seen_x = (moved[..., 0] + pose.x) * scale
    seen_y = (moved[..., 1] + pose.y) * scale
    rest = DISTANCE / (DISTANCE - pz)  # the photograph already shows the perspective of a straight look
    follow = surface.follows(x, y)
    still = pose.near  # what does not turn still comes nearer with the person
    return (x * still + follow * (seen_x / rest - x * still), y * still + follow * (seen_y / rest - y * still))


def _seen_points(surface: Surface, pose: Pose, view: View) -> tuple[Floats, Floats]:
    want_x, want_y = view.grid(COARSE)
    x, y = want_x / pose.near, want_y / pose.near
    for _ in range(ROUNDS):
        got_x, got_y = project(surface, pose, x, y, view.pivot)
        x = x + (want_x - got_x) / pose.near * 0.9
        y = y + (want_y - got_y) / pose.near * 0.9
    return _finer(x, view), _finer(y, view)


def _finer(coarse: Floats, view: View) -> Floats:
    """Bilinear from every fourth pixel to every pixel."""
    rows, columns = coarse.shape
    size = (view.width, view.height)
    start = 0.5 - 0.5 / COARSE  # where the first fine pixel's edge lies on the coarse grid
    box = (start, start, min(start + view.width / COARSE, columns), min(start + view.height / COARSE, rows))
    image = Pillow.fromarray(coarse.astype(np.float32), mode="F")
    return np.asarray(image.resize(size, Pillow.Resampling.BILINEAR, box=box), np.float32)


def _rotation(pose: Pose) -> NDArray[np.float32]:
    """Yaw, then pitch, then roll; z points to the camera, y down."""
    cy, sy = np.cos(pose.yaw), np.sin(pose.yaw)
    cp, sp = np.cos(pose.pitch), np.sin(pose.pitch)
    cr, sr = np.cos(pose.roll), np.sin(pose.roll)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (roll @ pitch @ yaw).astype(np.float32)
