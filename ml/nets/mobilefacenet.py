"""MobileFaceNet (Chen et al., 2018) in the variant of github.com/foamliu/MobileFaceNet: ReLU6, 128 values."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ml.nets.blocks import conv, depthwise

INPUT = 112  # px, square, RGB
EMBEDDING = 128
STEM = 64
STAGES = (  # expansion, channels, blocks, stride of the first
    (2, 64, 5, 2),
    (4, 128, 1, 2),
    (2, 128, 6, 1),
    (4, 128, 1, 2),
    (2, 128, 2, 1),
)
TAIL = 512


class InvertedResidual(nn.Module):
    """Widen, filter per channel, narrow; added to the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.widen = conv(inputs, wide)
        self.filter = depthwise(wide, stride=stride)
        self.narrow = conv(wide, outputs)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.narrow(F.relu6(self.filter(F.relu6(self.widen(x)))))
        return x + y if self.residual else y


class MobileFaceNet(nn.Module):
    """(N, 3, 112, 112) -> (N, 128), not unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, STEM, size=3, stride=2)
        self.stem_filter = depthwise(STEM)
        self.stem_mix = conv(STEM, STEM)
        self.blocks = nn.Sequential(*_blocks())
        self.tail = conv(STAGES[-1][1], TAIL)
        self.pool = depthwise(TAIL, size=7, padding=0)  # a learnt weight per position instead of a mean
        self.head = conv(TAIL, EMBEDDING)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self.stem(x))  # (N, 64, 56, 56)
        x = F.relu(self.stem_filter(x))
        x = F.relu(self.stem_mix(x))
        x = F.relu6(self.tail(self.blocks(x)))  # (N, 512, 7, 7)
        return self.head(self.pool(x)).flatten(1)


def _blocks() -> list[InvertedResidual]:
    blocks, inputs = [], STEM
    for expansion, outputs, count, stride in STAGES:
        for index in range(count):
            first = stride if index == 0 else 1
            blocks.append(InvertedResidual(inputs, outputs, stride=first, expansion=expansion))
            inputs = outputs
    return blocks
