"""dlib's serialised face recognition ResNet, without dlib.

Format (dlib/serialize.h, dlib/dnn/layers.h, dlib/cuda/tensor_tools.cpp): an integer is one byte whose low
nibble counts the little-endian bytes that follow and whose high bit is the sign; a string is an integer
length and its bytes; a tensor is the integer 2, four integers (n, k, rows, columns) and raw float32.
Layers are found by their tags, the input side first: 29 x (convolution, affine), then the dense layer.
"""

from __future__ import annotations

import re
import struct

import numpy as np
import torch
from numpy.typing import NDArray

from ml.errors import PackError
from ml.nets.dlib_resnet import STAGES

_LAYER = re.compile(rb"\x01\x05(con_4)|\x01\x07(affine_)|\x01\x04(fc_2)")  # the length, then the tag
_CONVOLUTIONS = 1 + 2 * sum(count for _, count, _ in STAGES)


def convert(files: dict[str, bytes]) -> dict[str, torch.Tensor]:
    """{name: bytes of the .dat} -> state dict of DlibResNet, the affines folded into the convolutions."""
    (data,) = files.values()
    convolutions: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    affines: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    dense: list[NDArray[np.float32]] = []
    for tag in _LAYER.finditer(data):
        reader = _Reader(data, tag.end())
        match tag.lastindex:
            case 1:
                convolutions.append(_convolution(reader))
            case 2:
                affines.append(_affine(reader))
            case _:
                dense.append(_dense(reader))
    if (len(convolutions), len(affines), len(dense)) != (_CONVOLUTIONS, _CONVOLUTIONS, 1):
        raise PackError("pack_source", "this .dat is not dlib's face recognition ResNet")
    folded = [_fold(*pair, *affine) for pair, affine in zip(convolutions, affines, strict=True)]
    state = {"head.weight": dense[0]} | dict(_named(folded))
    return {name: torch.from_numpy(np.array(array, np.float32, order="C")) for name, array in state.items()}


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise PackError("pack_source", "the .dat ends in the middle of a layer")
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self) -> int:
        (head,) = struct.unpack("B", self.take(1))
        value = int.from_bytes(self.take(head & 0x0F), "little")
        return -value if head & 0x80 else value

    def tensor(self) -> NDArray[np.float32]:
        """Flat; the shape that dlib stores does not say what the values are for."""
        if self.integer() != 2:
            raise PackError("pack_source", "the .dat holds a tensor of an unknown version")
        n, k, rows, columns = (self.integer() for _ in range(4))
        return np.frombuffer(self.take(4 * n * k * rows * columns), "<f4")


def _convolution(reader: _Reader) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    values = reader.tensor()
    filters, rows, columns = (reader.integer() for _ in range(3))
    weight, bias = values[:-filters], values[-filters:]
    return weight.reshape(filters, -1, rows, columns), bias  # (out, in, kh, kw), (out,)


def _affine(reader: _Reader) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gamma, beta = reader.tensor().reshape(2, -1)
    return gamma, beta


def _dense(reader: _Reader) -> NDArray[np.float32]:
    outputs, inputs = reader.integer(), reader.integer()
    return reader.tensor().reshape(inputs, outputs).T  # dlib multiplies from the left


def _fold(
    weight: NDArray[np.float32], bias: NDArray[np.float32], gamma: NDArray[np.float32], beta: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return weight * gamma[:, None, None, None], bias * gamma + beta


def _named(folded: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> list[tuple[str, NDArray[np.float32]]]:
    names = ["stem"] + [f"blocks.{i // 2}.conv{i % 2 + 1}" for i in range(_CONVOLUTIONS - 1)]
    named: list[tuple[str, NDArray[np.float32]]] = []
    for name, (weight, bias) in zip(names, folded, strict=True):
        named += [(f"{name}.weight", weight), (f"{name}.bias", bias)]
    return named
