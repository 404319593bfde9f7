"""Shapes that carry a photograph, in face coordinates (unit = eye distance, x right, y down, z to the camera)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Surface(Protocol):
    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Where the photograph's point (x, y) is in space."""
        ...

    def follows(self, x: Floats, y: Floats) -> Floats:
        """0..1, how far a point takes part in the motion: 1 on rigid things, fading along a neck."""
        ...

    def covers(self, x: Floats, y: Floats) -> Floats:
        """0..1, where there is something at all; 0 lets the background through."""
        ...


@dataclass(frozen=True)
class Head:
    """A generic head: paraboloid skull with a nose.

    At eyes and mouth corners it lies 0.1 deep, the tip stands 0.4 before their plane: the middle of what
    `plane.track` finds on photographs of people who turned their heads (0.35 to 0.6).
    """

    nose: tuple[float, float]
    tip: float = 0.32  # of the nose above the skull

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        skull = -1.2 * np.tanh((0.5 * x**2 + 0.16 * y**2) / 1.2)  # flattens out behind the ears
        nx, ny = x - self.nose[0], y - self.nose[1]
        length = np.where(ny < 0, 0.42, 0.14)  # the bridge rises slowly, the base falls fast
        nose = self.tip * np.exp(-((nx / 0.2) ** 2) - (ny / length) ** 2)
        return x, y, (skull + nose).astype(np.float32)

    def follows(self, x: Floats, y: Floats) -> Floats:
        return _fade(np.hypot(x / 1.45, (y + 0.15) / 1.9), 0.85, 1.9)

    def covers(self, x: Floats, y: Floats) -> Floats:
        return np.ones_like(x)


@dataclass(frozen=True)
class Sheet:
    """A print or a screen: flat, or bent round an upright axis with a radius in eye distances."""

    reach: tuple[float, float, float, float]  # edges: left, top, right, bottom
    radius: float = float("inf")

    def place(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        if np.isinf(self.radius):
            return x, y, np.zeros_like(x)
        angle = np.clip(x / self.radius, -1.4, 1.4)
        return self.radius * np.sin(angle), y, self.radius * (np.cos(angle) - 1)

    def follows(self, x: Floats, y: Floats) -> Floats:
        return np.ones_like(x)

    def covers(self, x: Floats, y: Floats) -> Floats:
        left, top, right, bottom = self.reach
        return ((x > left) & (x < right) & (y > top) & (y < bottom)).astype(np.float32)


@dataclass(frozen=True)
class CutOut(Sheet):
    """The head cut out of a print; with holes where the eyes were, if asked."""

    eyes: tuple[tuple[float, float], ...] = ()

    def covers(self, x: Floats, y: Floats) -> Floats:
        inside = (np.hypot(x / 1.3, (y + 0.15) / 1.75) < 1).astype(np.float32)
        for ex, ey in self.eyes:
            inside = inside * (np.hypot((x - ex) / 0.27, (y - ey) / 0.13) > 1)
        return inside * super().covers(x, y)


def _fade(value: Floats, start: float, end: float) -> Floats:
    t = np.clip((end - value) / (end - start), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
