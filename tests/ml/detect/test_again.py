from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pil

from ml.align import similarity
from ml.decode import Bare
from ml.detect import Detector, build_detector, look_again
from ml.detect.again import SIDE, is_doubtful, roll, view
from ml.packs import TEMPLATES
from ml.types import Box, Face, Pixels, eye_distance
from tests.data import PHOTOS

TEMPLATE = np.array(TEMPLATES["arcface-112"], np.float32)


@pytest.fixture(scope="module")
def detector(yunet) -> Detector:
    return build_detector(yunet, threads=1)


def photo(name: str) -> Pil.Image:
    return Pil.fromarray(Bare().decode((PHOTOS / f"{name}.jpg").read_bytes()).pixels)


def first_and_second(detector: Detector, image: Pixels) -> tuple[Face, Face]:
    first = detector.detect([image])[0].faces[0]
    return first, look_again(detector.finder, [image], [first])[0]


@pytest.mark.parametrize("degrees", [-45, -35, 35, 45])
def test_heads_that_lean_are_seen_to_lean(detector, degrees):
    for name in ("biden", "obama", "collins"):
        upright = detector.detect([np.asarray(photo(name))])[0].faces[0]
        image = np.asarray(photo(name).rotate(-degrees, Pil.Resampling.BICUBIC, expand=True))
        first, second = first_and_second(detector, image)
        true = roll(upright) + degrees
        assert abs(roll(second) - true) < 8 < abs(roll(first) - true) + 8, name


def test_small_faces_get_the_points_they_would_have_in_a_portrait(detector):
    for name in ("biden", "obama", "obama3"):
        portrait = detector.detect([np.asarray(photo(name))])[0].faces[0]
        canvas = Pil.new("RGB", (4000, 3000), "gray")
        canvas.paste(photo(name), (2500, 1200))
        first, second = first_and_second(detector, np.asarray(canvas))
        there = portrait.landmarks + np.array([2500, 1200])
        assert off(second, there) < 0.1 * eye_distance(portrait), name
        assert off(second, there) <= off(first, there), name


def off(face: Face, points: np.ndarray) -> float:
    """Mean distance of the points, px."""
    return float(np.linalg.norm(face.landmarks - points, axis=1).mean())


def test_large_upright_faces_are_not_looked_at_twice(detector):
    image = np.asarray(photo("obama2").crop((100, 150, 450, 560)))
    first = detector.detect([image])[0].faces[0]
    assert not is_doubtful(first, image)

    class Unwanted:
        sure = 1.0

        def find(self, images, *, longest=None):
            raise AssertionError("looked again")

    assert look_again(Unwanted(), [image], [first]) == [first]


def test_a_second_look_that_finds_nobody_changes_nothing():
    class Blind:
        sure = 1.0

        def find(self, images, *, longest=None):
            return [[] for _ in images]

    face = Face(detected().box, detected().landmarks, 0.9)
    assert look_again(Blind(), [np.zeros((900, 900, 3), np.uint8)], [face]) == [face]


def detected() -> Face:
    return Face(Box(400, 400, 60, 80), TEMPLATE + 400, 0.9)


def test_the_view_sets_the_face_upright_in_its_middle():
    face = detected()
    turned = (face.landmarks - 456) @ np.array([[0.8, 0.6], [-0.6, 0.8]], np.float32) + 456
    leaning = Face(face.box, turned, 0.9)
    points = view(leaning).apply(leaning.landmarks)
    assert points[0, 1] == pytest.approx(points[1, 1], abs=0.1) and points[0, 0] < points[1, 0]
    assert points.mean(axis=0) == pytest.approx((SIDE / 2, SIDE / 2), abs=1)
    assert similarity(points, TEMPLATE).turn.imag == pytest.approx(0, abs=0.01)


def test_no_subjects_are_no_work():
    assert look_again(None, [], []) == []  # type: ignore[arg-type]
