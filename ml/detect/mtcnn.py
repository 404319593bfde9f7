"""MTCNN's cascade. (Zhang et al. 2016, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks"; thresholds and roundings of the authors' code as FaceNet ported it.)

Three networks look ever closer: P-Net proposes windows over a pyramid, R-Net discards most,
O-Net places box and points. The last two run once for the candidates of all images together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as Pil

from ml.detect.boxes import rescale, suppress
from ml.detect.canvas import Sheet, sheets
from ml.packs import InputSpec
from ml.runtime import Network, prepare
from ml.types import Box, Face, Pixels

Floats = NDArray[np.float32]
PARTS = ("pnet", "rnet", "onet")
CELL, STRIDE = 12, 2  # px: P-Net's window and step
SHRINK = 0.709  # between pyramid levels: half the area
THRESHOLDS = (0.6, 0.7, 0.7)  # face probability each network must see
LONGEST = 640  # px of canvas, as YuNet's, so that the two compare
SMALLEST = 40  # px of canvas; MODELS' timings used it, and smaller faces fail quality anyway
SURE = 0.995  # the cascade is always sure of itself: only its clearest doubts are worth a turn
SHEET = 16  # images at once
WINDOWS = 512  # candidates per run of R-Net and O-Net


class Cascade:
    """Canvas boxes below are (K, 4) x0, y0, x1, y1; `rows` (K,) says which image of the sheet each is in."""

    def __init__(
        self,
        pnet: Network,
        rnet: Network,
        onet: Network,
        spec: InputSpec,
        *,
        longest: int = LONGEST,
        smallest: int = SMALLEST,
    ) -> None:
        self.sure = SURE
        self._pnet, self._rnet, self._onet, self._spec = pnet, rnet, onet, spec
        self._longest, self._smallest = longest, smallest

    def find(self, images: Sequence[Pixels], *, longest: int | None = None) -> list[list[Face]]:
        """See `ml.detect.detector.Finder`."""
        found: list[list[Face]] = [[] for _ in images]
        for sheet in sheets(images, longest=longest or self._longest, multiple=1, most=SHEET):
            for place, scale, faces in zip(sheet.places, sheet.scales, self._on(sheet), strict=True):
                found[place] = [rescale(face, 1 / scale) for face in faces]
        return found

    def _on(self, sheet: Sheet) -> list[list[Face]]:
        rows, boxes = self._propose(sheet)
        rows, boxes = self._refine(sheet, rows, boxes)
        return self._place(sheet, rows, boxes)

    def _propose(self, sheet: Sheet) -> tuple[NDArray[np.int64], Floats]:
        pixels = torch.from_numpy(prepare(sheet.pixels, self._spec))  # (N, 3, H, W)
        levels = [self._level(pixels, scale) for scale in pyramid(sheet.shape, self._smallest)]
        if not levels:
            return np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
        rows, scores, boxes, shifts = (np.concatenate(part) for part in zip(*levels, strict=True))
        kept = per_image(rows, boxes, scores, 0.7)
        return rows[kept], squared(shifted(boxes[kept], shifts[kept]))

    def _level(self, pixels: torch.Tensor, scale: float) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
        height, width = (int(np.ceil(side * scale)) for side in pixels.shape[2:])
        small = F.interpolate(pixels, (height, width), mode="area").numpy()
        faces, shifts = self._pnet(small)
        rows, down, across = np.nonzero(faces[:, 1] >= THRESHOLDS[0])
        scores = faces[rows, 1, down, across]
        corner = np.stack([across, down], axis=1) * STRIDE
        boxes = np.floor(np.concatenate([corner + 1, corner + CELL], axis=1) / scale).astype(np.float32)
        kept = per_image(rows, boxes, scores, 0.5)
        return rows[kept], scores[kept], boxes[kept], shifts[rows, :, down, across][kept]

    def _refine(self, sheet: Sheet, rows: NDArray[np.int64], boxes: Floats) -> tuple[NDArray[np.int64], Floats]:
        faces, shifts = self._look(self._rnet, sheet, rows, boxes, 24, (2, 4))
        sure = faces[:, 1] >= THRESHOLDS[1]
        rows, boxes, shifts, scores = rows[sure], boxes[sure], shifts[sure], faces[sure, 1]
        kept = per_image(rows, boxes, scores, 0.7)
        return rows[kept], squared(shifted(boxes[kept], shifts[kept], inclusive=1))

    def _place(self, sheet: Sheet, rows: NDArray[np.int64], boxes: Floats) -> list[list[Face]]:
        faces, shifts, points = self._look(self._onet, sheet, rows, boxes, 48, (2, 4, 10))
        sure = faces[:, 1] >= THRESHOLDS[2]
        rows, boxes, shifts, points, scores = rows[sure], boxes[sure], shifts[sure], points[sure], faces[sure, 1]
        sides = (boxes[:, 2:] - boxes[:, :2] + 1)[:, None]  # (K, 1, 2)
        marks = points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides + boxes[:, None, :2] - 1  # (K, 5, 2)
        boxes = shifted(boxes, shifts, inclusive=1)
        found: list[list[Face]] = [[] for _ in sheet.places]
        for at in per_image(rows, boxes, scores, 0.7, of_smaller=True):
            x0, y0, x1, y1 = (float(edge) for edge in boxes[at])
            found[rows[at]].append(Face(Box(x0, y0, x1 - x0, y1 - y0), marks[at].astype(np.float32), float(scores[at])))
        return found

    def _look(
        self, network: Network, sheet: Sheet, rows: NDArray[np.int64], boxes: Floats, size: int, widths: tuple[int, ...]
    ) -> tuple[Floats, ...]:
        """The network's outputs for the window in each box. widths: of its outputs, for when there is no box."""
        if not len(rows):
            return tuple(np.zeros((0, width), np.float32) for width in widths)
        windows = np.stack([window(sheet.pixels[row], box, size) for row, box in zip(rows, boxes, strict=True)])
        parts = [network(prepare(windows[at : at + WINDOWS], self._spec)) for at in range(0, len(windows), WINDOWS)]
        return tuple(np.concatenate(same) for same in zip(*parts, strict=True))


