"""OpenCV Zoo's YuNet 2023mar ONNX graph into our module.

The file lost the names of the folded layers, but the graph keeps their order: the convolutions of stem,
backbone and neck come first, then for each kind of head its three levels.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from ml.errors import PackError
from ml.nets.yunet import BACKBONE, STRIDES
from ml.runtime.inspect import parse_graph

_HEADS_IN_FILE = ("cls", "bbox", "obj", "kps")
_JOINED = ("cls", "obj", "bbox", "kps")  # order of channels in our joined head, ml.nets.yunet.HEADS

Pair = tuple[NDArray[np.float32], NDArray[np.float32]]  # weight, bias


def convert(files: dict[str, bytes]) -> dict[str, torch.Tensor]:
    """{name: bytes of the .onnx} -> state dict of YuNet."""
    (data,) = files.values()
    found = _convolutions(data)
    if len(found) != 1 + 2 * (len(_trunk()) + len(_HEADS_IN_FILE) * len(STRIDES)):
        raise PackError("pack_source", f"{len(found)} convolutions: this is not YuNet 2023mar")
    pairs = iter(found)
    state: dict[str, NDArray[np.float32]] = {}

    def put(name: str, pair: Pair) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = pair

    put("stem", next(pairs))
    for name in _trunk():
        put(f"{name}.0", next(pairs))  # 1x1
        put(f"{name}.1", next(pairs))  # depthwise
    heads = {(kind, level): (next(pairs), next(pairs)) for kind in _HEADS_IN_FILE for level in range(len(STRIDES))}
    for level in range(len(STRIDES)):
        for step in (0, 1):
            put(f"heads.{level}.{step}", _join([heads[kind, level][step] for kind in _JOINED]))
    return {name: torch.from_numpy(np.array(array, np.float32, order="C")) for name, array in state.items()}


def _trunk() -> list[str]:
    backbone = [f"backbone.{pair}.{unit}" for pair in range(len(BACKBONE)) for unit in (0, 1)]
    return ["stem_unit", *backbone, "neck.2", "neck.1", "neck.0"]


def _join(pairs: list[Pair]) -> Pair:
    """Heads side by side: the same 64 inputs for the 1x1, one filter per channel for the depthwise."""
    return np.concatenate([weight for weight, _ in pairs]), np.concatenate([bias for _, bias in pairs])


def _convolutions(data: bytes) -> list[Pair]:
    graph = parse_graph(data, "YuNet").graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    try:
        return [(arrays[node.input[1]], arrays[node.input[2]]) for node in graph.node if node.op_type == "Conv"]
    except (KeyError, IndexError) as error:
        raise PackError("pack_source", f"a convolution of the graph has no weights: {error}") from error
