"""YuNet 2023mar, a face detector with five points (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023).

The structure is read off the graph of OpenCV Zoo's face_detection_yunet_2023mar.onnx. The four heads of
each level are one convolution here: the same sums in a quarter of the calls.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ml.nets.blocks import conv, depthwise

STRIDES = (8, 16, 32)
HEADS = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))  # order of channels in the joined head
STEM = 16
BACKBONE = (  # channels of each pair of units, and whether a pool comes first
    (16, 32, True),
    (32, 64, False),
    (64, 64, True),  # leaves at stride 8
    (64, 64, True),  # 16
    (64, 64, True),  # 32
)


class Unit(nn.Sequential):
    """1x1 then depthwise 3x3, with nothing in between."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(conv(inputs, outputs), depthwise(outputs))


class YuNet(nn.Module):
    """(N, 3, H, W) BGR 0..255, H and W multiples of 32 -> 12 tensors, see ml/runtime/network.py."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, STEM, size=3, stride=2)
        self.stem_unit = Unit(STEM, STEM)
        widths = [STEM]
        pairs = []
        for middle, outputs, _ in BACKBONE:
            pairs.append(nn.ModuleList([Unit(widths[-1], middle), Unit(middle, outputs)]))
            widths.append(outputs)
        self.backbone = nn.ModuleList(pairs)
        self.neck = nn.ModuleList(Unit(64, 64) for _ in STRIDES)
        self.heads = nn.ModuleList(Unit(64, sum(size for _, size in HEADS)) for _ in STRIDES)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        levels = [head(level) for head, level in zip(self.heads, self.pyramid(x), strict=True)]
        per_level = [_split(level) for level in levels]  # each: cls, obj, bbox, kps
        return tuple(level[kind] for kind in range(len(HEADS)) for level in per_level)

    def pyramid(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = F.relu(self.stem_unit(F.relu(self.stem(x))))  # (N, 16, H/2, W/2)
        features = []
        for pair, (_, _, pool) in zip(self.backbone, BACKBONE, strict=True):
            x = F.max_pool2d(x, 2) if pool else x
            for unit in pair:
                x = F.relu(unit(x))
            features.append(x)
        eight, sixteen, thirty_two = features[2:]  # (N, 64, H/8, W/8), ...
        thirty_two = F.relu(self.neck[2](thirty_two))
        sixteen = F.relu(self.neck[1](sixteen + F.interpolate(thirty_two, scale_factor=2.0)))
        eight = F.relu(self.neck[0](eight + F.interpolate(sixteen, scale_factor=2.0)))
        return eight, sixteen, thirty_two


def _split(level: torch.Tensor) -> list[torch.Tensor]:
    """(N, 16, h, w) -> cls (N, h*w, 1), obj (N, h*w, 1), bbox (N, h*w, 4), kps (N, h*w, 10)."""
    rows = level.flatten(2).transpose(1, 2)
    cls, obj, bbox, kps = rows.split([size for _, size in HEADS], dim=2)
    return [cls.sigmoid(), obj.sigmoid(), bbox, kps]
