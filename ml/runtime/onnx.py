"""Any ONNX graph, run by ONNX Runtime on the CPU or a CUDA GPU."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml.errors import DeviceError, PackError
from ml.packs.pack import Pack
from ml.runtime.network import Batch, Outputs, Precision

# ONNX Runtime 1.32 keeps usage events in ~/.cache/Microsoft and sends them to its maker; it asks this once, on import
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxNetwork:
    runtime: Literal["onnx"] = "onnx"

    def __init__(
        self,
        pack: Pack,
        *,
        part: str = "",
        device: str = "cpu",
        precision: Precision = "fp32",
        threads: int | None = None,
    ) -> None:
        if precision != "fp32":
            raise DeviceError("precision_unsupported", "ONNX Runtime runs graphs as they are; bf16 and fp16 need torch")
        name = pack.manifest.onnx_file(part)
        if name is None:
            raise PackError("pack_invalid", f"{pack.manifest.name} has no ONNX file for part '{part}'")
        self.device = device
        self._session = session_from(pack.read(name), device=device, threads=threads)
        # whole photographs overflow the caches of a CPU together: YuNet at 640 x 480 takes 6.7 ms alone, 9.7 in a batch
        self._singly = device == "cpu" and pack.manifest.input.height is None and part == ""

    def __call__(self, batch: Batch) -> Outputs:
        outputs = run_all(self._session, batch, singly=self._singly)
        return outputs[0] if len(outputs) == 1 else outputs


def session_from(graph: bytes, *, device: str, threads: int | None = None) -> ort.InferenceSession:
    """A session that really runs on `device`, or DeviceError; PackError when the bytes are no graph."""
    kind, _, index = device.partition(":")
    provider = _PROVIDERS.get(kind)
    if provider is None:
        raise DeviceError("device_missing", f"'{device}' is not cpu or cuda")
    if provider not in ort.get_available_providers():
        raise DeviceError("device_missing", f"this ONNX Runtime has no {provider}; install onnxruntime-gpu")
    try:
        session = ort.InferenceSession(graph, _options(threads), providers=[(provider, _provider_options(index))])
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        raise PackError("pack_invalid", f"ONNX Runtime refuses the graph: {error}") from error
    session.disable_fallback()
    if session.get_providers()[0] != provider:
        raise DeviceError("device_missing", f"ONNX Runtime fell back to {session.get_providers()} for '{device}'")
    return session


def run_all(session: ort.InferenceSession, batch: Batch, *, singly: bool = False) -> tuple[NDArray[np.float32], ...]:
    """All outputs. Image by image, then stacked, if asked for or if the graph was exported for a batch of one."""
    entry = session.get_inputs()[0]
    if (singly or entry.shape[0] == 1) and len(batch) > 1:
        singles = [session.run(None, {entry.name: one[None]}) for one in batch]
        return tuple(np.concatenate(parts) for parts in zip(*singles, strict=True))
    return tuple(session.run(None, {entry.name: batch}))


def _options(threads: int | None) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors only: a warning per node is of no use to an operator
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


def _provider_options(index: str) -> dict[str, Any]:
    return {"device_id": int(index)} if index else {}
