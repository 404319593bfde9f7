from __future__ import annotations

from kyc.registry.models import ModelVersion


def active(role: str) -> ModelVersion | None:
    return ModelVersion.objects.filter(role=role, state=ModelVersion.State.ACTIVE).first()


def by_hash(sha256: str) -> ModelVersion | None:
    return ModelVersion.objects.filter(sha256=sha256).first()


def by_hashes(hashes: set[str]) -> list[ModelVersion]:
    return list(ModelVersion.objects.filter(sha256__in=hashes))
