from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id


def tenant_id() -> str:
    return new_id("tnt")


def key_id() -> str:
    return new_id("key")


class Tenant(models.Model):
    """A bank, in one mode. Live and sandbox are two tenants, so no query can mix them (docs/adr/0003)."""

    class Mode(models.TextChoices):
        LIVE = "live"
        SANDBOX = "sandbox"

    id = models.TextField(primary_key=True, default=tenant_id)
    name = models.TextField()
    mode = models.TextField(choices=Mode.choices)
    created_at = models.DateTimeField()
    settings = models.JSONField(default=dict, blank=True)  # theme, limits; validated by kyc.tenants.services

    class Meta:
        constraints = [
            models.UniqueConstraint("name", "mode", name="a_name_once_per_mode"),
            models.CheckConstraint(condition=Q(mode__in=["live", "sandbox"]), name="tenant_mode_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.mode})"


class ApiKey(models.Model):
    """A bearer secret of 256 bits. Only its SHA-256 is kept: the secret is random, so no slow hash is needed."""

    id = models.TextField(primary_key=True, default=key_id)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="keys")
    name = models.TextField()
    prefix = models.TextField()  # the visible start, to recognise a key in a list
    secret_sha256 = models.BinaryField(max_length=32)
    scopes = ArrayField(models.TextField())
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    rotated_from = models.ForeignKey("self", models.PROTECT, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("secret_sha256", name="a_secret_once"),
            models.CheckConstraint(condition=Q(scopes__len__gt=0), name="a_key_can_do_something"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.prefix}..."


class KeyUse(models.Model):
    """When a key was last used, to the minute. Apart from the key, so that use is not an audited change of it."""

    key = models.OneToOneField(ApiKey, models.CASCADE, primary_key=True, related_name="use")
    tenant = models.ForeignKey(Tenant, models.CASCADE)
    at = models.DateTimeField()


class Membership(models.Model):
    """What a person may do in a bank's review portal."""

    class Role(models.TextChoices):
        VIEWER = "viewer"
        REVIEWER = "reviewer"
        SENIOR = "senior"
        AUDITOR = "auditor"
        ADMINISTRATOR = "administrator"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    user = models.ForeignKey("auth.User", models.CASCADE, related_name="memberships")
    role = models.TextField(choices=Role.choices)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("tenant", "user", name="one_role_per_person_and_bank")]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"
