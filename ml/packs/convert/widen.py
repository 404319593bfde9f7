"""Weights into a network whose channel counts were rounded up."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ml.errors import PackError
from ml.nets import Architecture


def widened(state: Mapping[str, torch.Tensor], architecture: Architecture) -> dict[str, torch.Tensor]:
    """Each tensor with zeros appended up to the shape that the architecture wants.

    A channel with zero weights and zero bias is zero, also after ReLU and PReLU, and the next layer reads it
    with zero weights: the results are the same.
    """
    wide = {}
    for name, wanted in _shapes(architecture).items():
        have = state.get(name)
        if have is None or have.dim() != wanted.dim() or any(map(int.__gt__, have.shape, wanted.shape)):
            raise PackError("pack_source", f"the weights do not fit '{name}'")
        room = torch.zeros(wanted.shape)
        room[tuple(slice(0, size) for size in have.shape)] = have
        wide[name] = room
    return wide


def _shapes(architecture: Architecture) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        modules = {part: architecture.build(part) for part in architecture.parts}
    return {
        f"{part}.{name}" if part else name: tensor
        for part, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
