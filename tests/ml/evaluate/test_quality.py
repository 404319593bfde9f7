from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.evaluate.comparisons import all_pairs
from ml.evaluate.discard import discard_curve
from ml.evaluate.errors import EvaluationError
from ml.evaluate.poorer import spoil
from ml.evaluate.quality import judge
from ml.types import Measure
from tests.data import PHOTOS
from tests.ml.evaluate.world import enrolment


@pytest.fixture(scope="module")
def blurred():
    """60 people; every third template is poor, and one measure knows which."""
    found = enrolment(60, images=3, noise=0.3)
    poor = np.arange(len(found.embeddings)) % 3 == 0
    rng = np.random.default_rng(1)
    spoilt = found.embeddings + poor[:, None] * rng.normal(0, 1.0, found.embeddings.shape)
    spoilt = (spoilt / np.linalg.norm(spoilt, axis=1, keepdims=True)).astype(np.float32)
    quality = tuple(
        (
            Measure("sharpness", 0.1 if p else 0.9, "1", "higher"),
            Measure("luck", rng.random(), "1", "higher"),
            Measure("yaw", -40.0 if p else 1.0, "deg", "near"),
            Measure("constant", 1.0, "1", "higher"),
        )
        for p in poor
    )
    return replace(found, embeddings=spoilt, quality=quality)


def test_a_measure_that_knows_lowers_fnmr_and_luck_does_not(blurred):
    made = all_pairs(blurred.embeddings, blurred.gallery.label)
    found = judge(blurred, made, threshold=0.7, recommended={})
    gain = {curve.measure: curve.gain for curve in found.curves}
    assert gain["sharpness"] > 0.8
    assert gain["yaw"] == gain["sharpness"]  # near zero is good, whatever the sign
    assert abs(gain["luck"]) < 0.3
    assert found.without_spread == ("constant",)


def test_a_rule_says_whom_it_refuses_and_what_is_left(blurred):
    made = all_pairs(blurred.embeddings, blurred.gallery.label)
    found = judge(
        blurred,
        made,
        threshold=0.7,
        recommended={"sharpness": {"below": 0.5, "then": "refuse"}, "luck": {"below": 0.5, "then": "advise"}},
    )
    assert [rule.measure for rule in found.rules] == ["sharpness", "all of them"]
    assert found.rules[0].refused == pytest.approx(1 / 3)
    assert found.rules[0].fnmr < found.fnmr / 4


def test_without_failures_nothing_can_be_gained(blurred):
    made = all_pairs(blurred.embeddings, blurred.gallery.label)
    with pytest.raises(EvaluationError, match="gains nothing"):
        judge(blurred, made, threshold=-1.0, recommended={})


def test_what_was_not_measured_is_never_discarded(blurred):
    made = all_pairs(blurred.embeddings, blurred.gallery.label)
    curve = discard_curve(made, np.full(made.templates, np.nan), measure="x", threshold=0.7)
    assert curve.measured == 0


def test_spoiling_repeats_with_its_seed():
    photo = (PHOTOS / "biden.jpg").read_bytes()
    first, again = (spoil(photo, np.random.default_rng((7, 3))) for _ in range(2))
    assert first == again
    assert len({spoil(photo, np.random.default_rng((7, i))) for i in range(6)}) > 1
