"""Writes on capture sessions: open, consent, cancel, expire. What happens during an attempt is in `attempts`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import receiver

from kyc.applicants import queries as applicants
from kyc.applicants import services as applicant_services
from kyc.applicants.models import Consent
from kyc.capture import limits, queries, token
from kyc.capture.errors import LockedOut, NotNow, SessionOver
from kyc.capture.models import Attempt, Chunk, Mark, Session, session_id
from kyc.capture.states import ENDS_BY_TIME, MOVES, OVER, AttemptState, State
from kyc.core.errors import LostRace
from kyc.core.scope import atomic, current
from kyc.evidence.models import Media
from kyc.webhooks import services as webhooks

WORDING = "capture-1"  # version of the consent text in static/capture/lang; a change of its meaning changes this
TOLD = {State.COMPLETED: "completed", State.FAILED: "failed", State.EXPIRED: "expired"}  # webhooks: what banks act on


@dataclass(frozen=True, slots=True)
class Opened:
    session: Session
    token: token.Token  # shown once


def open_session(*, applicant_id: str, wants_document: bool, language: str, return_url: str, now: datetime) -> Opened:
    """Raises NotFound, and LockedOut after repeated failures of this applicant."""
    with atomic():
        person = applicants.applicant(applicant_id)
        wait = queries.locked_for(person.pk, most=limits.LOCK_AFTER, within=limits.LOCK_FOR, now=now)
        if wait:
            raise LockedOut(retry_after=max(1, int(wait.total_seconds())))
        fresh = token.issue(str(current().tenant_id), session_id())
        row = Session.objects.create(
            id=fresh.session_id, tenant_id=current().tenant_id, applicant=person, state_since=now,
            token_sha256=fresh.digest, wants_document=wants_document, language=language, return_url=return_url,
            attempts_left=limits.ATTEMPTS, created_at=now, expires_at=now + limits.LIFE,
        )  # fmt: skip
    return Opened(row, fresh)


def consent(*, session: Session, language: str, now: datetime) -> Session:
    """The person agrees, in the wording they saw; recorded with the applicant's other consents."""
    purpose = Consent.Purpose.BIOMETRIC_VERIFICATION
    with atomic():
        move(session, to=State.READY, now=now)
        if not applicants.standing_consent(session.applicant_id, purpose):
            applicant_services.consent(
                applicant_id=session.applicant_id, purpose=purpose, version=WORDING, language=language, now=now
            )
    return session


def decline(*, session: Session, now: datetime) -> Session:
    """No is an answer: the bank hears of it by reading the session, and offers another way."""
    with atomic():
        move(session, to=State.DECLINED, now=now)
    return session


def cancel(*, session_id: str, now: datetime) -> Session:
    with atomic():
        row = queries.session(session_id)
        give_up_attempt(row, now=now)
        move(row, to=State.CANCELED, now=now)
    return row


def document_shown(*, session: Session, portrait: Media, now: datetime) -> Session:
    """The ID portrait is here: the last thing a session may want."""
    with atomic():
        if session.state != State.PASSED or not session.wants_document:
            raise NotNow()
        move(session, to=State.COMPLETED, now=now, portrait=portrait)
    return session


def expire_due(*, now: datetime) -> int:
    """Sessions whose time is over. Those being judged are left to end by their verdict."""
    with atomic():
        due = Session.objects.filter(state__in=[s.value for s in ENDS_BY_TIME], expires_at__lte=now)
        rows = list(due.exclude(state=State.RECORDING, expires_at__gt=now - limits.UPLOAD_TIME)
                    .select_for_update(skip_locked=True)[:200])  # fmt: skip
        for row in rows:
            give_up_attempt(row, now=now)
            move(row, to=State.EXPIRED, now=now)
    return len(rows)


def stop_for(*, applicant_id: str, now: datetime) -> int:
    """End every open session of an applicant: what they agreed to was withdrawn."""
    with atomic():
        rows = Session.objects.filter(applicant_id=applicant_id).exclude(state__in=[s.value for s in OVER])
        for row in rows.select_for_update():
            give_up_attempt(row, now=now)
            move(row, to=State.CANCELED, now=now)
    return len(rows)


def forget(*, applicant_id: str, now: datetime) -> None:
    """Erasure: nothing that could know the person again stays; that sessions happened does."""
    with atomic():
        stop_for(applicant_id=applicant_id, now=now)
        attempts = Attempt.objects.filter(session__applicant_id=applicant_id)
        Chunk.objects.filter(attempt__in=attempts).delete()
        Mark.objects.filter(attempt__in=attempts).delete()
        attempts.update(signals=[], beats=[], camera="")


def move(session: Session, *, to: State, now: datetime, **also: object) -> None:
    """Compare-and-set; the WHERE clause is the lock. Raises NotNow, SessionOver, LostRace."""
    if to not in MOVES[State(session.state)]:
        raise SessionOver() if session.state in OVER else NotNow()
    rows = Session.objects.filter(pk=session.pk, state=session.state)
    if not rows.update(state=to, state_since=now, **also):
        raise LostRace()
    session.state, session.state_since = to, now
    for name, value in also.items():
        setattr(session, name, value)
    if to in TOLD:
        webhooks.emit(
            event_type=f"capture_session.{TOLD[to]}", object_type="capture_session", object_id=session.pk,
            status=to, now=now,
        )  # fmt: skip


def give_up_attempt(session: Session, *, now: datetime) -> None:
    """End a running attempt without a verdict; its frames go."""
    running = Attempt.objects.filter(session=session, state__in=(AttemptState.RECORDING, AttemptState.JUDGING))
    for attempt in running:
        Chunk.objects.filter(attempt=attempt).delete()
    running.update(state=AttemptState.ABANDONED, finished_at=now)


@receiver(applicant_services.withdrawn, dispatch_uid="capture_stops")
def consent_withdrawn(sender: type, consent: Consent, now: datetime, **_: object) -> None:
    if consent.purpose == Consent.Purpose.BIOMETRIC_VERIFICATION:
        stop_for(applicant_id=consent.applicant_id, now=now)
