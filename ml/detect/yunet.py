"""YuNet's outputs to faces. (Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector")

Decoding as in OpenCV's FaceDetectorYN: confidence sqrt(cls * obj); the box is a centre offset
and a log size, the points are offsets, all in strides from the anchor's corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.detect.boxes import suppress
from ml.types import Box, Face

Floats = NDArray[np.float32]
STRIDES = (8, 16, 32)  # px of input per anchor
OVERLAP = 0.3  # intersection over union above which two boxes are one face (OpenCV's default)


def decode(outputs: Sequence[Floats], shape: tuple[int, int], threshold: float) -> list[list[Face]]:
    """outputs: cls, obj, bbox, kps at each stride, (N, H/s * W/s, 1 | 1 | 4 | 10); shape: height and
    width of the input, px.

    Returns the faces of each image, px of the input, most confident first.
    """
    rows, scores, boxes, points = [], [], [], []
    for level, stride in enumerate(STRIDES):
        cls, obj, bbox, kps = (outputs[kind * 3 + level] for kind in range(4))
        confidence = np.sqrt(np.clip(cls[..., 0], 0, 1) * np.clip(obj[..., 0], 0, 1))  # (N, A)
        image, anchor = np.nonzero(confidence >= threshold)  # a handful out of thousands: decode only those
        across = shape[1] // stride
        corner = np.stack([anchor % across, anchor // across], axis=1).astype(np.float32)
        rows.append(image)
        scores.append(confidence[image, anchor])
        boxes.append(_corners(bbox[image, anchor], corner, stride))
        points.append((kps[image, anchor].reshape(-1, 5, 2) + corner[:, None]) * stride)
    return pick(outputs[0].shape[0], *(np.concatenate(part) for part in (rows, scores, boxes, points)))


def pick(count: int, rows: NDArray[np.int64], scores: Floats, boxes: Floats, points: Floats) -> list[list[Face]]:
    """Candidates of all images together to faces of each image. rows: (K,) which image; boxes: (K, 4) corners."""
    found: list[list[Face]] = []
    for image in range(count):
        mine = np.nonzero(rows == image)[0]
        kept = mine[suppress(boxes[mine], scores[mine], OVERLAP)]
        found.append([_face(boxes[at], points[at], scores[at]) for at in kept])
    return found


def _corners(bbox: Floats, corner: Floats, stride: int) -> Floats:
    centre = (corner + bbox[:, :2]) * stride
    size = np.exp(np.minimum(bbox[:, 2:], 10)) * stride  # exp(10) strides is beyond any frame; stops overflow
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)


def _face(box: Floats, points: Floats, score: np.floating) -> Face:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return Face(Box(x0, y0, x1 - x0, y1 - y0), points.astype(np.float32), float(score))
