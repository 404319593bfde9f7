"""Our torch networks as ONNX, and how far the two disagree."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ml.errors import PackError
from ml.nets import ARCHITECTURES
from ml.packs.manifest import InputSpec, Manifest, exported_name
from ml.runtime.network import Batch
from ml.runtime.onnx import run_all, session_from
from ml.runtime.prepare import prepare
from ml.runtime.torch import assemble

PARITY_LIMIT = 1e-4  # max abs difference of any output; summation order alone stays below 1e-5 on all our networks
OPSET = 17  # the newest that the exporter below writes and every ONNX Runtime since 1.12 reads
PROBES = 3  # images compared

# px; fixed-size parts that share a pack with others, where the manifest cannot say it
_PART_SIZES = {"pnet": None, "rnet": 24, "onet": 48}
_FREE_SIZES = (160, 192)  # px, a probe for networks of any size; a multiple of 32, not square


@dataclass(frozen=True, slots=True)
class Exported:
    graph: bytes
    parity: float  # max abs difference to torch over all outputs


def export(manifest: Manifest, state: Mapping[str, torch.Tensor]) -> dict[str, Exported]:
    """{file name: graph} for every part; PackError(pack_parity) when ONNX Runtime disagrees with torch."""
    exported = {}
    for part in ARCHITECTURES[manifest.architecture].parts:
        module = assemble(manifest, state, part)
        probe = _probe(manifest, part)
        graph = _graph(for_onnx_runtime(module), probe, dynamic=_free(manifest.input, part))
        parity = difference(module, graph, probe)
        if not parity < PARITY_LIMIT:  # NaN too
            raise PackError("pack_parity", f"{manifest.name} {part}: ONNX is {parity:.1e} away from torch")
        exported[exported_name(part)] = Exported(graph, parity)
    return exported


class Slopes(torch.nn.Module):
    """PReLU as two per-channel products, a*x + (1 - a)*relu(x): ONNX Runtime leaves its blocked layout for
    PRelu and goes back after it; these stay in it (1.6 times faster over all of MTCNN and MiniFASNet)."""

    def __init__(self, prelu: torch.nn.PReLU) -> None:
        super().__init__()
        slope = prelu.weight.detach().reshape(-1, 1, 1, 1)
        self.slope, self.rest = slope, 1.0 - slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != 4:
            return F.prelu(x, self.slope.flatten())
        channels = x.shape[1]
        return F.conv2d(F.relu(x), self.rest, groups=channels) + F.conv2d(x, self.slope, groups=channels)


def for_onnx_runtime(module: torch.nn.Module) -> torch.nn.Module:
    """A copy with the same results in the operators that ONNX Runtime is fast at."""
    twin = copy.deepcopy(module)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.PReLU):
                setattr(parent, name, Slopes(child))
    return twin


def difference(module: torch.nn.Module, graph: bytes, probe: Batch) -> float:
    """Max abs difference between torch and ONNX Runtime on the CPU over all outputs."""
    with torch.inference_mode():
        ours = module(torch.from_numpy(probe))
    theirs = run_all(session_from(graph, device="cpu", threads=1), probe)
    ours = ours if isinstance(ours, tuple) else (ours,)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(ours, theirs, strict=True))


def _graph(module: torch.nn.Module, probe: Batch, *, dynamic: bool) -> bytes:
    """TorchScript-based export: 0.1 s and a plain graph, where torch.export takes 3 s and rejects the free sizes."""
    axes = {0: "n", 2: "h", 3: "w"} if dynamic else {0: "n"}
    with torch.no_grad():
        count = len(out) if isinstance(out := module(torch.from_numpy(probe)), tuple) else 1
    names = [f"output{i}" for i in range(count)]
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecation of this exporter, and tracing remarks on fixed sizes
        torch.onnx.export(
            module, (torch.from_numpy(probe),), buffer, dynamo=False, opset_version=OPSET,
            input_names=["input"], output_names=names,
            dynamic_axes={"input": axes} | {name: {0: "n"} for name in names},
        )  # fmt: skip
    return buffer.getvalue()


def _probe(manifest: Manifest, part: str) -> Batch:
    size = _PART_SIZES.get(part) if part else manifest.input.height
    height, width = _FREE_SIZES if size is None else (size, size)
    pixels = np.random.default_rng(0).integers(0, 256, (PROBES, height, width, 3), np.uint8)
    return prepare(pixels, manifest.input)


def _free(spec: InputSpec, part: str) -> bool:
    return (_PART_SIZES[part] if part else spec.height) is None
