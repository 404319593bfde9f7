"""What the judge made of an attempt; fenced by the claim. Frames and observations go with the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.dispatch import receiver

from kyc.capture import attempts, queries, services
from kyc.capture.models import Attempt, Chunk, Mark, Session
from kyc.capture.packing import Frame, unpack
from kyc.capture.states import AttemptState, State
from kyc.core.scope import acting_for, atomic, current
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.outbox.services import Claim
from kyc.vault import services as vault

DOUBTS = frozenset({"virtual_camera"})  # reasons that a person judges, not another attempt


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judge's words, without its types."""

    result: str  # "pass" | "fail" | "inconclusive"
    reasons: tuple[str, ...] = ()
    signals: list[dict] = field(default_factory=list)
    marks: Sequence[tuple[bytes, bytes]] = ()  # (sha256, perceptual hash) of each frame

    @property
    def good_enough(self) -> bool:
        """Passed, or nothing but doubts: the session goes on, and a policy sees the doubts."""
        return self.result == "pass" or (self.result == "inconclusive" and set(self.reasons) <= DOUBTS)


def frames_of(chunk: Chunk, attempt: Attempt) -> list[Frame]:
    """Opened; raises KeyDestroyed after an erasure."""
    kind = attempts.kind_of(attempt, chunk.number, "frames")
    return unpack(vault.open_sealed(attempt.session.applicant_id, kind, attempts.LAYOUT, bytes(chunk.box)))


def observations_of(chunk: Chunk, attempt: Attempt) -> bytes | None:
    if chunk.observations is None:
        return None
    kind = attempts.kind_of(attempt, chunk.number, "observations")
    return vault.open_sealed(attempt.session.applicant_id, kind, attempts.LAYOUT, bytes(chunk.observations))


def keep_observations(*, claim: Claim, chunk: Chunk, attempt: Attempt, observations: bytes, now: datetime) -> None:
    """Embeddings are faces: sealed like them."""
    kind = attempts.kind_of(attempt, chunk.number, "observations")
    box = vault.seal(attempt.session.applicant_id, kind, attempts.LAYOUT, observations)
    with atomic():
        outbox.finish(claim, now=now)
        Chunk.objects.filter(pk=chunk.pk).update(observations=box)


def record(*, claim: Claim, attempt: Attempt, judgement: Judgement, selfie_id: str | None, now: datetime) -> None:
    """The verdict moves the session: on, back for another attempt, or to its end."""
    with atomic():
        outbox.finish(claim, now=now)
        session = Session.objects.select_for_update().get(pk=attempt.session_id)
        ended = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.JUDGING).update(
            state=AttemptState.JUDGED, judged_at=now, result=judgement.result, reasons=list(judgement.reasons),
            signals=judgement.signals,
        )  # fmt: skip
        Chunk.objects.filter(attempt=attempt).delete()
        if not ended or session.state != State.JUDGING:
            return  # canceled meanwhile
        Mark.objects.bulk_create(Mark(tenant_id=session.tenant_id, attempt=attempt, sha256=sha256, phash=phash)
                                 for sha256, phash in judgement.marks)  # fmt: skip
        also: dict = {"result": judgement.result, "reasons": list(judgement.reasons)}
        if judgement.good_enough and selfie_id:
            also["selfie_id"] = selfie_id
        services.move(session, to=_next(session, judgement, selfie_id), now=now, **also)


def _next(session: Session, judgement: Judgement, selfie_id: str | None) -> State:
    if judgement.good_enough and selfie_id:
        return State.PASSED if session.wants_document else State.COMPLETED
    return State.READY if session.attempts_left else State.FAILED


def forget_marks(*, now: datetime, older: timedelta) -> int:
    with atomic():
        return Mark.objects.filter(attempt__started_at__lt=now - older).delete()[0]


@receiver(outbox.quarantined, dispatch_uid="capture_failed")
def failed(sender: type, job: Job, now: datetime, **_: object) -> None:
    """Our failure is not the person's: the attempt does not count."""
    if job.subject_type != "capture_attempt":
        return
    with acting_for(job.tenant_id, system=current().system), atomic():
        attempt = Attempt.objects.filter(pk=job.subject_id, state=AttemptState.JUDGING).first()
        if attempt is None:
            return
        session = Session.objects.select_for_update().get(pk=attempt.session_id)
        services.give_up_attempt(session, now=now)
        if session.state == State.JUDGING:
            services.move(
                session, to=State.READY, now=now, attempts_left=session.attempts_left + 1, reasons=["processing_failed"]
            )


def known(attempt: Attempt, marks: Sequence[tuple[bytes, bytes]]) -> tuple[set[bytes], list[bytes]]:
    """SHA-256 and perceptual hashes of these frames that came in other attempts."""
    with atomic():
        files = queries.known_files(attempt, [sha256 for sha256, _ in marks])
        return files, queries.known_looks(attempt, [phash for _, phash in marks])
