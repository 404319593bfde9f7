import pytest

from kyc.verifications.defaults import DEFAULT_RULES
from kyc.verifications.reasons import REASONS
from kyc.verifications.rules import BadRules, read


def test_the_default_rules_make_sense_and_name_known_reasons():
    rules = read(DEFAULT_RULES)
    assert {limit.reason for group in (rules.quality, rules.portrait_quality) for limit in group.values()} <= set(
        REASONS
    )


def test_rules_survive_the_trip_through_json():
    rules = read(DEFAULT_RULES)
    assert read(rules.as_json()) == rules


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"match": {"fmr": 0}}, "match.fmr"),
        ({"match": {"fmr": "0.1"}}, "match.fmr"),
        ({"match": {"fmr": float("nan")}}, "match.fmr"),
        ({"match": {"fmr": True}}, "match.fmr"),
        ({"match": {"fmr": 1e-2, "review_fmr": 1e-3}}, "match.review_fmr"),
        ({"match": {"fmmr": 1e-2}}, "match.fmmr"),
        ({"match": []}, "match"),
        ({"typo": 1}, "typo"),
        ({"max_submissions": 0}, "max_submissions"),
        ({"max_submissions": 2.5}, "max_submissions"),
        ({"liveness": {"required": "false"}}, "liveness.required"),
        ({"quality": {"sharpness": {"minimum": "high", "reason": "blurred"}}}, "quality.sharpness"),
        ({"quality": {"sharpness": {"minimum": 1}}}, "quality.sharpness"),
        ({"quality": []}, "quality"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_name(wrong, field):
    with pytest.raises(BadRules) as refused:
        read(wrong)
    assert field in refused.value.fields
