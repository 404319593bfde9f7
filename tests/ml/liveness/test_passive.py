from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.decode import Bare
from ml.detect import Detector, build_detector
from ml.liveness import PadModel, PassiveLiveness, Subject, unfit
from ml.liveness.passive import context, softmax
from ml.runtime import load
from ml.types import Box, Face
from tests.data import PHOTOS, data_dir


@pytest.fixture(scope="module")
def detector(yunet) -> Detector:
    return build_detector(yunet, threads=1)


@pytest.fixture(scope="module")
def passive(local_packs) -> PassiveLiveness:
    names = ("minifasnet-v2", "minifasnet-v1se")
    return PassiveLiveness([PadModel(local_packs[name], load(local_packs[name], threads=1)) for name in names])


def a_subject(detector: Detector, data: bytes, *, gray: bool = False) -> Subject:
    image = Bare().decode(data, detail=1024)
    if gray:
        image = replace(image, grayscale=True)
    return Subject(image, detector.detect([image.pixels])[0].faces[0])


def portrait(detector: Detector, name: str = "obama", **options: bool) -> Subject:
    return a_subject(detector, (PHOTOS / f"{name}.jpg").read_bytes(), **options)


def face_of(side: float, x: float, y: float) -> Face:
    return Face(Box(x - side / 2, y - side / 2, side, side), np.zeros((5, 2), np.float32), 0.9)


def test_without_packs_nothing_is_scored_and_nothing_refused(detector):
    (verdict,) = PassiveLiveness([]).judge([portrait(detector, gray=True)])
    assert (verdict.scores, verdict.live, verdict.refused) == ((), None, None)


def test_grayscale_and_small_faces_are_unfit(detector):
    subject = portrait(detector)
    assert unfit(subject) is None
    assert unfit(replace(subject, image=replace(subject.image, grayscale=True))) == "grayscale"
    small = replace(subject.face, landmarks=subject.face.landmarks / 8)
    assert unfit(replace(subject, face=small)) == "low_resolution"


def test_the_crop_is_the_box_grown_around_its_centre():
    x, y = np.meshgrid(np.arange(400), np.arange(300))
    image = np.stack([x % 256, y % 256, x // 256], axis=2).astype(np.uint8)
    crop = context(image, face_of(60, 200, 150), 2.7, 80).astype(int)  # 162 px wide, from 119 and 69
    assert crop[40, 40, 1] == pytest.approx(150, abs=2)
    assert crop[0, 0, :2] == pytest.approx((119, 69), abs=3) and crop[-1, -1, 1] == pytest.approx(231, abs=3)


def test_at_the_frames_edge_the_crop_moves_inside_and_too_large_a_one_shrinks():
    image = np.full((300, 400, 3), 200, np.uint8)
    for face in (face_of(60, 5, 5), face_of(60, 395, 295), face_of(250, 200, 150)):
        assert (context(image, face, 4.0, 80) == 200).all()


def test_softmax_rows_sum_to_one_even_for_large_logits():
    shares = softmax(np.array([[1000.0, 0, 0], [1, 1, 1]], np.float32))
    assert np.allclose(shares.sum(axis=1), 1) and shares[0, 0] == 1


@pytest.mark.data
def test_both_networks_speak_and_their_mean_is_the_verdict(detector, passive):
    (verdict,) = passive.judge([portrait(detector)])
    assert [score.model.name for score in verdict.scores] == ["minifasnet-v2", "minifasnet-v1se"]
    assert verdict.live == pytest.approx(sum(score.live for score in verdict.scores) / 2)
    assert verdict.refused is None


@pytest.mark.data
def test_the_unfit_are_refused_without_spoiling_their_neighbours(detector, passive):
    subjects = [portrait(detector), portrait(detector, gray=True), portrait(detector, "biden")]
    together = passive.judge(subjects)
    assert [verdict.refused for verdict in together] == [None, "grayscale", None]
    assert together[1].scores == () and together[1].live is None
    alone = [passive.judge([subject])[0] for subject in subjects]
    assert [verdict.live for verdict in together] == pytest.approx([verdict.live for verdict in alone], abs=1e-4)


@pytest.mark.data
def test_a_few_live_frames_score_above_a_few_attacks(detector, passive):
    """A smoke test of crops and colours: ten pictures bound no error rate."""
    live, attack = (
        [
            passive.judge([a_subject(detector, path.read_bytes())])[0].live
            for path in sorted((data_dir() / "pad" / kind).iterdir())
        ]
        for kind in ("live", "attack")
    )
    assert np.median(live) > 0.9 and np.median(attack) < 0.3
    assert sum(one > 0.5 for one in live) == 5 and sum(one > 0.5 for one in attack) <= 1


@pytest.mark.data
def test_the_other_colour_order_would_be_noticed(detector, passive):
    subject = portrait(detector, "biden")
    blue_first = np.ascontiguousarray(subject.image.pixels[..., ::-1])
    swapped = replace(subject, image=replace(subject.image, pixels=blue_first))
    right, wrong = passive.judge([subject, swapped])
    assert max(abs(a.live - b.live) for a, b in zip(right.scores, wrong.scores, strict=True)) > 1e-3
