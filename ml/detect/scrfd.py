"""The SCRFD layout (InsightFace exports) to faces, for packs that operators bring.

(Guo et al. 2021, "Sample and Computation Redistribution for Efficient Face Detection".) Boxes are
distances from the anchor to the four edges, points are offsets, all in strides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.detect.yunet import STRIDES, pick
from ml.types import Face

Floats = NDArray[np.float32]


def decode(outputs: Sequence[Floats], shape: tuple[int, int], threshold: float) -> list[list[Face]]:
    """outputs: score, bbox, kps at each stride, (N, H/s * W/s * anchors, 1 | 4 | 10), N left out for one image.

    shape: height and width of the input, px. Returns the faces of each image, px of the input, most confident first.
    """
    batched = [one if one.ndim == 3 else one[None] for one in outputs]
    rows, scores, boxes, points = [], [], [], []
    for level, stride in enumerate(STRIDES):
        score, bbox, kps = (batched[kind * 3 + level] for kind in range(3))
        image, place = np.nonzero(score[..., 0] >= threshold)
        down, across = shape[0] // stride, shape[1] // stride
        cell = place // max(1, score.shape[1] // (down * across))  # one or more anchors share a cell
        centre = np.stack([cell % across, cell // across], axis=1).astype(np.float32)
        edges = bbox[image, place]
        rows.append(image)
        scores.append(score[image, place, 0])
        boxes.append(np.concatenate([centre - edges[:, :2], centre + edges[:, 2:]], axis=1) * stride)
        points.append((kps[image, place].reshape(-1, 5, 2) + centre[:, None]) * stride)
    return pick(batched[0].shape[0], *(np.concatenate(part) for part in (rows, scores, boxes, points)))
