"""A single job: look at its images, let kyc say what they mean. The same for all five kinds."""

from __future__ import annotations

from kyc.core import clock
from kyc.core.scope import atomic
from kyc.evidence import services as evidence
from kyc.inference import results
from kyc.inference.models import Inference
from kyc.outbox.services import Claim
from workers import engine


def work(claim: Claim) -> None:
    with atomic():
        row = Inference.objects.get(pk=claim.job.subject_id)
    wanted = {"media": row.media_id, "other_media": row.other_media_id}
    images = {name: evidence.read(id_, purpose="single_job") for name, id_ in wanted.items() if id_}
    results.record(claim=claim, portraits=engine.look(images), now=clock.now())
