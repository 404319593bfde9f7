"""Detectors that see the whole photograph in one pass: YuNet and the SCRFD layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ml.detect.boxes import rescale
from ml.detect.canvas import sheets
from ml.packs import InputSpec
from ml.runtime import Network, prepare
from ml.types import Face, Pixels

Decode = Callable[[Sequence[NDArray[np.float32]], tuple[int, int], float], list[list[Face]]]

LONGEST = 640  # px of canvas. On lfw_frames 320 takes a third of the time, misses every face under 60 of
# 1024 px, and its coarser points cost the recogniser a point of EER (docs/adr/0026)
THRESHOLD = 0.6  # confidence; OpenCV's example value. Half of all faces at 1/8 of normal light pass it, noise does not
SURE = 0.9  # on lfw_frames upright subjects score 0.91 to 0.95, the same on their head 0.70 to 0.91
# Images per run. On a CPU more than 4 at 640 px fall out of its caches: 8 took 1.5, 16 twice the time per image
SHEET = {"cpu": 4, "cuda": 32}


class SingleShot:
    """A `Finder`; several images per run of the network."""

    def __init__(
        self,
        network: Network,
        spec: InputSpec,
        decode: Decode,
        *,
        longest: int = LONGEST,
        threshold: float = THRESHOLD,
        sure: float = SURE,
        most: int | None = None,
    ) -> None:
        self.sure = sure
        self._network, self._spec, self._decode = network, spec, decode
        self._longest, self._threshold = longest, threshold
        self._most = most or SHEET[network.device.partition(":")[0]]

    def find(self, images: Sequence[Pixels], *, longest: int | None = None) -> list[list[Face]]:
        """See `ml.detect.detector.Finder`."""
        found: list[list[Face]] = [[] for _ in images]
        canvas = longest or self._longest
        for sheet in sheets(images, longest=canvas, multiple=self._spec.multiple_of, most=self._most):
            outputs = self._network(prepare(sheet.pixels, self._spec))
            assert isinstance(outputs, tuple)
            faces = self._decode(outputs, sheet.shape, self._threshold)
            for place, scale, on_canvas in zip(sheet.places, sheet.scales, faces, strict=True):
                found[place] = [rescale(face, 1 / scale) for face in on_canvas]
        return found