def pyramid(shape: tuple[int, int], smallest: int) -> list[float]:
    """Scales at which a face of `smallest` px and larger ones fill P-Net's window."""
    scales, scale = [], CELL / smallest
    while min(shape) * scale >= CELL:
        scales.append(scale)
        scale *= SHRINK
    return scales


def window(image: Pixels, box: Floats, size: int) -> Pixels:
    """The box's content (size, size, 3), black where it leaves the image."""
    x0, y0, x1, y1 = (int(edge) for edge in np.trunc(box))
    cut = Pil.fromarray(image).crop((x0 - 1, y0 - 1, max(x1, x0), max(y1, y0)))  # boxes count from 1, ends included
    return np.asarray(cut.resize((size, size), Pil.Resampling.BOX))


def shifted(boxes: Floats, shifts: Floats, *, inclusive: int = 0) -> Floats:
    """Boxes moved by the network's regression, in units of their own sides."""
    sides = boxes[:, 2:] - boxes[:, :2] + inclusive
    return (boxes + shifts * np.tile(sides, 2)).astype(np.float32)


def squared(boxes: Floats) -> Floats:
    """Each box grown to a square around its centre."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True) if len(sides) else sides[:, :1]
    corner = boxes[:, :2] + (sides - longest) / 2
    return np.concatenate([corner, corner + longest], axis=1).astype(np.float32)


def per_image(
    rows: NDArray[np.int64], boxes: Floats, scores: Floats, threshold: float, *, of_smaller: bool = False
) -> NDArray[np.int64]:
    """Suppression within each image; indices kept."""
    kept = [
        mine[suppress(boxes[mine], scores[mine], threshold, of_smaller=of_smaller)]
        for mine in (np.nonzero(rows == image)[0] for image in np.unique(rows))
    ]
    return np.concatenate(kept) if kept else np.zeros(0, np.int64)
