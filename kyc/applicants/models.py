from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id
from kyc.vault.fields import SealedField


def applicant_id() -> str:
    return new_id("app")


def consent_id() -> str:
    return new_id("cns")


class Applicant(models.Model):
    """A person being verified. What identifies them is sealed under their own data key (kyc.vault)."""

    id = models.TextField(primary_key=True, default=applicant_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    external_reference = models.TextField()  # the bank's own id; meaningless outside it
    personal = SealedField(null=True)  # sealed JSON: name, birth date, ...; null: none given, or erased
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("tenant", "external_reference", name="a_reference_once_per_tenant"),
            models.CheckConstraint(condition=Q(erased_at=None) | Q(personal=None), name="the_erased_have_no_data"),
        ]

    def __str__(self) -> str:
        return self.pk


class Consent(models.Model):
    """What the person agreed to, in which wording, and whether they still do."""

    class Purpose(models.TextChoices):
        BIOMETRIC_VERIFICATION = "biometric_verification"
        DUPLICATE_SEARCH = "duplicate_search"
        MODEL_IMPROVEMENT = "model_improvement"

    id = models.TextField(primary_key=True, default=consent_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    applicant = models.ForeignKey(Applicant, models.CASCADE, related_name="consents")
    purpose = models.TextField(choices=Purpose.choices)
    version = models.TextField()  # of the wording shown
    language = models.TextField(default="en")
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "applicant",
                "purpose",
                condition=Q(withdrawn_at=None),
                name="one_standing_consent_per_purpose",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=models.F("given_at")),
                name="withdrawn_after_given",
            ),
        ]
