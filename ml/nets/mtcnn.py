"""MTCNN's three networks (Zhang et al., "Joint Face Detection and Alignment", 2016), FaceNet's weights.

The origin's 10 and 28 channels become whole registers, the new ones with zero weights.
Input of each: RGB, (x - 127.5) / 128. Class 1 is face; boxes are x1, y1, x2, y2 offsets in units of the window.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from ml.nets.blocks import conv

PNET_CELL, PNET_STRIDE = 12, 2  # px: window and step of the proposal network
RNET_INPUT = 24  # px, square
ONET_INPUT = 48  # px, square


class PNet(nn.Module):
    """(N, 3, H, W) -> faces (N, 2, h, w) as probabilities, boxes (N, 4, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.act1 = conv(3, 16, size=3, padding=0), nn.PReLU(16)
        self.conv2, self.act2 = conv(16, 16, size=3, padding=0), nn.PReLU(16)
        self.conv3, self.act3 = conv(16, 32, size=3, padding=0), nn.PReLU(32)
        self.box = conv(32, 4)
        self.face = conv(32, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.max_pool2d(self.act1(self.conv1(x)), 2, 2, ceil_mode=True)
        x = self.act2(self.conv2(x))
        x = self.act3(self.conv3(x))
        return self.face(x).softmax(1), self.box(x)


class RNet(nn.Module):
    """(N, 3, 24, 24) -> faces (N, 2) as probabilities, boxes (N, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.act1 = conv(3, 32, size=3, padding=0), nn.PReLU(32)
        self.conv2, self.act2 = conv(32, 48, size=3, padding=0), nn.PReLU(48)
        self.conv3, self.act3 = conv(48, 64, size=2, padding=0), nn.PReLU(64)
        self.dense, self.act4 = nn.Linear(64 * 3 * 3, 128), nn.PReLU(128)
        self.box = nn.Linear(128, 4)
        self.face = nn.Linear(128, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.max_pool2d(self.act1(self.conv1(x)), 3, 2, ceil_mode=True)  # (N, 32, 11, 11)
        x = F.max_pool2d(self.act2(self.conv2(x)), 3, 2)  # (N, 48, 4, 4)
        x = self.act3(self.conv3(x))  # (N, 64, 3, 3)
        x = self.act4(self.dense(x.flatten(1)))
        return self.face(x).softmax(1), self.box(x)


class ONet(nn.Module):
    """(N, 3, 48, 48) -> faces (N, 2) as probabilities, boxes (N, 4), points (N, 10): x1..x5, y1..y5 in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.act1 = conv(3, 32, size=3, padding=0), nn.PReLU(32)
        self.conv2, self.act2 = conv(32, 64, size=3, padding=0), nn.PReLU(64)
        self.conv3, self.act3 = conv(64, 64, size=3, padding=0), nn.PReLU(64)
        self.conv4, self.act4 = conv(64, 128, size=2, padding=0), nn.PReLU(128)
        self.dense, self.act5 = nn.Linear(128 * 3 * 3, 256), nn.PReLU(256)
        self.box = nn.Linear(256, 4)
        self.points = nn.Linear(256, 10)
        self.face = nn.Linear(256, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = F.max_pool2d(self.act1(self.conv1(x)), 3, 2, ceil_mode=True)  # (N, 32, 23, 23)
        x = F.max_pool2d(self.act2(self.conv2(x)), 3, 2)  # (N, 64, 10, 10)
        x = F.max_pool2d(self.act3(self.conv3(x)), 2, 2, ceil_mode=True)  # (N, 64, 4, 4)
        x = self.act4(self.conv4(x))  # (N, 128, 3, 3)
        x = self.act5(self.dense(x.flatten(1)))
        return self.face(x).softmax(1), self.box(x), self.points(x)
