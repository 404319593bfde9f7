"""MTCNN's weights as the `mtcnn` package ships them: joblib in an LZ4 frame.

joblib writes a pickle in which each array is an announcement (shape, dtype) followed by its raw bytes.
A pickle is a program, so it is not run. The opcodes are read by a small stack machine that knows twenty of
them and three names, looks up no module and calls nothing: all that a file can do is describe float32 arrays.
And it is only read at all once its hash matched.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lz4.frame
import numpy as np
import torch
from numpy.typing import NDArray

from ml.errors import PackError
from ml.nets import ARCHITECTURES
from ml.packs.convert.widen import widened

_LIMIT = 16 * 1024 * 1024  # bytes once decompressed; the largest of the three holds 1.6 MB

Arrays = list[NDArray[np.float32]]


def convert(files: dict[str, bytes]) -> dict[str, torch.Tensor]:
    """{"pnet.lz4": ..., "rnet.lz4": ..., "onet.lz4": ...} -> the three state dicts, each under its part's prefix."""
    state: dict[str, NDArray[np.float32]] = {}
    for part, layers in _LAYERS.items():
        read = read_arrays(files[f"{part}.lz4"])
        if len(read) != sum(1 if kind == "act" else 2 for _, kind in layers):
            raise PackError("pack_source", f"{part}.lz4 does not hold the arrays of MTCNN's {part}")
        arrays = iter(read)
        for name, kind in layers:
            for suffix, array in _LAYOUT[kind](arrays):
                state[f"{part}.{name}.{suffix}"] = array
    tensors = {name: torch.from_numpy(np.array(array, np.float32, order="C")) for name, array in state.items()}
    return widened(tensors, ARCHITECTURES["mtcnn"])


def read_arrays(data: bytes) -> Arrays:
    """The float32 arrays of a joblib file, in order; PackError(pack_source) on anything else in it."""
    with lz4.frame.LZ4FrameFile(io.BytesIO(data)) as frame:
        raw = frame.read(_LIMIT + 1)
    if len(raw) > _LIMIT:
        raise PackError("pack_source", f"the file decompresses to more than {_LIMIT} bytes")
    try:
        arrays = _Reader(io.BytesIO(raw)).load()
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise PackError("pack_source", f"not a joblib list of arrays: {error}") from error
    if not isinstance(arrays, list) or not all(isinstance(one, np.ndarray) for one in arrays):
        raise PackError("pack_source", "not a joblib list of arrays")
    return arrays


class _Mark:
    """Where a group began on the stack."""


@dataclass
class _Thing:
    """An object that the pickle wants made: only its name and what was said about it is kept."""

    kind: str
    said: Any = None


class _Reader:
    """A stack machine for the opcodes that joblib writes for a list of arrays. It calls nothing."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.stream = stream
        self.stack: list[Any] = []
        self.memo: list[Any] = []

    def load(self) -> Any:
        # genops reads opcode by opcode, so the raw bytes of an array can be taken from the stream in between
        for opcode, argument, _ in pickletools.genops(self.stream):
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise ValueError("it ends too early")

    def step(self, name: str, argument: Any) -> None:
        match name:
            case "PROTO" | "FRAME":
                pass
            case "SHORT_BINUNICODE" | "BININT" | "BININT1" | "BININT2":
                self.stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_TUPLE":
                self.stack.append({"EMPTY_LIST": [], "EMPTY_DICT": {}, "EMPTY_TUPLE": ()}[name])
            case "MARK":
                self.stack.append(_Mark())
            case "MEMOIZE":
                self.memo.append(self.stack[-1])
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "TUPLE":
                self.stack.append(tuple(self.group()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self.pop(int(name[-1]))))
            case "APPEND" | "APPENDS":
                items = self.group() if name == "APPENDS" else self.pop(1)
                self.stack[-1].extend(items)
            case "SETITEM" | "SETITEMS":
                items = self.group() if name == "SETITEMS" else self.pop(2)
                self.stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "STACK_GLOBAL":
                self.stack.append(_name(*self.pop(2)))
            case "NEWOBJ" | "REDUCE":
                kind, arguments = self.pop(2)
                self.stack.append(_Thing(kind, arguments))
            case "BUILD":
                self.build(*self.pop(2))
            case _:
                raise ValueError(f"the opcode {name} has no place in a list of arrays")

    def build(self, thing: _Thing, state: Any) -> None:
        if thing.kind == _DTYPE:
            thing.said = (*thing.said, state[1])  # e.g. ("f4", False, True, "<"); later arrays refer to it
            self.stack.append(thing)
        elif thing.kind == _ARRAY:
            self.stack.append(self.array(state))
        else:
            raise ValueError(f"{thing.kind} is not built here")

    def array(self, state: dict[str, Any]) -> NDArray[np.float32]:
        """joblib's NumpyArrayWrapper: its raw bytes follow in the stream, aligned by announced padding."""
        code, *_, order = state["dtype"].said
        if (code, order, state["order"]) != ("f4", "<", "C"):
            raise ValueError("only little-endian, C-ordered float32 arrays are read")
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        shape = tuple(int(size) for size in state["shape"])
        count = math.prod(shape)
        return np.frombuffer(self.stream.read(4 * count), "<f4", count).reshape(shape)

    def group(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(top := self.stack.pop(), _Mark):
            items.insert(0, top)
        return items

    def pop(self, count: int) -> list[Any]:
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken


_ARRAY, _DTYPE, _SUBCLASS = "joblib.numpy_pickle.NumpyArrayWrapper", "numpy.dtype", "numpy.ndarray"


def _name(module: str, name: str) -> str:
    """The three names that joblib uses, as text; no module is looked up."""
    if (full := f"{module}.{name}") not in (_ARRAY, _DTYPE, _SUBCLASS):
        raise ValueError(f"{full} has no place in a list of arrays")
    return full


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
    by_place = weight.reshape(3, 3, -1, weight.shape[1])  # (w, h, c, out)
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
