"""Our YuNet against the original graph in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image

from ml.packs import Pack
from ml.packs.ready import ready_manifest
from ml.packs.sources import from_package
from ml.runtime import RuntimeName, load, prepare
from tests.data import PHOTOS

PARITY = 1e-4  # measured: 6e-6


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(1, 640, 640, 3) RGB: the only size that the original graph takes."""
    canvas = Image.new("RGB", (640, 640))
    canvas.paste(Image.open(PHOTOS / "obama.jpg"))
    return np.asarray(canvas)[None]


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_all_twelve_outputs_equal_the_originals(runtime: RuntimeName, yunet: Pack, photo: np.ndarray):
    batch = prepare(photo, yunet.manifest.input)
    data = from_package(ready_manifest("yunet-2023mar").origin[0])
    original = ort.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, {"input": batch})
    ours = load(yunet, runtime=runtime, threads=1)(batch)
    assert len(ours) == len(original) == 12
    for one, other in zip(ours, original, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() < PARITY


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_any_multiple_of_32_and_any_batch_gives_the_same_rows(runtime: RuntimeName, yunet: Pack, photo: np.ndarray):
    network = load(yunet, runtime=runtime, threads=1)
    wide = prepare(photo[:, :288, :], yunet.manifest.input)
    other = prepare(np.ascontiguousarray(photo[:, 64:352, ::-1]), yunet.manifest.input)
    together = network(np.concatenate([wide, other]))
    assert together[0].shape == (2, 36 * 80, 1)
    for alone, both in zip(network(other), together, strict=True):
        assert np.abs(alone[0] - both[1]).max() < PARITY
