"""Writes on templates and lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from kyc.core.errors import Conflict, NotFound
from kyc.core.scope import atomic, current
from kyc.faces import queries, rotation
from kyc.faces.models import FaceList, Template
from kyc.registry import queries as registry
from kyc.tenants.models import Tenant
from kyc.webhooks import services as webhooks


class ListExists(Conflict):
    code = "list_exists"
    detail = "There is a list of this name."
    next_step = "Use it, or choose another name."


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


def create_list(*, name: str, now: datetime) -> FaceList:
    """A named list of faces to recognise again. Raises ListExists."""
    with atomic():
        made, new = FaceList.objects.get_or_create(
            tenant_id=current().tenant_id, name=name, defaults={"created_at": now}
        )
        if not new:
            raise ListExists()
    return made


def add_to_list(*, list_id: str, template_id: str, now: datetime) -> Template:
    """Copy an enrolled template onto a list; removing one leaves the other."""
    with atomic():
        onto = FaceList.objects.filter(pk=list_id).first()
        if onto is None:
            raise NotFound()
        source = queries.template(template_id)
        return Template.objects.create(
            tenant_id=source.tenant_id, applicant_id=source.applicant_id, model_id=source.model_id,
            media_id=source.media_id, listed=onto, vector=source.vector, rotation=source.rotation, created_at=now,
        )  # fmt: skip


def rekey(*, batch: int = 500, progress: Callable[[int], None] = lambda done: None) -> int:
    """Turn the present tenant's whole gallery by a new rotation, without new photographs. Resumable.

    The number of the rotation in use moves first, so what is enrolled meanwhile is already under the new one. Until
    the last row is turned a search says how many of how many it covered.
    """
    with atomic():
        tenant = Tenant.objects.select_for_update().get(pk=current().tenant_id)
        number = queries.current_rotation()
        if not queries.templates().exclude(rotation=number).exists():
            number += 1
            Tenant.objects.filter(pk=tenant.pk).update(settings=tenant.settings | {"rotation": number})
    done = 0
    while True:
        with atomic():
            rows = list(queries.templates().select_for_update().exclude(rotation=number).order_by("id")[:batch])
            for row in rows:
                row.vector = rotation.turn_again(row.vector, was=row.rotation, to=number)
                row.rotation = number
            Template.objects.bulk_update(rows, ["vector", "rotation"])
        done += len(rows)
        progress(done)
        if len(rows) < batch:
            return done


def _own(applicant_id: str, model):
    return queries.templates().filter(applicant_id=applicant_id, model=model, listed=None)
