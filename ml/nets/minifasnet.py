"""MiniFASNet V2 and V1SE, pruned MobileFaceNets that look for print and replay traces.

Structure: github.com/minivision-ai/Silent-Face-Anti-Spoofing, src/model_lib/MiniFASNet.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ml.nets.blocks import conv, depthwise, whole

INPUT = 80  # px, square, BGR 0..255
CLASSES = 3  # 1 is bona fide
STEM = 32
TAIL = 512
REDUCTION = 4  # squeeze-and-excitation

# Each stage: width of its down block, output channels, inner widths of its residual blocks, as pruned by the
# origin; the modules round them up to whole registers (1.9 times faster in ONNX Runtime)
Widths = tuple[tuple[int, int, tuple[int, ...]], ...]
V2: Widths = (
    (103, 64, (13, 13, 13, 13)),
    (231, 128, (231, 52, 26, 77, 26, 26)),
    (308, 128, (26, 26)),
)
V1: Widths = (
    (103, 64, (13, 26, 13, 52)),
    (231, 128, (154, 52, 26, 52, 26, 26)),
    (308, 128, (26, 26)),
)


class Squeeze(nn.Module):
    """Weighs each channel by what the whole image holds."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = conv(channels, channels // REDUCTION)
        self.expand = conv(channels // REDUCTION, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True))))  # (N, C, 1, 1)
        return x * weights.sigmoid()


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int, *, stride: int = 1, squeeze: bool = False) -> None:
        super().__init__()
        width = whole(width)
        self.widen, self.act1 = conv(inputs, width), nn.PReLU(width)
        self.filter, self.act2 = depthwise(width, stride=stride), nn.PReLU(width)
        self.narrow = conv(width, outputs)
        self.squeeze = Squeeze(outputs) if squeeze else nn.Identity()
        self.residual = stride == 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act2(self.filter(self.act1(self.widen(x))))
        y = self.squeeze(self.narrow(y))
        return x + y if self.residual else y


class MiniFASNet(nn.Module):
    """(N, 3, 80, 80) -> (N, 3) logits. `squeeze`: the last residual block of each stage has one (the SE variants)."""

    def __init__(self, widths: Widths, *, squeeze: bool) -> None:
        super().__init__()
        self.stem, self.act1 = conv(3, STEM, size=3, stride=2), nn.PReLU(STEM)
        self.stem_filter, self.act2 = depthwise(STEM), nn.PReLU(STEM)
        self.blocks = nn.Sequential(*_blocks(widths, squeeze=squeeze))
        self.tail, self.act3 = conv(128, TAIL), nn.PReLU(TAIL)
        self.pool = depthwise(TAIL, size=5, padding=0)
        # the origin's 512 -> 128 projection, its batch norm and the classifier are linear: one matrix
        self.head = nn.Linear(TAIL, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act1(self.stem(x))  # (N, 32, 40, 40)
        x = self.act2(self.stem_filter(x))
        x = self.act3(self.tail(self.blocks(x)))  # (N, 512, 5, 5)
        return self.head(self.pool(x).flatten(1))


def minifasnet_v2() -> MiniFASNet:
    return MiniFASNet(V2, squeeze=False)


def minifasnet_v1se() -> MiniFASNet:
    return MiniFASNet(V1, squeeze=True)


def _blocks(widths: Widths, *, squeeze: bool) -> list[Bottleneck]:
    blocks, inputs = [], STEM
    for down, outputs, inner in widths:
        blocks.append(Bottleneck(inputs, down, outputs, stride=2))
        last = len(inner) - 1
        blocks += [Bottleneck(outputs, w, outputs, squeeze=squeeze and i == last) for i, w in enumerate(inner)]
        inputs = outputs
    return blocks
