"""dlib's face recognition ResNet, 29 convolutions, 128 values (Davis King, 2017).

Source: the template `anet_type` of dlib's examples/dnn_face_recognition_ex.cpp. Its per-channel affine
layers are folded into the convolutions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ml.nets.blocks import conv

INPUT = 150  # px, square, RGB
EMBEDDING = 128
STAGES = (  # channels, blocks, whether the first block halves the size
    (32, 3, False),
    (64, 4, True),
    (128, 3, True),
    (256, 3, True),
    (256, 1, True),
)


class Block(nn.Module):
    """Two 3x3 convolutions beside a skip; a down block averages the skip and leaves its new channels zero."""

    def __init__(self, inputs: int, outputs: int, *, down: bool) -> None:
        super().__init__()
        # dlib pads only convolutions of stride 1
        self.conv1 = conv(inputs, outputs, size=3, stride=2 if down else 1, padding=0 if down else 1)
        self.conv2 = conv(outputs, outputs, size=3)
        self.down = down

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        main = self.conv2(F.relu(self.conv1(x)))
        if not self.down:
            return F.relu(main + x)
        skip = F.avg_pool2d(x, 2)
        # the unpadded stride-2 convolution comes out smaller than the pooled skip on even sizes
        main = F.pad(main, (0, skip.shape[3] - main.shape[3], 0, skip.shape[2] - main.shape[2]))
        skip = F.pad(skip, (0, 0, 0, 0, 0, main.shape[1] - skip.shape[1]))
        return F.relu(main + skip)


class DlibResNet(nn.Module):
    """(N, 3, 150, 150) -> (N, 128), not unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, STAGES[0][0], size=7, stride=2, padding=0)
        self.blocks = nn.Sequential(*_blocks())
        self.head = nn.Linear(STAGES[-1][0], EMBEDDING, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2)  # (N, 32, 35, 35)
        x = self.blocks(x)  # (N, 256, 2, 2)
        return self.head(x.mean((2, 3)))


def _blocks() -> list[Block]:
    blocks, inputs = [], STAGES[0][0]
    for outputs, count, down in STAGES:
        for index in range(count):
            blocks.append(Block(inputs, outputs, down=down and index == 0))
            inputs = outputs
    return blocks
