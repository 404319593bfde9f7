from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id
from kyc.tenants.models import Tenant


def data_key_id() -> str:
    return new_id("dky")


class DataKey(models.Model):
    """The key of one owner's data, wrapped. Destroyed keys stay as tombstones: the owner was here and is erased."""

    id = models.TextField(primary_key=True, default=data_key_id)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")
    owner = models.TextField()  # "applicant:app_..." or "tenant:tnt_..."
    wrapped = models.BinaryField()  # empty once destroyed
    kek_id = models.TextField()  # which key-encryption key wraps it
    created_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # one key for ever: a second key for an erased owner would undo "nothing brings it back"
            models.UniqueConstraint("tenant", "owner", name="one_data_key_per_owner"),
            models.CheckConstraint(
                condition=Q(destroyed_at=None) & ~Q(wrapped=b"") | Q(destroyed_at__isnull=False, wrapped=b""),
                name="a_destroyed_key_is_gone",
            ),
            models.CheckConstraint(
                condition=Q(owner__regex=r"^(applicant|tenant):[a-z0-9_]+$"), name="key_owner_known"
            ),
        ]
        indexes = [
            # what rotation walks: living keys by their key-encryption key
            models.Index(fields=["kek_id", "id"], condition=Q(destroyed_at=None), name="living_keys_by_kek"),
        ]

    def __str__(self) -> str:
        return f"{self.id} of {self.owner}"
