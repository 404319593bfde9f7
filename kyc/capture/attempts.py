"""Writes during an attempt: begin, hand out steps, take frames, hand over to the judge.

Each call is made by the page, which nobody has to believe: what is kept of it are the times at which *we* heard it,
and bytes.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import IntegrityError, transaction

from kyc.applicants import queries as applicants
from kyc.applicants.models import Consent
from kyc.capture import challenge, limits, packing, queries, services
from kyc.capture.errors import (
    ChunkDiffers,
    ChunkRefused,
    ConsentNeeded,
    FramesMissing,
    NoAttemptsLeft,
    NotNow,
    OpenElsewhere,
    TooEarly,
)
from kyc.capture.models import Attempt, Chunk, Session, attempt_id
from kyc.capture.states import AttemptState, State
from kyc.core.errors import LostRace
from kyc.core.scope import alias, atomic
from kyc.outbox import services as outbox
from kyc.vault import services as vault

PURPOSE = "capture-challenge"  # of the tenant's derived secret
LAYOUT = 1  # of sealed chunks and observations
PRIORITY = 10  # a person waits before the camera


def begin(*, session: Session, tab: str, camera: str, take_over: bool, now: datetime) -> Attempt:
    """A new attempt of this window. One that another window records goes on, unless that one fell silent or the
    person says to go on here. What was begun counts, finished or not: else one could look at the steps and reload.
    """
    vault.ensure(session.tenant_id, now=now)
    nonce = secrets.token_hex(16)
    steps = challenge.draw(challenge.seed(nonce, vault.derive(session.tenant_id, PURPOSE)))
    with atomic():
        if not applicants.standing_consent(session.applicant_id, Consent.Purpose.BIOMETRIC_VERIFICATION):
            raise ConsentNeeded()
        _leave_the_last(session, tab=tab, take_over=take_over, now=now)
        if session.attempts_left < 1:
            raise NoAttemptsLeft()
        services.move(session, to=State.RECORDING, now=now, attempts_left=session.attempts_left - 1)
        number = Attempt.objects.filter(session=session).count() + 1
        return Attempt.objects.create(
            id=attempt_id(), tenant_id=session.tenant_id, session=session, number=number, nonce=nonce, tab=tab,
            camera=camera, steps=steps, started_at=now, last_heard_at=now,
        )  # fmt: skip


def _leave_the_last(session: Session, *, tab: str, take_over: bool, now: datetime) -> None:
    last = queries.running(session)
    if last is None:
        return
    if last.state == AttemptState.JUDGING:
        raise NotNow("The last attempt is being judged.")
    alive = now - last.last_heard_at < limits.SILENT
    if last.tab != tab and alive and not take_over:
        raise OpenElsewhere()
    services.give_up_attempt(session, now=now)
    services.move(session, to=State.READY if session.attempts_left else State.FAILED, now=now)


def ask(*, session: Session, number: int, tab: str, clock: float, shown: float | None, now: datetime) -> dict:
    """The next step. Steps come one at a time, each when the one before is over; the last answer may be asked again.

    clock: the page's clock at sending, s; shown: when it showed the step before. Raises TooEarly, NotNow.
    """
    with atomic():
        attempt = _recording(session, tab)
        at = (now - attempt.started_at).total_seconds()
        if number == len(attempt.asked) - 1:
            return challenge.shown(attempt.steps[number])  # the answer was lost on its way
        if number != len(attempt.asked) or number >= len(attempt.steps):
            raise NotNow()
        if number:
            over = attempt.asked[-1] + attempt.steps[number - 1]["seconds"]
            if at < over - limits.STEP_EARLY:
                raise TooEarly(retry_after=1)
            if at > over + limits.STEP_LATE:
                raise NotNow("The attempt was interrupted for too long.")
        _heard(attempt, clock=clock, at=at, shown=shown, asked=[*attempt.asked, at], now=now)
    return challenge.shown(attempt.steps[number])


def receive(*, session: Session, number: int, body: bytes, now: datetime) -> None:
    """One chunk, sealed and kept; the engine looks at it at once. The same chunk again changes nothing."""
    frames = packing.unpack(body)
    if not 0 <= number < limits.MAX_CHUNKS or not frames:
        raise ChunkRefused()
    vault.warm(session.applicant_id)
    digest = hashlib.sha256(body).digest()
    with atomic():
        attempt = queries.running(session)
        if attempt is None or attempt.state != AttemptState.RECORDING:
            raise NotNow()
        Attempt.objects.filter(pk=attempt.pk).update(last_heard_at=now)
        if _is_here(attempt, number, digest):
            return
        outbox.admit(queue="gpu")
        box = vault.seal(session.applicant_id, kind_of(attempt, number, "frames"), LAYOUT, body)
        try:
            with transaction.atomic(using=alias()):
                row = Chunk.objects.create(tenant_id=session.tenant_id, attempt=attempt, number=number, sha256=digest,
                                           size=len(body), received_at=now, box=box)  # fmt: skip
        except IntegrityError as e:
            if not _is_here(attempt, number, digest):
                raise ChunkDiffers() from e
            return
        outbox.enqueue(kind="observe_chunk", queue="gpu", subject_type="capture_chunk", subject_id=str(row.pk),
                       priority=PRIORITY, deadline=now + limits.JUDGE_WITHIN, now=now)  # fmt: skip


def _is_here(attempt: Attempt, number: int, digest: bytes) -> bool:
    found = Chunk.objects.filter(attempt=attempt, number=number).first()
    if found is None:
        return False
    if bytes(found.sha256) != digest:
        raise ChunkDiffers()
    return True


def finish(*, session: Session, tab: str, chunks: int, clock: float, shown: float | None, now: datetime) -> Attempt:
    """All steps were shown and all frames sent: judge them. Again after a lost answer: the same."""
    with atomic():
        last = Attempt.objects.filter(session=session).order_by("-number").first()
        if last is not None and last.state in (AttemptState.JUDGING, AttemptState.JUDGED) and last.tab == tab:
            return last
        attempt = _recording(session, tab)
        if len(attempt.asked) != len(attempt.steps) or not 0 < chunks <= limits.MAX_CHUNKS:
            raise NotNow()
        if queries.numbers_received(attempt) != list(range(chunks)):
            raise FramesMissing()
        at = (now - attempt.started_at).total_seconds()
        services.move(session, to=State.JUDGING, now=now)
        _heard(
            attempt,
            clock=clock,
            at=at,
            shown=shown,
            now=now,
            state=AttemptState.JUDGING,
            chunks=chunks,
            finished_at=now,
        )
        outbox.enqueue(kind="judge_attempt", queue="gpu", subject_type="capture_attempt", subject_id=attempt.pk,
                       priority=PRIORITY, deadline=now + limits.JUDGE_WITHIN, now=now)  # fmt: skip
    return attempt


def kind_of(attempt: Attempt, number: int, what: str) -> str:
    """What a box is bound to besides the applicant: this chunk of this attempt."""
    return f"capture.chunk:{attempt.pk}:{number}:{what}"


def _recording(session: Session, tab: str) -> Attempt:
    attempt = queries.running(session)
    if attempt is None or attempt.state != AttemptState.RECORDING:
        raise NotNow()
    if attempt.tab != tab:
        raise OpenElsewhere()
    return attempt


def _heard(attempt: Attempt, *, clock: float, at: float, shown: float | None, now: datetime, **also: object) -> None:
    """Both clocks, and when the page says it showed the last step. Compare-and-set on the number of steps."""
    changes = {"beats": [*attempt.beats, [clock, at]], "last_heard_at": now} | also
    if attempt.asked:
        changes["shown"] = [*attempt.shown, shown]
    rows = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.RECORDING, asked=attempt.asked)
    if not rows.update(**changes):
        raise LostRace()
