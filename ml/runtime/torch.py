"""Our own networks, run by torch on the CPU or a CUDA GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import torch

from ml.errors import DeviceError, PackError
from ml.nets import ARCHITECTURES
from ml.packs.manifest import Manifest
from ml.packs.pack import Pack
from ml.runtime.graphs import Replayed
from ml.runtime.network import Batch, Outputs, Precision

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Tensors: TypeAlias = "torch.Tensor | tuple[torch.Tensor, ...]"


def resolve(device: str, precision: Precision) -> torch.device:
    """The device that was asked for, or DeviceError: a GPU worker without a GPU must not start."""
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise DeviceError("device_missing", f"'{device}' is no device: {error}") from error
    if wanted.type not in ("cpu", "cuda"):
        raise DeviceError("device_missing", f"'{device}' is not cpu or cuda")
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise DeviceError("device_missing", f"'{device}' was asked for and torch sees {torch.cuda.device_count()} GPUs")
    if wanted.type == "cpu" and precision == "fp16":
        raise DeviceError("precision_unsupported", "fp16 on a CPU is slower than fp32 and less exact")
    return wanted


class TorchNetwork:
    """Inference only: evaluation mode, channels_last, weights in `precision`, inputs and outputs in float32."""

    runtime: Literal["torch"] = "torch"

    def __init__(
        self,
        pack: Pack,
        *,
        part: str = "",
        device: str = "cpu",
        precision: Precision = "fp32",
        cuda_graphs: bool = False,
    ) -> None:
        self._device = resolve(device, precision)
        self._dtype = _DTYPES[precision]
        self.device = device
        self.module = build(pack, part=part).to(
            device=self._device, dtype=self._dtype, memory_format=torch.channels_last
        )
        if cuda_graphs and self._device.type != "cuda":
            raise DeviceError("device_missing", f"CUDA graphs were asked for on '{device}'")
        self._run = Replayed(self.module) if cuda_graphs else self.module

    def __call__(self, batch: Batch) -> Outputs:
        outputs = self.tensors(torch.from_numpy(batch))
        if isinstance(outputs, tuple):
            return tuple(one.float().cpu().numpy() for one in outputs)
        return outputs.float().cpu().numpy()

    def tensors(self, batch: torch.Tensor) -> Tensors:
        """The same without leaving the device: for post-processing on a GPU. (N, C, H, W), any float type."""
        with torch.inference_mode():
            ready = batch.to(self._device, self._dtype, memory_format=torch.channels_last, non_blocking=True)
            return self._run(ready)


def build(pack: Pack, *, part: str = "") -> torch.nn.Module:
    """The pack's network with its weights, in evaluation mode, on the CPU."""
    if pack.manifest.architecture not in ARCHITECTURES:
        raise PackError("pack_invalid", f"torch has no network '{pack.manifest.architecture}'")
    return assemble(pack.manifest, pack.tensors(), part)


def assemble(manifest: Manifest, state: Mapping[str, torch.Tensor], part: str = "") -> torch.nn.Module:
    """A network of `ml.nets` with `state`, in which the tensors of a part carry its name as prefix."""
    architecture = ARCHITECTURES.get(manifest.architecture)
    if architecture is None:
        raise PackError("pack_invalid", f"torch has no network '{manifest.architecture}'")
    module = architecture.build(part)
    prefix = f"{part}." if part else ""
    weights = {name.removeprefix(prefix): one for name, one in state.items() if name.startswith(prefix)}
    try:
        module.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise PackError("pack_invalid", f"{manifest.name} does not fit {manifest.architecture}: {error}") from error
    return module.eval().requires_grad_(False)
