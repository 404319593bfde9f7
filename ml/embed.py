"""Aligned crops to templates that can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml.align import align
from ml.packs import Pack
from ml.runtime import Network, prepare
from ml.types import Face, ModelRef, Pixels


class Recogniser:
    def __init__(self, pack: Pack, network: Network, *, most: int = 64) -> None:
        self.ref: ModelRef = pack.ref
        self.template = pack.manifest.template  # (5, 2) px of the crop
        self._spec = pack.manifest.input
        self.size = int(pack.manifest.input.height or 0)  # px; the manifest guarantees it for recognisers
        self._network = network
        self._most = most  # crops per run of the network, bounds memory

    @property
    def eye_distance(self) -> float:
        """px between the eyes in the crop: what the photograph should offer, too."""
        return float(np.linalg.norm(self.template[1] - self.template[0]))

    def crop(self, image: Pixels, face: Face) -> Pixels:
        """(size, size, 3), laid out as this network was trained."""
        return align(image, face.landmarks, self.template, self.size)

    def embed(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        """(N, D), unit length."""
        parts = [self._run(np.stack(crops[at : at + self._most])) for at in range(0, len(crops), self._most)]
        return np.concatenate(parts)

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        raw = self._network(prepare(crops, self._spec))
        assert isinstance(raw, np.ndarray)  # recognisers have one output, see ml.runtime.network
        return raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-12)
