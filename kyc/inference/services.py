"""Accept a single job."""

from __future__ import annotations

from datetime import datetime, timedelta

from kyc.applicants import queries as applicants
from kyc.applicants.models import Consent
from kyc.core.errors import Conflict, InvalidInput
from kyc.core.scope import atomic, current
from kyc.evidence.models import Media
from kyc.inference.models import Inference
from kyc.outbox import services as outbox

DEADLINE = timedelta(minutes=5)


class NoSuchImage(InvalidInput):
    code = "wrong_media"
    detail = "There is no such image."
    next_step = "Upload it to /v1/media first."


class ConsentMissing(Conflict):
    code = "consent_missing"
    detail = "The applicant has not consented to biometric verification."
    next_step = "Record the consent first."


def submit(*, kind: str, media_id: str, other_media_id: str | None, now: datetime) -> Inference:
    with atomic():
        outbox.admit(queue="gpu")
        row = Inference.objects.create(
            tenant_id=current().tenant_id, kind=kind, media=_image("media", media_id),
            other_media=_image("other_media", other_media_id) if other_media_id else None, created_at=now,
        )  # fmt: skip
        outbox.enqueue(
            kind=kind, queue="gpu", subject_type="inference", subject_id=row.pk, deadline=now + DEADLINE, now=now
        )
    return row


def _image(field: str, media_id: str) -> Media:
    found = Media.objects.filter(pk=media_id, state="stored").first()
    if found is None:
        raise NoSuchImage(fields={field: ["There is no such image."]})
    if not applicants.standing_consent(found.applicant_id, Consent.Purpose.BIOMETRIC_VERIFICATION):
        raise ConsentMissing()
    return found
