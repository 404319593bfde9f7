"""The device that was asked for, or an error."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from ml.errors import DeviceError
from ml.packs import Pack
from ml.runtime import load
from ml.runtime.onnx import OnnxNetwork, session_from
from ml.runtime.torch import TorchNetwork

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test wants missing")


@without_gpu
@pytest.mark.parametrize("runtime", ["auto", "torch", "onnx"])
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_raises_and_nothing_falls_back(yunet: Pack, runtime, device: str):
    with pytest.raises(DeviceError, match="device_missing"):
        load(yunet, runtime=runtime, device=device)


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
@pytest.mark.parametrize("device", ["gpu", "mps", "tpu:0", ""])
def test_an_unknown_device_raises(yunet: Pack, runtime, device: str):
    with pytest.raises(DeviceError, match="device_missing"):
        load(yunet, runtime=runtime, device=device)


def test_a_session_that_landed_elsewhere_is_refused(yunet: Pack, monkeypatch: pytest.MonkeyPatch):
    """ONNX Runtime drops a provider that fails to start with no more than a warning."""
    monkeypatch.setattr(onnxruntime.InferenceSession, "get_providers", lambda self: ["OtherExecutionProvider"])
    with pytest.raises(DeviceError, match="fell back"):
        session_from(yunet.read("model.onnx"), device="cpu")


def test_the_cpu_runs_on_the_cpu(yunet: Pack):
    assert session_from(yunet.read("model.onnx"), device="cpu").get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize(("runtime", "precision"), [
    ("torch", "fp16"), ("onnx", "bf16"), ("onnx", "fp16"), ("torch", "int8"),
])  # fmt: skip
def test_a_precision_that_cannot_be_had_raises(yunet: Pack, runtime, precision):
    with pytest.raises(DeviceError, match="precision_unsupported"):
        load(yunet, runtime=runtime, precision=precision)


def test_cuda_graphs_on_a_cpu_raise(yunet: Pack):
    with pytest.raises(DeviceError, match="CUDA graphs"):
        load(yunet, runtime="torch", cuda_graphs=True)


def test_an_unknown_runtime_raises(yunet: Pack):
    with pytest.raises(DeviceError, match="runtime_missing"):
        load(yunet, runtime="tensorflow")  # type: ignore[arg-type]


def test_auto_takes_the_measured_fastest(yunet: Pack, mtcnn: Pack):
    assert isinstance(load(yunet), OnnxNetwork)
    assert isinstance(load(mtcnn, part="pnet"), OnnxNetwork)
    assert isinstance(load(yunet, precision="bf16"), TorchNetwork)  # the graph is fp32


def test_bf16_stays_close(dlib_resnet: Pack):
    x = np.random.default_rng(0).normal(0, 0.3, (2, 3, 150, 150)).astype(np.float32)
    full, half = (np.asarray(load(dlib_resnet, runtime="torch", precision=p)(x)) for p in ("fp32", "bf16"))
    assert half.dtype == np.float32
    cosine = (full * half).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.999


@needs_gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_the_gpu_agrees_with_the_cpu(dlib_resnet: Pack, precision, cuda_graphs: bool):
    network = load(dlib_resnet, device="cuda", precision=precision, cuda_graphs=cuda_graphs)
    here = load(dlib_resnet, runtime="torch")
    for batch in (1, 3, 3):
        x = np.random.default_rng(batch).normal(0, 0.3, (batch, 3, 150, 150)).astype(np.float32)
        there, ours = np.asarray(network(x)), np.asarray(here(x))
        cosine = (there * ours).sum(1) / np.linalg.norm(there, axis=1) / np.linalg.norm(ours, axis=1)
        assert cosine.min() > (0.99999 if precision == "fp32" else 0.999)
