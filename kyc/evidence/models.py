from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id


def media_id() -> str:
    return new_id("med")


class Media(models.Model):
    """An image at rest: a sealed box in the evidence store, and here what may be known of it without opening it.

    The row comes before the object and outlives it: a kill at any point leaves an intent the janitor can finish.
    """

    class Kind(models.TextChoices):
        SELFIE = "selfie"
        ID_PORTRAIT = "id_portrait"
        ID_DOCUMENT = "id_document"
        LIVENESS_FRAME = "liveness_frame"

    class State(models.TextChoices):
        UPLOADING = "uploading"  # the row is there, the object may be
        STORED = "stored"
        SHREDDED = "shredded"  # the object is gone or about to be; what is left says that it was

    id = models.TextField(primary_key=True, default=media_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    applicant = models.ForeignKey("applicants.Applicant", models.PROTECT, related_name="media")
    kind = models.TextField(choices=Kind.choices)
    state = models.TextField(choices=State.choices, default=State.UPLOADING)
    object_key = models.TextField(unique=True, null=True)  # in the store; random, says nothing; null: surely gone
    width = models.IntegerField()  # px, upright
    height = models.IntegerField()  # px
    grayscale = models.BooleanField(default=False)  # the source carries no colour
    size = models.IntegerField()  # bytes of the sealed box
    source = models.JSONField(default=dict)  # of the upload: kyc.evidence.cage.result.SOURCE_FACTS
    # HMAC-SHA256 of the upload under the tenant's key: tells the same file again, to this tenant only; null: forgotten
    original_digest = models.BinaryField(max_length=32, null=True)
    phash = models.BigIntegerField(null=True)  # 64-bit perceptual hash, masked (docs/adr/0052)
    created_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True)
    shredded_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "media"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["uploading", "stored", "shredded"]), name="media_state_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["selfie", "id_portrait", "id_document", "liveness_frame"]),
                name="media_kind_known",
            ),
            models.CheckConstraint(condition=~Q(state="stored") | Q(stored_at__isnull=False), name="stored_says_when"),
            # an object that no row names could never be deleted
            models.CheckConstraint(
                condition=Q(state="shredded", shredded_at__isnull=False) | Q(object_key__isnull=False),
                name="media_names_its_object",
            ),
        ]
        indexes = [
            models.Index("tenant", "original_digest", name="media_reuse"),
            models.Index("applicant", "kind", name="media_of_applicant"),
            # what the janitor walks: both short at all times
            models.Index("created_at", name="media_unfinished", condition=Q(state="uploading")),
            models.Index(
                "shredded_at", name="media_to_delete", condition=Q(state="shredded", object_key__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.kind})"
