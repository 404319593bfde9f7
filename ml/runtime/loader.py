"""From a pack to a network on the device that was asked for, or an error: never another device."""

from __future__ import annotations

from ml.errors import DeviceError, PackError
from ml.nets import ARCHITECTURES
from ml.packs.pack import Pack
from ml.runtime.network import Network, Precision, RuntimeName

_PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16")


def load(
    pack: Pack,
    *,
    part: str = "",
    device: str = "cpu",
    runtime: RuntimeName = "auto",
    precision: Precision = "fp32",
    threads: int | None = None,
    cuda_graphs: bool = False,
) -> Network:
    """Load one network of a pack.

    `part` names the network in packs that hold several (MTCNN: pnet, rnet, onet).
    `runtime="auto"` takes what was measured fastest: see `choose`.
    `threads` limits ONNX Runtime's own pool (None: one per core); torch's is process-wide, set it there.
    `cuda_graphs` records torch's kernels once per input shape: for small batches on a GPU.
    Raises DeviceError(device_missing | runtime_missing | precision_unsupported), PackError.
    """
    if precision not in _PRECISIONS:
        raise DeviceError("precision_unsupported", f"'{precision}' is not one of {', '.join(_PRECISIONS)}")
    chosen = choose(pack, part=part, device=device, precision=precision) if runtime == "auto" else runtime
    if chosen == "torch":
        from ml.runtime.torch import TorchNetwork

        return TorchNetwork(pack, part=part, device=device, precision=precision, cuda_graphs=cuda_graphs)
    if chosen == "onnx":
        from ml.runtime.onnx import OnnxNetwork

        return OnnxNetwork(pack, part=part, device=device, precision=precision, threads=threads)
    raise DeviceError("runtime_missing", f"'{runtime}' is not one of auto, torch, onnx")


def choose(pack: Pack, *, part: str, device: str, precision: Precision) -> RuntimeName:
    """The faster runtime by measurement: ONNX Runtime on the CPU, torch on a GPU (docs/models.md, "Which runtime")."""
    has_torch = pack.manifest.architecture in ARCHITECTURES
    has_onnx = pack.manifest.onnx_file(part) is not None
    if has_torch and (not has_onnx or device != "cpu" or precision != "fp32"):
        return "torch"
    if has_onnx:
        return "onnx"
    raise PackError("pack_invalid", f"no runtime knows how to run {pack.manifest.name}")
