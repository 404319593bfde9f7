"""From observations to checks, from checks to a decision. Pure, and it fails closed:

NaN, missing evidence or an unknown model never approves; what a machine could not do goes to a person, what a
new picture can mend goes back to the applicant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from kyc.faces.answers import Search, Similarity
from kyc.registry.calibration import Calibration, FmrNotSupported
from kyc.verifications.observations import Portrait
from kyc.verifications.reasons import can_retry
from kyc.verifications.rules import Limit, Rules
from kyc.verifications.states import Kind, State

# What must have passed before a machine may approve. Anything else that went unasked is a person's.
REQUIRED = {
    Kind.DOCUMENT_SELFIE: frozenset({"consent", "quality.selfie", "quality.id_portrait", "injection", "match"}),
    Kind.AUTHENTICATION: frozenset({"consent", "quality.selfie", "injection", "match"}),
    Kind.ENROLMENT: frozenset({"consent", "quality.selfie", "injection"}),
}

PASS, FAIL, INCONCLUSIVE, SKIPPED = "pass", "fail", "inconclusive", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's answer, before it is a row."""

    name: str
    result: str
    reasons: tuple[str, ...] = ()
    score: float | None = None
    fmr: float | None = None
    threshold: float | None = None
    threshold_id: str = ""
    model_sha256: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    state: State
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """What a recogniser's scores mean; None calibration means nobody knows."""

    model_id: str
    sha256: str
    calibration: Calibration | None


def consent(*, standing: bool, consent_id: str = "") -> Finding:
    if standing:
        return Finding("consent", PASS, detail={"consent": consent_id})
    return Finding("consent", FAIL, ("consent_withdrawn",))


def quality(name: str, portrait: Portrait, limits: dict[str, Limit]) -> Finding:
    """A face, and every measure within its limit (how large a second face may be is one of them)."""
    detail = geometry(portrait) | {
        "measures": {k: {"value": _finite(v), "unit": u} for k, (v, u) in portrait.quality.items()}
    }
    broken = []
    if portrait.problem:
        broken.append(portrait.problem)
    elif portrait.box is None:
        broken.append("no_face")
    if portrait.box is not None:
        for measure, limit in limits.items():
            value, _ = portrait.quality.get(measure, (math.nan, ""))
            if limit.broken_by(value):
                broken.append(limit.reason)
                detail.setdefault("broken", {})[measure] = {"minimum": limit.minimum, "maximum": limit.maximum}
    spent = sum(portrait.milliseconds.values())
    return Finding(
        name,
        FAIL if broken else PASS,
        tuple(dict.fromkeys(broken)),
        model_sha256=portrait.detector_sha256,
        detail=detail,
        milliseconds=spent,
    )


def injection(*, same_file: bool, reused_from: tuple[str, ...]) -> Finding:
    """The file itself: sent twice, or seen before with somebody else."""
    if same_file:
        return Finding("injection", FAIL, ("same_file_twice",))
    if reused_from:
        return Finding("injection", INCONCLUSIVE, ("image_reused",), detail={"seen_with": list(reused_from)})
    return Finding("injection", PASS)


def liveness(portrait: Portrait, rules: Rules, *, session_passed: bool | None = None) -> Finding:
    """Passive PAD models and, where one was run, the capture session. Evidence weighed, absence said aloud."""
    detail = {"pad": [{"model": p.model_sha256, "live": _finite(p.live)} for p in portrait.pad],
              "session": session_passed}  # fmt: skip
    if session_passed is False:
        return Finding("liveness", FAIL, ("presentation_attack",), detail=detail)
    score = portrait.pad_fused
    if score is None:
        if session_passed:
            return Finding("liveness", PASS, detail=detail)
        if rules.liveness.required:
            return Finding("liveness", INCONCLUSIVE, ("liveness_required",), detail=detail)
        return Finding("liveness", SKIPPED, (portrait.pad_refused or "no_pad_pack",), detail=detail)
    said = Finding(
        "liveness", PASS, score=_finite(score), threshold=rules.liveness.pad_minimum, detail=detail,
        threshold_id=f"liveness.pad_minimum={rules.liveness.pad_minimum:g}",
        model_sha256=portrait.pad[0].model_sha256 if portrait.pad else "",
    )  # fmt: skip
    if score >= rules.liveness.pad_minimum:
        return said
    if score >= rules.liveness.pad_review:
        return replace(said, result=INCONCLUSIVE, reasons=("liveness_uncertain",))
    return replace(said, result=FAIL, reasons=("presentation_attack",))


