"""A photograph in face coordinates: unit = eye distance, origin = middle of eyes and mouth corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.types import Pixels, Points

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)  # by identity: arrays have no equality to hash
class Portrait:
    pixels: Pixels  # (H, W, 3)
    points: Points  # (5, 2) px of `pixels`

    @property
    def unit(self) -> float:
        """px of one eye distance."""
        return float(np.hypot(*(self.points[1] - self.points[0])))

    @property
    def origin(self) -> tuple[float, float]:
        x, y = self.points[[0, 1, 3, 4]].mean(0)
        return float(x), float(y)

    @property
    def nose(self) -> tuple[float, float]:
        """Eye distances from the origin."""
        x, y = (self.points[2] - np.asarray(self.origin)) / self.unit
        return float(x), float(y)

    @property
    def reach(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom edge of the photograph, eye distances from the origin."""
        height, width = self.pixels.shape[:2]
        x, y = self.origin
        return -x / self.unit, -y / self.unit, (width - x) / self.unit, (height - y) / self.unit

    def sample(self, x: Floats, y: Floats) -> Floats:
        """(H, W, 3) levels at face coordinates, bilinear; beyond the edge the picture is mirrored."""
        height, width = self.pixels.shape[:2]
        ox, oy = self.origin
        return bilinear(self.pixels, _mirrored(x * self.unit + ox, width), _mirrored(y * self.unit + oy, height))


def bilinear(pixels: Pixels, x: Floats, y: Floats) -> Floats:
    """Levels at pixel positions inside the picture."""
    height, width = pixels.shape[:2]
    x0 = np.clip(x.astype(np.int32), 0, width - 2)
    y0 = np.clip(y.astype(np.int32), 0, height - 2)
    fx, fy = (x - x0)[..., None].astype(np.float32), (y - y0)[..., None].astype(np.float32)
    at = y0 * width + x0
    flat = pixels.reshape(-1, pixels.shape[2])
    top = flat[at] * (1 - fx) + flat[at + 1] * fx
    bottom = flat[at + width] * (1 - fx) + flat[at + width + 1] * fx
    return top * (1 - fy) + bottom * fy


def _mirrored(position: Floats, size: int) -> Floats:
    last = size - 1
    return last - np.abs(np.mod(position, 2 * last) - last)
