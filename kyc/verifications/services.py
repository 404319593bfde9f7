"""Writes on verifications up to the moment a worker takes over; kyc.verifications.results goes on from there."""

from __future__ import annotations

from datetime import datetime, timedelta

from kyc.applicants import queries as applicants
from kyc.applicants.models import Applicant, Consent
from kyc.core.errors import LostRace, NotFound
from kyc.core.scope import atomic, current
from kyc.evidence.models import Media
from kyc.faces import queries as faces
from kyc.outbox import queries as outbox_queries
from kyc.outbox import services as outbox
from kyc.verifications import queries, rules
from kyc.verifications.errors import ConsentMissing, IllegalMove, InputMissing, NotEnrolled, SandboxOnly, WrongMedia
from kyc.verifications.models import Policy, Verification
from kyc.verifications.states import MOVES, NEEDS, OPEN_TO_INPUT, Kind, State
from kyc.webhooks import services as webhooks

DEADLINE = timedelta(minutes=10)  # after this long nobody waits at the other end; a person decides instead
SANDBOX_OUTCOMES = ("approved", "declined", "in_review", "resubmission_requested", "error")


def move(case: Verification, *, to: State, now: datetime, **also) -> None:
    """Compare-and-set: the WHERE clause is the lock. Every move is an event of the object."""
    was = State(case.state)
    if to not in MOVES[was]:
        raise IllegalMove(f"A verification that is {was} cannot become {to}.")
    # the submission number fences off a result computed from pictures that were since replaced
    rows = Verification.objects.filter(pk=case.pk, state=was, submission=case.submission)
    if not rows.update(state=to, state_since=now, **also):
        raise LostRace()
    for name, value in {"state": to, "state_since": now, **also}.items():
        setattr(case, name, value)
    webhooks.emit(
        event_type=f"verification.{to}", object_type="verification", object_id=case.pk, status=str(to), now=now
    )


def create(
    *,
    applicant_id: str,
    kind: str,
    now: datetime,
    selfie_id: str | None = None,
    id_portrait_id: str | None = None,
    policy_name: str = "default",
    sandbox_outcome: str = "",
    priority: int = 0,
) -> Verification:
    """Open a case; with all its input it is submitted at once."""
    with atomic():
        applicant = applicants.applicant(applicant_id)
        if sandbox_outcome and applicant.tenant.mode != "sandbox":
            raise SandboxOnly()
        policy = queries.active_policy(policy_name)
        case = Verification.objects.create(
            tenant_id=current().tenant_id,
            applicant=applicant,
            kind=Kind(kind),
            policy=policy,
            state=State.CREATED,
            state_since=now,
            created_at=now,
            sandbox_outcome=sandbox_outcome,
            priority=priority,
            expires_at=now + timedelta(minutes=rules.read(policy.rules).expires_minutes),
        )
        move(case, to=State.AWAITING_INPUT, now=now)
        if selfie_id or id_portrait_id:
            submit(verification_id=case.pk, selfie_id=selfie_id, id_portrait_id=id_portrait_id, now=now)
            case.refresh_from_db()
    return case


def submit(
    *, verification_id: str, now: datetime, selfie_id: str | None = None, id_portrait_id: str | None = None
) -> Verification:
    """Give a case its images; the work is accepted when this commits. An ID portrait once given is kept."""
    with atomic():
        case = _locked(verification_id)
        outbox.admit(queue=_queue(case))
        if State(case.state) not in OPEN_TO_INPUT:
            raise IllegalMove(f"A verification that is {case.state} takes no input.")
        if not applicants.standing_consent(case.applicant_id, Consent.Purpose.BIOMETRIC_VERIFICATION):
            raise ConsentMissing()
        if case.kind == Kind.AUTHENTICATION and not case.sandbox_outcome and not faces.enrolled(case.applicant_id):
            raise NotEnrolled()
        given = {"selfie": selfie_id, "id_portrait": id_portrait_id or case.id_portrait_id}
        if missing := [name for name in NEEDS[Kind(case.kind)] if not given[name]]:
            raise InputMissing(fields={name: ["This image is needed."] for name in missing})
        media = {name: _media(case.applicant, name, given[name]) for name in NEEDS[Kind(case.kind)]}
        if case.state == State.RESUBMISSION_REQUESTED:
            move(case, to=State.AWAITING_INPUT, now=now, reasons=[])
        _process(case, media=media, now=now)
    return case


def _process(case: Verification, *, media: dict[str, Media], now: datetime) -> None:
    number = case.submission + 1
    move(case, to=State.PROCESSING, now=now, submission=number, submitted_at=now, reasons=[], **media)
    case.submission = number
    queue = _queue(case)
    outbox.enqueue(
        kind="verify_scripted" if queue == "io" else "verify",
        queue=queue,
        subject_type="verification",
        subject_id=case.pk,
        payload={"submission": number},
        priority=case.priority,
        deadline=now + DEADLINE,
        now=now,
    )


def _queue(case: Verification) -> str:
    """The sandbox follows a script, for which no model is needed."""
    return "io" if case.applicant.tenant.mode == "sandbox" else "gpu"


def cancel(*, verification_id: str, now: datetime) -> Verification:
    with atomic():
        case = _locked(verification_id)
        move(case, to=State.CANCELED, now=now)
        outbox.cancel(subject_type="verification", subject_id=case.pk, now=now)
    return case


def expire_due(*, now: datetime, limit: int = 500) -> int:
    """Cases whose input never came; for the schedule, in the tenant's scope."""
    with atomic():
        due = Verification.objects.select_for_update(skip_locked=True).filter(
            state=State.AWAITING_INPUT, expires_at__lte=now
        )[:limit]
        for case in (cases := list(due)):
            move(case, to=State.EXPIRED, now=now)
    return len(cases)


def retry(*, verification_id: str, now: datetime) -> Verification:
    """Let a case in error try again with the images it has: its quarantined job is released."""
    with atomic():
        case = _locked(verification_id)
        mine = {"subject_type": "verification", "subject_id": case.pk, "payload__submission": case.submission}
        stuck = outbox_queries.quarantined().filter(**mine).last()
        if case.state != State.ERROR or stuck is None:
            raise IllegalMove(f"A verification that is {case.state} has nothing to try again.")
        outbox.release(job_id=stuck.pk, now=now)
        case.refresh_from_db()
    return case


def add_policy(*, name: str, rules_json: dict, now: datetime, activate: bool = True) -> Policy:
    """A new immutable version. Refuses rules that make no sense; older versions stay as they were."""
    checked = rules.read(rules_json)
    with atomic():
        existing = Policy.objects.select_for_update().filter(name=name).order_by("-version")
        latest = existing.first()
        if activate:
            Policy.objects.filter(name=name, active=True).update(active=False)
        return Policy.objects.create(
            tenant_id=current().tenant_id, name=name, version=latest.version + 1 if latest else 1,
            rules=checked.as_json(), created_at=now, created_by=current().actor, active=activate,
        )  # fmt: skip


def _locked(verification_id: str) -> Verification:
    case = (
        Verification.objects.select_for_update(of=("self",))
        .select_related("applicant__tenant")
        .filter(pk=verification_id)
        .first()
    )
    if case is None:
        raise NotFound()
    return case


def _media(applicant: Applicant, kind: str, media_id: str | None) -> Media:
    found = Media.objects.filter(pk=media_id, applicant=applicant, kind=kind, state="stored").first()
    if found is None:
        raise WrongMedia(fields={kind: ["No such image of this kind for this applicant."]})
    return found
