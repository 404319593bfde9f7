from __future__ import annotations

import itertools
import json
import math

import pytest

from ml.calibrate import curve
from ml.evaluate.errors import EvaluationError
from tests.ml.evaluate.world import comparisons


@pytest.fixture(scope="module")
def found():
    return curve.measure(comparisons(400, images=3, noise=0.7), dataset="made-up people", weights_sha256="0" * 64)


def test_a_higher_score_never_means_a_higher_fmr(found):
    for a, b in itertools.pairwise(found.points):
        assert a.score < b.score
        assert a.fmr_upper >= b.fmr_upper
        assert a.fnmr <= b.fnmr


def test_the_limit_is_above_what_was_measured(found):
    assert all(point.fmr_upper >= point.fmr for point in found.points)


def test_the_score_for_an_fmr_is_the_smallest_whose_limit_keeps_it(found):
    for target in (1e-1, 1e-2, 1e-3, 1e-4):
        score = found.score_for(target)
        assert found.fmr_upper_at(score) <= target * 1.0001
        assert found.fmr_upper_at(score - 1e-4) > target


def test_between_points_the_logarithm_is_linear(found):
    a, b = found.points[10], found.points[11]
    middle = found.fmr_upper_at((a.score + b.score) / 2)
    assert math.log10(middle) == pytest.approx((math.log10(a.fmr_upper) + math.log10(b.fmr_upper)) / 2)


def test_beyond_the_highest_score_nothing_smaller_than_the_floor_is_stated(found):
    assert found.fmr_upper_at(1.0) == found.floor
    assert found.floor > 0


def test_a_score_that_is_no_number_means_nothing(found):
    assert found.fmr_upper_at(float("nan")) == 1.0
    assert found.fmr_upper_at(-2.0) == 1.0


def test_an_fmr_below_the_floor_is_refused_with_the_number_needed(found):
    with pytest.raises(EvaluationError, match=r"about [\d,]+ comparisons"):
        found.score_for(found.floor / 100)


def test_an_fmr_of_nothing_is_no_question(found):
    for target in (0.0, -1.0, 2.0, float("nan")):
        with pytest.raises(EvaluationError):
            found.score_for(target)


def test_it_survives_its_file(found, tmp_path):
    found.write(tmp_path / "calibration.json")
    body = json.loads((tmp_path / "calibration.json").read_text())
    assert body["kind"] == "score_to_fmr"
    assert {"score", "fmr", "fmr_upper", "fnmr"} == set(body["points"][0])
    assert curve.load(tmp_path / "calibration.json") == found


def test_a_curve_out_of_order_does_not_load(found):
    body = json.loads(json.dumps(found.as_json()))
    body["points"][3], body["points"][4] = body["points"][4], body["points"][3]
    with pytest.raises(EvaluationError, match="ascend"):
        curve.from_json(body)


def test_something_else_does_not_load():
    with pytest.raises(EvaluationError, match="score_to_fmr"):
        curve.from_json({"kind": "platt"})


def test_one_person_cannot_be_calibrated_on():
    with pytest.raises(EvaluationError, match="two people"):
        curve.measure(comparisons(1), dataset="one", weights_sha256="0" * 64)
