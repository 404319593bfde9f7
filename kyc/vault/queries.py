from __future__ import annotations

from django.db.models import Count

from kyc.core.scope import atomic
from kyc.vault.errors import KeyDestroyed, NoDataKey
from kyc.vault.models import DataKey


def living(*, tenant_id: str, owner: str) -> DataKey:
    """NoDataKey, or KeyDestroyed for an erased owner."""
    with atomic():
        row = DataKey.objects.filter(tenant_id=tenant_id, owner=owner).first()
    if row is None:
        raise NoDataKey()
    if row.destroyed_at is not None:
        raise KeyDestroyed()
    return row


def due_for_rewrapping(*, current_kek: str, after: str = "", limit: int) -> list[DataKey]:
    """Living keys under another key-encryption key, by id. Across tenants when asked by the system login."""
    with atomic():
        rows = DataKey.objects.filter(destroyed_at=None, id__gt=after).exclude(kek_id=current_kek)
        return list(rows.order_by("id")[:limit])


def count_by_kek() -> dict[str, int]:
    """Living keys per key-encryption key: an old one with none left may be retired."""
    with atomic():
        rows = DataKey.objects.filter(destroyed_at=None).values_list("kek_id").annotate(Count("id")).order_by("kek_id")
        return dict(rows)
