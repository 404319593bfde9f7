"""What the engine said of a single job's images, judged and kept; fenced by the claim."""

from __future__ import annotations

from datetime import datetime

from django.dispatch import receiver

from kyc.core.scope import acting_for, atomic, current
from kyc.faces import queries as face_queries
from kyc.faces import services as faces
from kyc.faces.answers import Similarity
from kyc.inference.models import Inference
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.outbox.services import Claim
from kyc.verifications import policy, queries, rules
from kyc.verifications.observations import Portrait
from kyc.verifications.policy import Finding
from kyc.verifications.results import scale_of
from kyc.webhooks import services as webhooks

Portraits = dict[str, Portrait]


class Unusable(Exception):
    """The image cannot answer the question; the reason says why."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


def record(*, claim: Claim, portraits: Portraits, now: datetime) -> None:
    with atomic():
        outbox.finish(claim, now=now)
        row = Inference.objects.select_for_update().get(pk=claim.job.subject_id)
        try:
            _end(row, state=Inference.State.SUCCEEDED, result=ANSWERS[row.kind](row, portraits, now), now=now)
        except Unusable as e:
            _end(row, state=Inference.State.FAILED, reason=e.reason, now=now)


def _detect(row: Inference, portraits: Portraits, now: datetime) -> dict:
    seen = portraits["media"]
    if seen.problem:
        raise Unusable(seen.problem)
    return policy.quality("quality", seen, _rules().quality).detail


def _liveness(row: Inference, portraits: Portraits, now: datetime) -> dict:
    seen, _ = _one_face(portraits["media"])
    return _told(policy.liveness(seen, _rules()))


def _embed(row: Inference, portraits: Portraits, now: datetime) -> dict:
    seen, embedding = _one_face(portraits["media"])
    template = faces.enrol(
        applicant_id=row.media.applicant_id, embedding=embedding, model_sha256=seen.recogniser_sha256,
        media_id=row.media_id, now=now,
    )  # fmt: skip
    return {"template": template.pk, "model": str(template.model)}


def _compare(row: Inference, portraits: Portraits, now: datetime) -> dict:
    (seen, a), (_, b) = _one_face(portraits["media"]), _one_face(portraits["other_media"])
    cosine = sum(x * y for x, y in zip(a, b, strict=True))
    return _told(
        policy.match(Similarity(cosine, f"media:{row.other_media_id}"), scale_of(seen.recogniser_sha256), _rules())
    )


def _search(row: Inference, portraits: Portraits, now: datetime) -> dict:
    seen, embedding = _one_face(portraits["media"])
    found = face_queries.search(embedding, seen.recogniser_sha256, limit=10)
    return _told(policy.duplicates(found, scale_of(seen.recogniser_sha256), _rules()))


ANSWERS = {"detect": _detect, "liveness": _liveness, "embed": _embed, "compare": _compare, "search": _search}


def _one_face(seen: Portrait) -> tuple[Portrait, tuple[float, ...]]:
    if seen.problem or seen.embedding is None:
        raise Unusable(seen.problem or "no_face")
    return seen, seen.embedding


def _told(finding: Finding) -> dict:
    return {
        "result": finding.result, "reasons": list(finding.reasons), "score": finding.score, "fmr": finding.fmr,
        "threshold": finding.threshold, "threshold_id": finding.threshold_id, "model_sha256": finding.model_sha256,
        "detail": finding.detail,
    }  # fmt: skip


def _rules() -> rules.Rules:
    return rules.read(queries.active_policy().rules)


def _end(row: Inference, *, state: str, now: datetime, result: dict | None = None, reason: str = "") -> None:
    Inference.objects.filter(pk=row.pk, state=Inference.State.PROCESSING).update(
        state=state, result=result, reason=reason, finished_at=now
    )
    webhooks.emit(event_type=f"job.{state}", object_type="job", object_id=row.pk, status=state, now=now)


@receiver(outbox.quarantined, dispatch_uid="inference_failed")
def failed(sender, job: Job, now: datetime, **_) -> None:
    if job.subject_type != "inference":
        return
    with acting_for(job.tenant_id, system=current().system), atomic():
        row = Inference.objects.select_for_update().filter(pk=job.subject_id, state=Inference.State.PROCESSING).first()
        if row:
            _end(row, state=Inference.State.FAILED, reason="processing_failed", now=now)


@receiver(outbox.released, dispatch_uid="inference_goes_on")
def goes_on(sender, job: Job, now: datetime, **_) -> None:
    if job.subject_type == "inference":
        Inference.objects.filter(pk=job.subject_id, state=Inference.State.FAILED).update(
            state=Inference.State.PROCESSING, reason="", finished_at=None
        )
