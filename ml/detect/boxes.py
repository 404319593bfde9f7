"""Arithmetic on boxes and faces. As arrays, boxes are (N, 4) x0, y0, x1, y1 in px."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml.types import Box, Face

Floats = NDArray[np.float32]


def suppress(boxes: Floats, scores: Floats, threshold: float, *, of_smaller: bool = False) -> list[int]:
    """Greedy non-maximum suppression: indices kept, best score first.

    boxes: (N, 4). Overlap is intersection over union, or over the smaller box (MTCNN's last stage).
    """
    areas = np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while waiting.size:
        best, rest = int(waiting[0]), waiting[1:]
        kept.append(best)
        near = np.minimum(boxes[best, 2:], boxes[rest, 2:]) - np.maximum(boxes[best, :2], boxes[rest, :2])
        shared = np.maximum(near, 0).prod(axis=1)
        whole = np.minimum(areas[best], areas[rest]) if of_smaller else areas[best] + areas[rest] - shared
        waiting = rest[shared <= threshold * np.maximum(whole, 1e-9)]
    return kept


def rescale(face: Face, factor: float) -> Face:
    """The face in an image `factor` times as large. Boxes scale from the corner, points from pixel centres."""
    box = face.box
    return replace(
        face,
        box=Box(box.x * factor, box.y * factor, box.width * factor, box.height * factor),
        landmarks=((face.landmarks + 0.5) * factor - 0.5).astype(np.float32),
    )
