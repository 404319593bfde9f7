"""Pixels to the network's input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.packs.manifest import InputSpec
from ml.runtime.network import Batch


def prepare(crops: NDArray[np.uint8], spec: InputSpec) -> Batch:
    """(N, H, W, 3) RGB 0..255 to (N, 3, H, W) float32: (pixel * scale - mean) / std in the network's colour order."""
    std = np.asarray(spec.std, np.float32)
    gain = np.float32(spec.scale) / std
    offset = -np.asarray(spec.mean, np.float32) / std
    source = crops[..., ::-1] if spec.colour == "BGR" else crops
    planes = source.transpose(0, 3, 1, 2).astype(np.float32, order="C")  # (N, 3, H, W)
    if (gain != 1.0).any():
        planes *= gain[:, None, None]
    if offset.any():
        planes += offset[:, None, None]
    return planes
