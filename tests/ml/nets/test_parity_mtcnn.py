"""MTCNN's three networks against plain NumPy that reads the package's arrays in its own (Keras) layout.

The reference shares nothing with our modules but the arrays: convolutions as sums over windows, channels last,
dense layers on maps flattened as Keras flattens them after its Permute((2, 1, 3)).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from ml.packs import Pack
from ml.packs.convert.mtcnn_joblib import read_arrays
from ml.packs.ready import ready_manifest
from ml.packs.sources import from_package
from ml.runtime import RuntimeName, load, prepare
from tests.data import PHOTOS

PARITY = 1e-4  # measured: 2e-6


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
@pytest.mark.parametrize(("part", "size"), [("pnet", 61), ("rnet", 24), ("onet", 48)])
def test_outputs_equal_the_reference(part: str, size: int, runtime: RuntimeName, mtcnn: Pack):
    face = Image.open(PHOTOS / "obama.jpg").convert("RGB").crop((170, 60, 390, 280)).resize((size, size))
    pixels = np.asarray(face)[None]
    ours = load(mtcnn, part=part, runtime=runtime, threads=1)(prepare(pixels, mtcnn.manifest.input))
    theirs = REFERENCE[part]((pixels[0].astype(np.float64) - 127.5) / 128, iter(arrays_of(part)))
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape[1:] == other.shape
        assert np.abs(one[0] - other).max() < PARITY


def test_the_face_is_recognised_as_one(mtcnn: Pack):
    face = Image.open(PHOTOS / "obama.jpg").convert("RGB").crop((180, 70, 380, 290)).resize((48, 48))
    faces, _, points = load(mtcnn, part="onet", threads=1)(prepare(np.asarray(face)[None], mtcnn.manifest.input))
    assert faces[0, 1] > 0.99
    eye_left, eye_right, nose = points[0, 0], points[0, 1], points[0, 2]
    assert eye_left < nose < eye_right


def arrays_of(part: str) -> list[np.ndarray]:
    origin = next(one for one in ready_manifest("mtcnn").origin if one.file == f"{part}.lz4")
    data = from_package(origin)
    assert data is not None
    return [array.astype(np.float64) for array in read_arrays(data)]


def windows(x: np.ndarray, size: int) -> np.ndarray:
    """(H, W, C) -> (H - size + 1, W - size + 1, C, size, size)."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))


def conv(x: np.ndarray, arrays: Iterator[np.ndarray]) -> np.ndarray:
    kernel, bias = next(arrays), next(arrays)  # (kh, kw, in, out)
    return np.einsum("hwcij,ijco->hwo", windows(x, kernel.shape[0]), kernel) + bias


def prelu(x: np.ndarray, arrays: Iterator[np.ndarray]) -> np.ndarray:
    slope = next(arrays).reshape(-1)
    return np.where(x > 0, x, x * slope)


def pool(x: np.ndarray, size: int, *, same: bool = False) -> np.ndarray:
    """Stride 2; "same" pads what is missing at the bottom and right, as TensorFlow does."""
    if same:
        missing = [max((-(-n // 2) - 1) * 2 + size - n, 0) for n in x.shape[:2]]
        x = np.pad(x, ((0, missing[0]), (0, missing[1]), (0, 0)), constant_values=-np.inf)
    return windows(x, size)[::2, ::2].max((-2, -1))


def dense(x: np.ndarray, arrays: Iterator[np.ndarray]) -> np.ndarray:
    kernel, bias = next(arrays), next(arrays)
    return x @ kernel + bias


def flat(x: np.ndarray) -> np.ndarray:
    return x.transpose(1, 0, 2).reshape(-1)


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def pnet(x: np.ndarray, arrays: Iterator[np.ndarray]) -> tuple[np.ndarray, ...]:
    x = pool(prelu(conv(x, arrays), arrays), 2, same=True)
    x = prelu(conv(x, arrays), arrays)
    x = prelu(conv(x, arrays), arrays)
    box, face = conv(x, arrays), softmax(conv(x, arrays))
    return face.transpose(2, 0, 1), box.transpose(2, 0, 1)


def rnet(x: np.ndarray, arrays: Iterator[np.ndarray]) -> tuple[np.ndarray, ...]:
    x = pool(prelu(conv(x, arrays), arrays), 3, same=True)
    x = pool(prelu(conv(x, arrays), arrays), 3)
    x = prelu(conv(x, arrays), arrays)
    x = prelu(dense(flat(x), arrays), arrays)
    box, face = dense(x, arrays), softmax(dense(x, arrays))
    return face, box


def onet(x: np.ndarray, arrays: Iterator[np.ndarray]) -> tuple[np.ndarray, ...]:
    x = pool(prelu(conv(x, arrays), arrays), 3, same=True)
    x = pool(prelu(conv(x, arrays), arrays), 3)
    x = pool(prelu(conv(x, arrays), arrays), 2, same=True)
    x = prelu(conv(x, arrays), arrays)
    x = prelu(dense(flat(x), arrays), arrays)
    box, points, face = dense(x, arrays), dense(x, arrays), softmax(dense(x, arrays))
    return face, box, points


REFERENCE = {"pnet": pnet, "rnet": rnet, "onet": onet}
