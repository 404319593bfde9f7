"""Faces in photographs, whichever network looks for them, whichever way up the photograph lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ml.detect.subject import order
from ml.types import Box, Face, Pixels

# Quarter turns tried for doubtful photographs: sideways phones first
TURNS = (1, 3, 2)
# A turned photograph must beat the upright one by this much confidence: the noise between equals
MARGIN = 0.03


class Finder(Protocol):
    """One network (or cascade) with its pre- and post-processing."""

    sure: float  # confidence that upright faces reach and turned ones do not

    def find(self, images: Sequence[Pixels], *, longest: int | None = None) -> list[list[Face]]:
        """The faces of each image, px of that image. On turned faces, points may be wrong.

        longest: px of the canvas's longest side; None: the finder's own.
        """
        ...


@dataclass(frozen=True, slots=True)
class Detection:
    faces: tuple[Face, ...]  # px of the image given, likeliest subject first
    turned: int  # degrees counter-clockwise the image was turned to find them: 0, 90, 180, 270

    @property
    def confidence(self) -> float:
        return self.faces[0].confidence if self.faces else 0.0


class Detector:
    """Looks upright first; only photographs without a sure subject are looked at from the other sides.

    Turning on failure alone would not do: YuNet also finds faces that lie or stand on their head, with
    less confidence and with points that are wrong by an eye distance.
    """

    def __init__(self, finder: Finder, *, turn: bool = True) -> None:
        self._finder = finder
        self._turns = TURNS if turn else ()

    def detect(self, images: Sequence[Pixels]) -> list[Detection]:
        found = self._look(images, 0)
        doubtful = [place for place, one in enumerate(found) if one.confidence < self._finder.sure]
        for quarters in self._turns:
            others = self._look([images[place] for place in doubtful], quarters)
            for place, other in zip(doubtful, others, strict=True):
                if other.confidence > found[place].confidence + MARGIN:
                    found[place] = other
        return found

    @property
    def finder(self) -> Finder:
        return self._finder

    def _look(self, images: Sequence[Pixels], quarters: int) -> list[Detection]:
        if not images:
            return []
        turned = [np.ascontiguousarray(np.rot90(image, quarters)) for image in images] if quarters else images
        return [
            Detection(
                order([turn_back(face, quarters, image.shape) for face in faces], image.shape[1], image.shape[0]),
                90 * quarters,
            )
            for image, faces in zip(images, self._finder.find(turned), strict=True)
        ]


def turn_back(face: Face, quarters: int, shape: tuple[int, ...]) -> Face:
    """A face found in `np.rot90(image, quarters)`, in px of the image; shape: (H, W, ...) of the image.

    Points keep their names: "left eye" stays the one on the left of the upright face.
    """
    if quarters == 0:
        return face
    box = np.array([[face.box.x, face.box.y], [face.box.x + face.box.width, face.box.y + face.box.height]])
    corners = _unturn(box, quarters, shape)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return Face(
        Box(float(x0), float(y0), float(x1 - x0), float(y1 - y0)),
        _unturn(face.landmarks, quarters, shape).astype(np.float32),
        face.confidence,
    )


def _unturn(points: np.ndarray, quarters: int, shape: tuple[int, ...]) -> np.ndarray:
    """(N, 2) x, y in the turned image to x, y in the image. rot90 counter-clockwise: (x, y) -> (y, W-1-x)."""
    height, width = shape[:2]
    x, y = points[:, 0], points[:, 1]
    if quarters == 1:
        return np.stack([width - 1 - y, x], axis=1)
    if quarters == 2:
        return np.stack([width - 1 - x, height - 1 - y], axis=1)
    return np.stack([y, height - 1 - x], axis=1)
