from __future__ import annotations

import numpy as np
import pytest

from ml.embed import Recogniser
from ml.runtime import load
from ml.types import Box, Face


class Recorder:
    """A network that answers with the mean colour of each crop, and remembers the sizes of its batches."""

    runtime, device = "torch", "cpu"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, batch):
        self.batches.append(len(batch))
        return batch.mean(axis=(2, 3))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_large_requests_are_cut_into_batches_and_keep_their_order(dlib_resnet, recorder):
    recogniser = Recogniser(dlib_resnet, recorder, most=4)
    crops = [np.full((150, 150, 3), (shade, 255 - shade, 30), np.uint8) for shade in range(0, 180, 20)]
    together = recogniser.embed(crops)
    assert recorder.batches == [4, 4, 1]
    assert np.allclose(together, [recogniser.embed([crop])[0] for crop in crops], atol=1e-6)


def test_templates_have_unit_length_and_nothing_becomes_nan(dlib_resnet):
    recogniser = Recogniser(dlib_resnet, load(dlib_resnet, threads=1))
    crops = [np.zeros((150, 150, 3), np.uint8), np.full((150, 150, 3), 255, np.uint8)]
    assert np.linalg.norm(recogniser.embed(crops), axis=1) == pytest.approx(1, abs=1e-5)


def test_the_crop_is_laid_out_as_the_pack_says(dlib_resnet, recorder):
    recogniser = Recogniser(dlib_resnet, recorder)
    image = np.zeros((300, 300, 3), np.uint8)
    left, right = recogniser.template[0] + 60, recogniser.template[1] + 60
    for x, y in (left, right):
        image[round(float(y)) - 1 : round(float(y)) + 2, round(float(x)) - 1 : round(float(x)) + 2] = 255
    crop = recogniser.crop(image, Face(Box(60, 60, 150, 150), recogniser.template + 60, 1.0))
    assert crop.shape == (150, 150, 3)
    for x, y in recogniser.template[:2]:
        assert crop[round(float(y)), round(float(x))].min() > 200
    assert recogniser.eye_distance == pytest.approx(56.54, abs=0.01)
