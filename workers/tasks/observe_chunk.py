"""Look at a second of a capture session as soon as it is here, so that the verdict need not wait for it."""

from __future__ import annotations

from kyc.capture import results
from kyc.capture.models import Chunk
from kyc.core import clock
from kyc.core.scope import atomic
from kyc.outbox import services as outbox
from kyc.outbox.services import Claim
from ml.liveness.active import codec
from workers import capture, engine


def work(claim: Claim) -> None:
    with atomic():
        chunk = Chunk.objects.select_related("attempt__session").filter(pk=claim.job.subject_id).first()
        if chunk is None or chunk.observations is not None:  # judged, or given up, meanwhile
            outbox.finish(claim, now=clock.now())
            return
    seen = engine.observer().observe(capture.taken(results.frames_of(chunk, chunk.attempt)))
    results.keep_observations(
        claim=claim, chunk=chunk, attempt=chunk.attempt, observations=codec.pack(seen), now=clock.now()
    )
