"""What a worker found becomes checks, a decision and its consequences: one transaction, one effect.

The claim is checked first and inside that transaction. A worker whose lease ran out finds its claim gone and
writes nothing; a task delivered three times finds the job done.
"""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from kyc.applicants import queries as applicants
from kyc.applicants.models import Consent
from kyc.core.scope import acting_for, atomic, current
from kyc.evidence import queries as evidence
from kyc.faces import queries as face_queries
from kyc.faces import services as faces
from kyc.faces.answers import Similarity
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.outbox.services import Claim
from kyc.registry import queries as registry
from kyc.registry.calibration import Calibration
from kyc.verifications import policy, rules
from kyc.verifications.models import Check, Decision, Verification
from kyc.verifications.observations import Portrait
from kyc.verifications.policy import FAIL, Finding, Outcome, Scale
from kyc.verifications.rules import Rules
from kyc.verifications.services import _locked, move
from kyc.verifications.states import Kind, State


def record(*, claim: Claim, portraits: dict[str, Portrait], now: datetime) -> Verification:
    """Judge what the engine saw of this submission. Raises LostClaim when the claim is no longer ours."""
    with atomic():
        outbox.finish(claim, now=now)
        case = _locked(claim.job.subject_id)
        if not _awaits(case, claim.job):
            return case
        by = rules.read(case.policy.rules)
        findings = _findings(case, portraits, by, now)
        outcome = policy.decide(
            findings, submission=case.submission, rules=by, required=policy.REQUIRED[Kind(case.kind)]
        )
        _write(case, findings, outcome, now=now)
        if outcome.state == State.APPROVED:
            _enrol(case, portraits["selfie"], by, now)
    return case


def record_script(*, claim: Claim, now: datetime) -> Verification:
    """The sandbox: the outcome that was asked for, by the same road and with no model."""
    with atomic():
        outbox.finish(claim, now=now)
        case = _locked(claim.job.subject_id)
        if not _awaits(case, claim.job):
            return case
        state = State(case.sandbox_outcome or State.APPROVED)
        reasons = {
            State.APPROVED: (),
            State.DECLINED: ("face_mismatch",),
            State.IN_REVIEW: ("match_uncertain",),
            State.RESUBMISSION_REQUESTED: ("blurred",),
            State.ERROR: ("processing_failed",),
        }[state]
        _write(case, [Finding("scripted", policy.PASS)], Outcome(state, reasons), now=now)
    return case


def _awaits(case: Verification, job: Job) -> bool:
    """Whether the case still waits for this job: not when a person took it over, or newer pictures came."""
    return case.state == State.PROCESSING and case.submission == job.payload["submission"]


def _findings(case: Verification, portraits: dict[str, Portrait], by: Rules, now: datetime) -> list[Finding]:
    """The checks in their order; a failure of the person's presence stops the comparison."""
    selfie, portrait = portraits["selfie"], portraits.get("id_portrait")
    consent = applicants.standing_consent(case.applicant_id, Consent.Purpose.BIOMETRIC_VERIFICATION)
    findings = [policy.consent(standing=consent is not None, consent_id=consent.pk if consent else "")]
    findings.append(policy.quality("quality.selfie", selfie, by.quality))
    if portrait:
        findings.append(policy.quality("quality.id_portrait", portrait, by.portrait_quality))
    findings.append(
        policy.injection(
            same_file=bool(case.id_portrait_id) and evidence.same_original(case.selfie_id, case.id_portrait_id),
            reused_from=evidence.seen_with_others(case.selfie_id),
        )
    )
    findings.append(policy.liveness(selfie, by))
    if any(f.result == FAIL for f in findings):
        because = "liveness_failed" if findings[-1].result == FAIL else "quality_failed"
        return [*findings, policy.not_reached("match", because), policy.not_reached("duplicates", because)]
    scale = scale_of(selfie.recogniser_sha256)
    if case.kind != Kind.ENROLMENT:
        findings.append(policy.match(_similarity(case, selfie, portrait), scale, by))
    if case.kind != Kind.AUTHENTICATION:
        findings.append(_duplicates(case, selfie, scale, by, now))
    return findings


