"""The one protocol behind which networks run."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float32]  # (N, C, H, W)
Outputs = Batch | tuple[NDArray[np.float32], ...]

RuntimeName = Literal["auto", "torch", "onnx"]
Precision = Literal["fp32", "bf16", "fp16"]


class Network(Protocol):
    """A loaded network: numpy in, numpy out, whatever runs it.

    Outputs by architecture (N images, always float32, whatever the precision inside):

    - recogniser: (N, D), NOT yet unit length.
    - pad: (N, classes) logits, before softmax. quality: (N, 1).
    - detector, decoder "yunet": 12 arrays: cls 8, 16, 32; obj 8, 16, 32; bbox 8, 16, 32; kps 8, 16, 32;
      each (N, H/s * W/s, 1 | 1 | 4 | 10), cls and obj already in 0..1, rows in raster order.
    - detector, decoder "scrfd": 9 arrays: score 8, 16, 32; bbox 8, 16, 32; kps 8, 16, 32;
      each (N, H/s * W/s * anchors, 1 | 4 | 10) (or without N for a batch of one, as InsightFace exports).
    - detector, decoder "mtcnn", by part: pnet (N, 2, h, w) softmaxed, (N, 4, h, w); rnet (N, 2), (N, 4);
      onet (N, 2), (N, 4), (N, 10); class 1 is face; points x1..x5, y1..y5 in 0..1 of the box.
    """

    @property
    def runtime(self) -> Literal["torch", "onnx"]: ...

    @property
    def device(self) -> str: ...  # "cpu", "cuda", "cuda:1"

    def __call__(self, batch: Batch) -> Outputs: ...
