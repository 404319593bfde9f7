"""Look at the images of a submission, then let kyc decide."""

from __future__ import annotations

from kyc.core import clock, crash
from kyc.core.scope import atomic
from kyc.evidence import services as evidence
from kyc.outbox.services import Claim
from kyc.verifications import queries, results
from workers import engine


def work(claim: Claim) -> None:
    with atomic():
        case = queries.verification(claim.job.subject_id)
    wanted = {"selfie": case.selfie_id, "id_portrait": case.id_portrait_id}
    images = {name: evidence.read(id_, purpose="verification") for name, id_ in wanted.items() if id_}
    portraits = engine.look(images)
    crash.point("mid_inference")
    results.record(claim=claim, portraits=portraits, now=clock.now())
