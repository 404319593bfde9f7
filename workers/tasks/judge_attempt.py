"""The verdict on a capture session's attempt. The frame chosen for quality and match becomes the applicant's selfie."""

from __future__ import annotations

from django.conf import settings

from kyc.capture import results
from kyc.capture.models import Attempt, Chunk
from kyc.capture.packing import Frame as Packed
from kyc.capture.states import AttemptState
from kyc.core import clock
from kyc.core.scope import atomic
from kyc.evidence import services as evidence
from kyc.evidence.models import Media
from kyc.outbox import services as outbox
from kyc.outbox.services import Claim
from ml.liveness.active import codec
from ml.liveness.active.judge import judge
from ml.liveness.active.types import Frame, Known
from workers import capture, engine


def work(claim: Claim) -> None:
    with atomic():
        attempt = Attempt.objects.select_related("session").filter(pk=claim.job.subject_id).first()
        if attempt is None or attempt.state != AttemptState.JUDGING:
            outbox.finish(claim, now=clock.now())
            return
        chunks = list(Chunk.objects.filter(attempt=attempt).order_by("number"))
    packed, seen = _opened(chunks, attempt)
    files, looks = results.known(attempt, capture.marks(seen))
    known = Known(sha256=frozenset(f.hex() for f in files), phash=tuple(int.from_bytes(p, "big") for p in looks))
    transcript = capture.transcript(attempt, seen, known, trusted_cameras=settings.CAPTURE_TRUSTED_CAMERAS)
    verdict = judge(transcript, same_face=engine.same_face())
    judgement = capture.judgement(verdict, transcript.frames)
    selfie = _selfie(attempt, judgement, transcript.frames, packed, verdict.best)
    results.record(claim=claim, attempt=attempt, judgement=judgement, selfie_id=selfie, now=clock.now())


def _opened(chunks: list[Chunk], attempt: Attempt) -> tuple[dict[float, Packed], list[Frame]]:
    """The files by their time, and what was seen in each; what no worker got to yet is looked at now."""
    packed: dict[float, Packed] = {}
    seen: list[Frame] = []
    for chunk in chunks:
        frames = results.frames_of(chunk, attempt)
        packed |= {frame.at: frame for frame in frames}
        held = results.observations_of(chunk, attempt)
        seen += codec.unpack(held) if held else engine.observer().observe(capture.taken(frames))
    return packed, seen


def _selfie(
    attempt: Attempt,
    judgement: results.Judgement,
    frames: tuple[Frame, ...],
    packed: dict[float, Packed],
    best: int | None,
) -> str | None:
    if not judgement.good_enough or best is None:
        return None
    data = packed[frames[best].at].data
    return evidence.store(
        applicant_id=attempt.session.applicant_id, kind=Media.Kind.SELFIE, data=data, now=clock.now()
    ).pk
