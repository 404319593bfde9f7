import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.registry.calibration import Calibration, FmrNotSupported

DATA = {
    "points": [
        {"score": 0.2, "fmr": 0.4, "fmr_upper": 0.45},
        {"score": 0.6, "fmr": 0.009, "fmr_upper": 0.01},
        {"score": 0.9, "fmr": 0.0, "fmr_upper": 3e-5},
    ],
    "floor": 3e-5, "impostor_comparisons": 100_000, "dataset": "a test", "confidence": 0.95,
}  # fmt: skip
CURVE = Calibration.read(DATA)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_score_never_means_a_higher_false_match_rate(a, b):
    low, high = sorted((a, b))
    assert CURVE.fmr_at(high) <= CURVE.fmr_at(low)


@given(st.floats(3e-5, 0.44))
def test_the_score_asked_for_a_rate_really_has_it(fmr):
    assert CURVE.fmr_at(CURVE.score_at(fmr)) <= fmr


def test_a_rate_below_what_the_data_supports_is_refused_with_the_number_needed():
    with pytest.raises(FmrNotSupported, match="3,000,000 would be needed"):
        CURVE.score_at(1e-6)


def test_no_score_claims_a_rate_below_the_floor():
    assert CURVE.fmr_at(1.0) >= CURVE.floor


def test_a_score_below_the_curve_means_nothing_and_nan_means_nan():
    assert CURVE.fmr_at(0.1) == 1.0
    assert math.isnan(CURVE.fmr_at(math.nan))
