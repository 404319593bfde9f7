"""Writes on templates and lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kyc.core.errors import NotFound
from kyc.core.scope import atomic, current
from kyc.faces import queries, rotation
from kyc.faces.models import FaceList, Template
from kyc.registry import queries as registry
from kyc.webhooks import services as webhooks


def enrol(
    *,
    applicant_id: str,
    embedding: Sequence[float],
    model_sha256: str,
    media_id: str | None,
    now: datetime,
    listed: FaceList | None = None,
) -> Template:
    """Keep a face. One own template per person and model: an earlier one is replaced."""
    model = registry.by_hash(model_sha256)
    if model is None or model.dimension != len(embedding):
        raise ValueError("an embedding of a model that is not registered cannot be enrolled")
    number = queries.current_rotation()
    with atomic():
        if listed is None:
            _own(applicant_id, model).update(removed_at=now, vector=[0.0] * len(embedding))
        row = Template.objects.create(
            tenant_id=current().tenant_id,
            applicant_id=applicant_id,
            model=model,
            media_id=media_id,
            listed=listed,
            rotation=number,
            vector=rotation.turn(embedding, rotation=number),
            created_at=now,
        )
        webhooks.emit(
            event_type="template.enrolled", object_type="template", object_id=row.pk, status="enrolled", now=now
        )
    return row


def remove(*, template_id: str, now: datetime) -> None:
    """Forget a face: the vector is overwritten at once; the row stays as the record that it was there."""
    with atomic():
        row = queries.templates().select_for_update().filter(pk=template_id).first()
        if row is None:
            raise NotFound()
        Template.objects.filter(pk=row.pk).update(removed_at=now, vector=[0.0] * len(row.vector))
        webhooks.emit(
            event_type="template.removed", object_type="template", object_id=row.pk, status="removed", now=now
        )


def _own(applicant_id: str, model):
    return queries.templates().filter(applicant_id=applicant_id, model=model, listed=None)
