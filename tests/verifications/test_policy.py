"""The policy is pure, so it is tested as a table of what must and what must not follow."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.faces.answers import Hit, Search, Similarity
from kyc.registry.calibration import Calibration
from kyc.verifications import policy
from kyc.verifications.observations import Pad, Portrait
from kyc.verifications.policy import Finding, Scale
from kyc.verifications.rules import Limit, read
from kyc.verifications.states import Kind, State

CALIBRATION = Calibration(
    scores=(0.5, 0.8, 0.9, 0.95),
    fmr=(0.5, 1e-2, 1e-3, 1e-4),
    fmr_upper=(0.5, 1e-2, 1e-3, 1e-4),
    floor=1e-5,
    impostor_comparisons=1_000_000,
    dataset="a test",
    confidence=0.95,
)
SCALE = Scale("mdl_1", "f" * 64, CALIBRATION)
RULES = read({"match": {"fmr": 1e-3, "review_fmr": 1e-2}})
NEEDED = policy.REQUIRED[Kind.DOCUMENT_SELFIE]


LIMITS = {"sharpness": Limit("blurred", minimum=10), "largest_other_face": Limit("several_faces", maximum=0.5)}


def a_portrait(**changes) -> Portrait:
    usual = {
        "faces": 1,
        "box": (10, 10, 100, 100),
        "quality": {"sharpness": (80.0, "1"), "largest_other_face": (0.0, "1")},
    }
    return Portrait(**(usual | changes))


def all_passed() -> list[Finding]:
    return [Finding(name, policy.PASS) for name in sorted(NEEDED)]


def decided(findings, submission=1, rules=RULES):
    return policy.decide(findings, submission=submission, rules=rules, required=NEEDED)


def test_everything_asked_and_passed_is_approved():
    assert decided(all_passed()).state == State.APPROVED


@pytest.mark.parametrize("missing", sorted(NEEDED))
def test_a_check_that_was_not_asked_never_approves(missing):
    assert decided([f for f in all_passed() if f.name != missing]).state == State.IN_REVIEW


@given(st.lists(st.sampled_from(["fail", "inconclusive"]), min_size=1, max_size=4))
def test_nothing_but_passes_is_ever_approved(results):
    spoiled = [Finding(f"extra{n}", r, ("face_mismatch",)) for n, r in enumerate(results)]
    assert decided(all_passed() + spoiled).state != State.APPROVED


def test_a_score_that_is_not_a_number_goes_to_a_person():
    found = policy.match(Similarity(math.nan, "media:x"), SCALE, RULES)
    assert (found.result, found.reasons) == ("inconclusive", ("score_not_a_number",))
    assert decided([*[f for f in all_passed() if f.name != "match"], found]).state == State.IN_REVIEW


def test_an_uncalibrated_model_never_approves_however_high_its_score():
    assert policy.match(Similarity(1.0, "media:x"), None, RULES).result == "inconclusive"
    assert policy.match(Similarity(1.0, "media:x"), Scale("m", "s", None), RULES).result == "inconclusive"


@pytest.mark.parametrize(
    ("score", "result"), [(0.96, "pass"), (0.90, "pass"), (0.85, "inconclusive"), (0.75, "fail"), (-1.0, "fail")]
)
def test_a_match_is_judged_by_what_its_score_means(score, result):
    found = policy.match(Similarity(score, "media:x"), SCALE, RULES)
    assert found.result == result
    assert found.threshold == pytest.approx(0.9)


def test_a_policy_stricter_than_the_calibration_supports_asks_a_person():
    strict = read({"match": {"fmr": 1e-9, "review_fmr": 1e-2}})
    assert policy.match(Similarity(0.99, "media:x"), SCALE, strict).reasons == ("no_calibrated_model",)


@pytest.mark.parametrize(
    ("portrait", "reason"),
    [
        (a_portrait(faces=0, box=None), "no_face"),
        (a_portrait(quality={"sharpness": (80.0, "1"), "largest_other_face": (0.9, "1")}), "several_faces"),
        (a_portrait(problem="image_unreadable"), "image_unreadable"),
        (a_portrait(quality={"sharpness": (1.0, "1")}), "blurred"),
        (a_portrait(quality={"sharpness": (math.nan, "1")}), "blurred"),
        (a_portrait(quality={}), "blurred"),
    ],
)
def test_a_poor_picture_fails_with_a_reason_the_applicant_can_act_on(portrait, reason):
    found = policy.quality("quality.selfie", portrait, LIMITS)
    assert found.result == "fail" and reason in found.reasons
    assert decided([*all_passed(), found]).state == State.RESUBMISSION_REQUESTED


def test_the_last_attempt_with_a_poor_picture_is_declined_and_says_so():
    found = Finding("quality.selfie", policy.FAIL, ("blurred",))
    outcome = decided([*all_passed(), found], submission=RULES.max_submissions)
    assert outcome.state == State.DECLINED
    assert outcome.reasons == ("blurred", "submissions_used_up")


def test_a_wrong_person_is_not_asked_to_try_again():
    assert decided([*all_passed(), Finding("match2", policy.FAIL, ("face_mismatch",))]).state == State.DECLINED


def test_liveness_without_a_model_says_it_was_skipped_and_why():
    found = policy.liveness(a_portrait(), RULES)
    assert (found.result, found.reasons) == ("skipped", ("no_pad_pack",))


def test_liveness_that_is_required_and_missing_asks_for_a_live_capture():
    strict = read({"liveness": {"required": True}})
    found = policy.liveness(a_portrait(), strict)
    assert found.result == "inconclusive"
    assert decided([*all_passed(), found], rules=strict).state == State.RESUBMISSION_REQUESTED


@pytest.mark.parametrize(("live", "result"), [(0.9, "pass"), (0.3, "inconclusive"), (0.1, "fail"), (math.nan, "fail")])
def test_a_pad_score_is_weighed_by_the_policy(live, result):
    seen = a_portrait(pad=(Pad("a" * 64, live),), pad_fused=live)
    assert policy.liveness(seen, RULES).result == result


def test_a_failed_capture_session_is_an_attack_whatever_the_passive_model_says():
    seen = a_portrait(pad=(Pad("a" * 64, 1.0),), pad_fused=1.0)
    assert policy.liveness(seen, RULES, session_passed=False).reasons == ("presentation_attack",)


def test_a_duplicate_goes_to_a_person_and_says_how_much_was_searched():
    search = Search(hits=(Hit("app_other", "tpl_1", 0.97),), searched=1000, of=1000)
    found = policy.duplicates(search, SCALE, RULES)
    assert found.reasons == ("duplicate_face",)
    assert found.detail["searched"] == found.detail["of"] == 1000
    assert decided([*all_passed(), found]).state == State.IN_REVIEW


def test_a_near_stranger_is_no_duplicate():
    search = Search(hits=(Hit("app_other", "tpl_1", 0.7),), searched=10, of=10)
    assert policy.duplicates(search, SCALE, RULES).result == "pass"


def test_a_face_on_a_list_is_named_as_such():
    search = Search(hits=(Hit("app_other", "tpl_1", 0.99, listed="fraud"),), searched=10, of=10)
    assert policy.duplicates(search, SCALE, RULES).reasons == ("on_block_list",)


def test_the_same_file_as_selfie_and_portrait_is_refused_and_can_be_mended():
    found = policy.injection(same_file=True, reused_from=())
    assert decided([*all_passed(), found]).state == State.RESUBMISSION_REQUESTED
