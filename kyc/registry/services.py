"""Writes on the model registry; for workers, under the system login."""

from __future__ import annotations

from datetime import datetime

from kyc.core.scope import atomic
from kyc.registry.models import ModelVersion


def register(
    *,
    role: str,
    name: str,
    version: str,
    sha256: str,
    licence: str,
    now: datetime,
    dimension: int | None = None,
    calibration: dict | None = None,
) -> ModelVersion:
    """Make a model known; a calibration that came later is added. The first of its role becomes active."""
    with atomic():
        model, new = ModelVersion.objects.get_or_create(
            role=role,
            name=name,
            version=version,
            sha256=sha256,
            defaults={
                "licence": licence,
                "dimension": dimension,
                "calibration": calibration,
                "registered_at": now,
            },
        )
        if not new and calibration and model.calibration != calibration:
            ModelVersion.objects.filter(pk=model.pk).update(calibration=calibration)
            model.calibration = calibration
        nobody = not ModelVersion.objects.filter(role=role, state=ModelVersion.State.ACTIVE).exists()
        if role == "pad" or nobody:
            ModelVersion.objects.filter(pk=model.pk).update(state=ModelVersion.State.ACTIVE)
            model.state = ModelVersion.State.ACTIVE
    return model


def activate(*, model_id: str) -> None:
    """Cut over: the active model of the role retires, this one speaks."""
    with atomic():
        model = ModelVersion.objects.select_for_update().get(pk=model_id)
        ModelVersion.objects.filter(role=model.role, state=ModelVersion.State.ACTIVE).exclude(pk=model_id).update(
            state=ModelVersion.State.RETIRED
        )
        ModelVersion.objects.filter(pk=model_id).update(state=ModelVersion.State.ACTIVE)