def match(similarity: Similarity | None, scale: Scale | None, rules: Rules) -> Finding:
    """1:1. The score is judged by what it means: the upper bound of its false match rate."""
    if similarity is None:
        return Finding("match", INCONCLUSIVE, ("no_reference",))
    if scale is None or scale.calibration is None:
        return Finding("match", INCONCLUSIVE, ("no_calibrated_model",), score=_finite(similarity.score))
    if math.isnan(similarity.score):
        return Finding("match", INCONCLUSIVE, ("score_not_a_number",), model_sha256=scale.sha256)
    try:
        threshold = scale.calibration.score_at(rules.match.fmr)
    except FmrNotSupported:
        return Finding("match", INCONCLUSIVE, ("no_calibrated_model",), score=_finite(similarity.score))
    fmr = scale.calibration.fmr_at(similarity.score)
    said = Finding(
        "match", PASS, score=similarity.score, fmr=fmr, threshold=threshold, model_sha256=scale.sha256,
        threshold_id=f"match.fmr={rules.match.fmr:g}@{scale.model_id}",
        detail={"reference": similarity.reference, "one_in": one_in(fmr)},
    )  # fmt: skip
    if fmr <= rules.match.fmr:
        return said
    if fmr <= rules.match.review_fmr:
        return replace(said, result=INCONCLUSIVE, reasons=("match_uncertain",))
    return replace(said, result=FAIL, reasons=("face_mismatch",))


def duplicates(search: Search | None, scale: Scale | None, rules: Rules) -> Finding:
    """1:N over the tenant's templates and lists."""
    if not rules.duplicates.search:
        return Finding("duplicates", SKIPPED, ("not_required",))
    if search is None or scale is None or scale.calibration is None:
        return Finding("duplicates", INCONCLUSIVE, ("no_calibrated_model",))
    threshold = scale.calibration.score_at(rules.duplicates.fmr)
    found = [h for h in search.hits if h.score >= threshold]
    detail = {
        "searched": search.searched, "of": search.of, "exact": search.exact, "recall": search.recall,
        "expected_by_chance": rules.duplicates.fmr * search.searched,
        "hits": [
            {"applicant": h.applicant_id, "template": h.template_id, "score": h.score, "list": h.listed} for h in found
        ],
    }  # fmt: skip
    said = Finding(
        "duplicates", PASS, threshold=threshold, model_sha256=scale.sha256, detail=detail,
        threshold_id=f"duplicates.fmr={rules.duplicates.fmr:g}@{scale.model_id}",
    )  # fmt: skip
    if not found:
        return said
    best = max(found, key=lambda h: h.score)
    reasons = ("on_block_list",) if any(h.listed for h in found) else ("duplicate_face",)
    return replace(
        said, result=INCONCLUSIVE, reasons=reasons, score=best.score, fmr=scale.calibration.fmr_at(best.score)
    )


def not_reached(name: str, because: str) -> Finding:
    return Finding(name, SKIPPED, (because,))


def decide(findings: list[Finding], *, submission: int, rules: Rules, required: frozenset[str]) -> Outcome:
    """The first kind that applies: ask again, decline, a person, approve."""
    failed = tuple(dict.fromkeys(r for f in findings if f.result == FAIL for r in f.reasons))
    unsure = tuple(dict.fromkeys(r for f in findings if f.result == INCONCLUSIVE for r in f.reasons))
    if failed and can_retry(failed):
        if submission < rules.max_submissions:
            return Outcome(State.RESUBMISSION_REQUESTED, failed)
        return Outcome(State.DECLINED, (*failed, "submissions_used_up"))
    if failed:
        return Outcome(State.DECLINED, tuple(r for r in failed if not can_retry([r])) or failed)
    if unsure == ("liveness_required",) and submission < rules.max_submissions:
        return Outcome(State.RESUBMISSION_REQUESTED, unsure)
    if unsure:
        return Outcome(State.IN_REVIEW, unsure)
    if required - {f.name for f in findings if f.result == PASS}:
        return Outcome(State.IN_REVIEW, ("processing_failed",))  # nothing failed only because it was not asked
    return Outcome(State.APPROVED, ())


def one_in(fmr: float) -> int | None:
    """How many impostors it takes for one to score this high."""
    return round(1 / fmr) if fmr and not math.isnan(fmr) else None


def geometry(portrait: Portrait) -> dict[str, Any]:
    return {
        "faces": portrait.faces,
        "box": [round(v, 2) for v in portrait.box] if portrait.box else None,
        "landmarks": [[round(v, 2) for v in p] for p in portrait.landmarks],
        "confidence": _finite(portrait.confidence),
        "image": [portrait.width, portrait.height],
        "milliseconds": {k: round(v, 2) for k, v in portrait.milliseconds.items()},
    }


def _finite(value: float | None) -> float | None:
    """JSON has no NaN; what could not be measured is null."""
    return None if value is None or not math.isfinite(value) else value