def _similarity(case: Verification, selfie: Portrait, portrait: Portrait | None) -> Similarity | None:
    if selfie.embedding is None:
        return None
    if case.kind == Kind.AUTHENTICATION:
        return face_queries.against_template(case.applicant_id, selfie.embedding, selfie.recogniser_sha256)
    if portrait is None or portrait.embedding is None or portrait.recogniser_sha256 != selfie.recogniser_sha256:
        return None
    cosine = sum(a * b for a, b in zip(selfie.embedding, portrait.embedding, strict=True))
    return Similarity(cosine, f"media:{case.id_portrait_id}")


def _duplicates(case: Verification, selfie: Portrait, scale: Scale | None, by: Rules, now: datetime) -> Finding:
    search = None
    if by.duplicates.search and selfie.embedding is not None:
        search = face_queries.search(
            selfie.embedding, selfie.recogniser_sha256, not_applicant=case.applicant_id, limit=10
        )
    return policy.duplicates(search, scale, by)


def scale_of(sha256: str) -> Scale | None:
    """What the scores of these weights mean; None when the registry does not know them."""
    model = registry.by_hash(sha256)
    if model is None:
        return None
    return Scale(model.pk, sha256, Calibration.read(model.calibration) if model.calibration else None)


def _write(case: Verification, findings: list[Finding], outcome: Outcome, *, now: datetime) -> None:
    models = {m.sha256: m for m in registry.by_hashes({f.model_sha256 for f in findings if f.model_sha256})}
    Check.objects.bulk_create(
        Check(
            tenant_id=case.tenant_id, verification=case, submission=case.submission, position=n, name=f.name,
            result=f.result, reasons=list(f.reasons), score=f.score, fmr=f.fmr, threshold=f.threshold,
            threshold_id=f.threshold_id, model=models.get(f.model_sha256), detail=f.detail,
            milliseconds=f.milliseconds,
        )
        for n, f in enumerate(findings)
    )  # fmt: skip
    Decision.objects.create(
        tenant_id=case.tenant_id, verification=case, number=case.decisions.count() + 1, submission=case.submission,
        outcome=outcome.state, reasons=list(outcome.reasons), decided_by="policy", policy=case.policy,
        evidence=_evidence(findings, models), at=now,
    )  # fmt: skip
    decided = {"decided_at": now} if outcome.state in (State.APPROVED, State.DECLINED) else {}
    move(case, to=outcome.state, now=now, reasons=list(outcome.reasons), **decided)


def _evidence(findings: list[Finding], models: dict) -> dict:
    """The decision's own words: enough to make it again without us (manage.py replay)."""
    return {
        "checks": [
            {"name": f.name, "result": f.result, "reasons": list(f.reasons), "score": f.score, "fmr": f.fmr,
             "threshold": f.threshold, "threshold_id": f.threshold_id, "model_sha256": f.model_sha256}
            for f in findings
        ],
        "models": {m.sha256: f"{m.role} {m.name} {m.version}" for m in models.values()},
    }  # fmt: skip


def _enrol(case: Verification, selfie: Portrait, by: Rules, now: datetime) -> None:
    first = case.kind == Kind.ENROLMENT or (case.kind == Kind.DOCUMENT_SELFIE and by.enrol_on_approval)
    if first and selfie.embedding is not None and not face_queries.enrolled(case.applicant_id):
        faces.enrol(
            applicant_id=case.applicant_id, embedding=selfie.embedding, model_sha256=selfie.recogniser_sha256,
            media_id=case.selfie_id, now=now,
        )  # fmt: skip


@receiver(outbox.quarantined, dispatch_uid="verification_in_error")
def in_error(sender, job: Job, now: datetime, **_) -> None:
    """A quarantined job leaves its case in error, never decided; releasing the job or a person goes on."""
    if job.subject_type != "verification":
        return
    # the same login as the quarantine's, so that both commit or neither
    with acting_for(job.tenant_id, system=current().system), atomic():
        case = Verification.objects.select_for_update().filter(pk=job.subject_id).first()
        if case and _awaits(case, job):
            reason = "deadline_passed" if "deadline" in job.reason else "processing_failed"
            move(case, to=State.ERROR, now=now, reasons=[reason])


@receiver(outbox.released, dispatch_uid="verification_goes_on")
def goes_on(sender, job: Job, now: datetime, **_) -> None:
    """A released job takes its case out of error; a case that moved on meanwhile stays where it is."""
    if job.subject_type != "verification":
        return
    error = Verification.objects.select_for_update().filter(pk=job.subject_id, state=State.ERROR)
    case = error.filter(submission=job.payload["submission"]).first()
    if case:
        move(case, to=State.PROCESSING, now=now, reasons=[])
