"""A foreign ONNX graph before it becomes a pack: does it stand alone, and is it what its manifest says?"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError

from ml.errors import PackError
from ml.packs.manifest import Manifest

OUTPUTS = {"yunet": 12, "scrfd": 9}  # arrays that each decoder reads, see ml/runtime/network.py
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}  # operators that ONNX Runtime itself brings


def check_graph(data: bytes, manifest: Manifest) -> None:
    """PackError(pack_invalid) when the graph reaches outside its file or contradicts its manifest."""
    model = parse_graph(data, manifest.name)
    _stands_alone(model, manifest.name)
    _input_fits(model, manifest)
    _outputs_fit(model, manifest)


def parse_graph(data: bytes, name: str) -> onnx.ModelProto:
    try:
        return onnx.load_model_from_string(data)
    except DecodeError as error:
        raise PackError("pack_invalid", f"{name}: not an ONNX file") from error


def _stands_alone(model: onnx.ModelProto, name: str) -> None:
    for tensor in _tensors(model.graph):
        # external data is a path chosen by the file: it could name any file of this machine
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise PackError("pack_invalid", f"{name}: weights outside the file are refused ('{tensor.name}')")
    foreign = {one.domain for one in model.opset_import} - _DOMAINS
    if foreign:
        raise PackError("pack_invalid", f"{name}: operators of {', '.join(sorted(foreign))} are not known")


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _tensors(inner)


def _input_fits(model: onnx.ModelProto, manifest: Manifest) -> None:
    known = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in known]
    if len(inputs) != 1:
        raise PackError("pack_invalid", f"{manifest.name}: the graph has {len(inputs)} inputs, one is needed")
    shape = _shape(inputs[0])
    if len(shape) != 4 or shape[1] not in (None, 3):
        raise PackError("pack_invalid", f"{manifest.name}: the input is {shape}, (N, 3, H, W) is needed")
    for axis, said in ((2, manifest.input.height), (3, manifest.input.width)):
        if shape[axis] is not None and shape[axis] != said:
            raise PackError("pack_invalid", f"{manifest.name}: the graph wants {shape[2:]} px, its manifest {said}")


def _outputs_fit(model: onnx.ModelProto, manifest: Manifest) -> None:
    outputs = list(model.graph.output)
    expected = OUTPUTS.get(manifest.output.decoder or "", 1)
    if len(outputs) != expected:
        raise PackError("pack_invalid", f"{manifest.name}: the graph has {len(outputs)} outputs, {expected} are needed")
    last = (_shape(outputs[0]) or [None])[-1]
    size = manifest.output.size
    if size is not None and last is not None and last != size:
        raise PackError("pack_invalid", f"{manifest.name}: the graph returns {last} values, the manifest says {size}")


def _shape(value: onnx.ValueInfoProto) -> list[int | None]:
    """None for a free axis."""
    return [one.dim_value if one.HasField("dim_value") else None for one in value.type.tensor_type.shape.dim]
