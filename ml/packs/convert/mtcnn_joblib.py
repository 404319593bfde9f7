"""MTCNN's weights as the `mtcnn` package ships them: joblib in an LZ4 frame.

joblib writes a pickle in which each array is an announcement (shape, dtype) followed by its raw bytes.
A pickle is a program, so it is not run: the opcodes are interpreted by a reader that knows three names,
maps each to something of ours that only records, and refuses every other one. That, and the hash that
matched before, is why nothing in the file can do more than describe float32 arrays.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

import lz4.frame
import numpy as np
import torch
from numpy.typing import NDArray

from ml.errors import PackError

_LIMIT = 16 * 1024 * 1024  # bytes once decompressed; the largest of the three holds 1.6 MB

Arrays = list[NDArray[np.float32]]


def convert(files: dict[str, bytes]) -> dict[str, torch.Tensor]:
    """{"pnet.lz4": ..., "rnet.lz4": ..., "onet.lz4": ...} -> the three state dicts, each under its part's prefix."""
    state: dict[str, NDArray[np.float32]] = {}
    for part, layers in _LAYERS.items():
        arrays = iter(read_arrays(files[f"{part}.lz4"]))
        for name, kind in layers:
            for suffix, array in _LAYOUT[kind](arrays):
                state[f"{part}.{name}.{suffix}"] = array
        if next(arrays, None) is not None:
            raise PackError("pack_source", f"{part}.lz4 holds more layers than the network")
    return {name: torch.from_numpy(np.array(array, np.float32, order="C")) for name, array in state.items()}


def read_arrays(data: bytes) -> Arrays:
    """The float32 arrays of a joblib file, in order; PackError(pack_source) on anything else in it."""
    with lz4.frame.LZ4FrameFile(io.BytesIO(data)) as frame:
        raw = frame.read(_LIMIT + 1)
    if len(raw) > _LIMIT:
        raise PackError("pack_source", f"the file decompresses to more than {_LIMIT} bytes")
    try:
        arrays = _Reader(io.BytesIO(raw)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise PackError("pack_source", f"not a joblib list of arrays: {error}") from error
    if not isinstance(arrays, list) or not all(isinstance(one, np.ndarray) for one in arrays):
        raise PackError("pack_source", "not a joblib list of arrays")
    return arrays


class _Announced:
    """Stands in for joblib's NumpyArrayWrapper: filled from the pickle, never called."""

    shape: tuple[int, ...]
    dtype: _Dtype
    order: str
    numpy_array_alignment_bytes: int | None

    def read(self, stream: io.BytesIO) -> NDArray[np.float32]:
        if self.order != "C" or self.dtype.code != "f4":
            raise pickle.UnpicklingError("only C-ordered float32 arrays are read")
        if self.numpy_array_alignment_bytes is not None:
            stream.read(stream.read(1)[0])  # padding, announced by its length
        count = int(np.prod(self.shape))
        return np.frombuffer(stream.read(4 * count), "<f4", count).reshape(self.shape)


class _Dtype:
    """Stands in for numpy.dtype: remembers what it was asked for."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: tuple[object, ...]) -> None:
        if state[1] != "<":
            raise pickle.UnpicklingError("only little-endian arrays are read")


class _Subclass:
    """Stands in for numpy.ndarray, which joblib names as the type to build."""


_KNOWN: dict[tuple[str, str], type] = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): _Announced,
    ("numpy", "ndarray"): _Subclass,
    ("numpy", "dtype"): _Dtype,
}


class _Reader(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """The pure Python interpreter, because its BUILD can be overridden; find_class is the only way to a name."""

    dispatch = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.arrays_from = stream

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weights file")
        return _KNOWN[module, name]

    def load_build(self) -> None:
        super().load_build()
        if isinstance(self.stack[-1], _Announced):
            self.stack.append(self.stack.pop().read(self.arrays_from))

    dispatch[pickle.BUILD[0]] = load_build


_Named = list[tuple[str, NDArray[np.float32]]]


def _conv(arrays: Iterator[NDArray[np.float32]]) -> _Named:
    weight, bias = next(arrays), next(arrays)  # (kh, kw, in, out)
    return [("weight", weight.transpose(3, 2, 0, 1)), ("bias", bias)]


def _act(arrays: Iterator[NDArray[np.float32]]) -> _Named:
    return [("weight", next(arrays).reshape(-1))]


def _dense(arrays: Iterator[NDArray[np.float32]]) -> _Named:
    weight, bias = next(arrays), next(arrays)  # (in, out)
    return [("weight", weight.T), ("bias", bias)]


def _flat(arrays: Iterator[NDArray[np.float32]]) -> _Named:
    """A dense layer over a 3 x 3 map that Keras flattened as (column, row, channel)."""
    weight, bias = next(arrays), next(arrays)
    by_place = weight.reshape(3, 3, -1, weight.shape[1])                # (w, h, c, out)
    ours = by_place.transpose(3, 2, 1, 0).reshape(weight.shape[1], -1)  # (out, c * h * w)
    return [("weight", ours), ("bias", bias)]


_LAYOUT = {"conv": _conv, "act": _act, "dense": _dense, "flat": _flat}
_LAYERS: dict[str, tuple[tuple[str, str], ...]] = {
    "pnet": (
        ("conv1", "conv"), ("act1", "act"), ("conv2", "conv"), ("act2", "act"), ("conv3", "conv"), ("act3", "act"),
        ("box", "conv"), ("face", "conv"),
    ),
    "rnet": (
        ("conv1", "conv"), ("act1", "act"), ("conv2", "conv"), ("act2", "act"), ("conv3", "conv"), ("act3", "act"),
        ("dense", "flat"), ("act4", "act"), ("box", "dense"), ("face", "dense"),
    ),
    "onet": (
        ("conv1", "conv"), ("act1", "act"), ("conv2", "conv"), ("act2", "act"), ("conv3", "conv"), ("act3", "act"),
        ("conv4", "conv"), ("act4", "act"), ("dense", "flat"), ("act5", "act"), ("box", "dense"),
        ("points", "dense"), ("face", "dense"),
    ),
}  # fmt: skip
