"""The pieces the networks share. Batch norms are folded into the convolutions when a pack is made."""

from __future__ import annotations

from torch import nn

LANES = 16  # float32 per AVX-512 register: channel counts that are no multiple fall out of every fast path


def whole(channels: int) -> int:
    """Rounded up to full registers; the added channels carry zero weights and change no result."""
    return -(-channels // LANES) * LANES


def conv(
    inputs: int, outputs: int, *, size: int = 1, stride: int = 1, padding: int | None = None, groups: int = 1
) -> nn.Conv2d:
    """A convolution with bias; `padding=None` keeps the size at stride 1."""
    return nn.Conv2d(
        inputs, outputs, size, stride=stride, padding=size // 2 if padding is None else padding, groups=groups
    )


def depthwise(channels: int, *, size: int = 3, stride: int = 1, padding: int | None = None) -> nn.Conv2d:
    return conv(channels, channels, size=size, stride=stride, padding=padding, groups=channels)
