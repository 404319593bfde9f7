"""What a person decides. Two people where the policy asks for it, and PostgreSQL holds them to it
(trigger `four_eyes` on verifications_decision)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from kyc.core.errors import Conflict, InvalidInput, NotFound
from kyc.core.scope import alias, atomic, current
from kyc.vault import fields
from kyc.verifications import rules
from kyc.verifications.models import Check, Decision, Proposal, ReviewClaim, Verification
from kyc.verifications.services import _locked, move
from kyc.verifications.states import State

HOLD = timedelta(minutes=15)  # a case left open on a screen is free again after this
OUTCOMES = (State.APPROVED, State.DECLINED, State.RESUBMISSION_REQUESTED)

# Why a person decided; what the applicant is told comes from kyc.verifications.reasons.
REASONS = {
    "same_person": "The pictures show the same person",
    "different_person": "The pictures show different people",
    "known_customer": "A known customer under another reference",
    "document_suspect": "The document looks altered or is not theirs",
    "attack_suspected": "The picture looks like a picture of a picture, a mask or a screen",
    "picture_unusable": "The picture does not allow a decision",
    "other": "Another reason, given in the note",
}


class ClaimedByOther(Conflict):
    code = "claimed_by_other"
    detail = "Somebody else is looking at this case."
    next_step = "Take another case, or ask them to release it."


class BadReason(InvalidInput):
    code = "unknown_reason"


class SamePerson(Conflict):
    code = "second_person_needed"
    detail = "Another person than the one who proposed it has to confirm."


def claim(*, verification_id: str, now: datetime) -> ReviewClaim:
    """Take a case to look at; taking it again prolongs. Raises ClaimedByOther."""
    with atomic():
        case = _locked(verification_id)
        held = ReviewClaim.objects.select_for_update().filter(pk=case.pk).first()
        me = current().actor
        if held and held.by != me and held.until > now:
            raise ClaimedByOther()
        since = held.since if held and held.by == me else now
        row, _ = ReviewClaim.objects.update_or_create(
            verification=case,
            defaults={"tenant_id": case.tenant_id, "by": me, "since": since, "until": now + HOLD},
        )
    return row


def release(*, verification_id: str) -> None:
    with atomic():
        ReviewClaim.objects.filter(pk=verification_id, by=current().actor).delete()


def decide(*, verification_id: str, outcome: str, reason: str, now: datetime, note: str = "") -> Decision | Proposal:
    """One person's decision: final, or a proposal where a second one is needed. Raises ClaimedByOther, IllegalMove."""
    if reason not in REASONS or outcome not in OUTCOMES:
        raise BadReason(fields={"reason": [f"One of {', '.join(REASONS)}."]})
    with atomic():
        case = _locked(verification_id)
        _held_by_me(case, now)
        if outcome == State.APPROVED and overrides(case):
            return _propose(case, outcome, reason, note, now)
        return _decide(case, State(outcome), reason, note, by=current().actor, second="", now=now)


def confirm(*, proposal_id: str, now: datetime) -> Decision:
    """The second person agrees; the database refuses it when it is the first."""
    with atomic():
        proposal = _open(proposal_id)
        if proposal.proposed_by == current().actor:
            raise SamePerson()
        case = _locked(proposal.verification_id)
        note = fields.get(proposal, "note", owner=case.applicant_id)["note"] or ""
        _answer(proposal, Proposal.State.CONFIRMED, now)
        return _decide(
            case,
            State(proposal.outcome),
            proposal.reason,
            note,
            by=proposal.proposed_by,
            second=current().actor,
            now=now,
        )


def refuse(*, proposal_id: str, now: datetime) -> None:
    """The second person disagrees; the case stays in review."""
    with atomic():
        _answer(_open(proposal_id), Proposal.State.REFUSED, now)


def reopen(*, verification_id: str, now: datetime) -> Verification:
    """Look at an approval again."""
    with atomic():
        case = _locked(verification_id)
        move(case, to=State.REOPENED, now=now)
        move(case, to=State.IN_REVIEW, now=now, reasons=["reopened"])
    return case


def take_over(*, verification_id: str, now: datetime) -> Verification:
    """A case in error goes to a person instead of being tried again."""
    with atomic():
        case = _locked(verification_id)
        move(case, to=State.IN_REVIEW, now=now, reasons=list(case.reasons) or ["processing_failed"])
    return case


def overrides(case: Verification) -> bool:
    """Would an approval overrule a check that did not pass, under a policy that wants two people for that?"""
    if not rules.read(case.policy.rules).review.four_eyes_override:
        return False
    return Check.objects.filter(
        verification=case, submission=case.submission, result__in=["fail", "inconclusive"]
    ).exists()


def _propose(case: Verification, outcome: str, reason: str, note: str, now: datetime) -> Proposal:
    row = Proposal(
        tenant_id=case.tenant_id, verification=case, outcome=outcome, reason=reason, proposed_by=current().actor,
        proposed_at=now,
    )  # fmt: skip
    fields.put(row, owner=case.applicant_id, note=note or None)
    try:
        with transaction.atomic(using=alias()):
            row.save(force_insert=True)
    except IntegrityError as e:
        raise Conflict("This case has an open proposal.", next_step="Confirm or refuse that one first.") from e
    return row


def _decide(case, outcome: State, reason: str, note: str, *, by: str, second: str, now: datetime) -> Decision:
    row = Decision(
        tenant_id=case.tenant_id, verification=case, number=case.decisions.count() + 1, submission=case.submission,
        outcome=outcome, reasons=[reason], decided_by=by, second_by=second, policy=case.policy, evidence={}, at=now,
    )  # fmt: skip
    fields.put(row, owner=case.applicant_id, note=note or None)
    row.save(force_insert=True)
    told = {
        State.APPROVED: [],
        State.DECLINED: ["decided_by_reviewer"],
        State.RESUBMISSION_REQUESTED: ["poor_quality"],
    }[outcome]
    decided = {"decided_at": now} if outcome != State.RESUBMISSION_REQUESTED else {}
    move(case, to=outcome, now=now, reasons=told, **decided)
    ReviewClaim.objects.filter(pk=case.pk).delete()
    return row


def _held_by_me(case: Verification, now: datetime) -> None:
    held = ReviewClaim.objects.select_for_update().filter(pk=case.pk).first()
    if held and held.by != current().actor and held.until > now:
        raise ClaimedByOther()


def _open(proposal_id: str) -> Proposal:
    found = Proposal.objects.select_for_update().filter(pk=proposal_id, state=Proposal.State.OPEN).first()
    if found is None:
        raise NotFound()
    return found


def _answer(proposal: Proposal, state: str, now: datetime) -> None:
    Proposal.objects.filter(pk=proposal.pk, state=Proposal.State.OPEN).update(
        state=state, answered_by=current().actor, answered_at=now
    )
