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
        SHREDDED = "shredded"    # the object is gone; what is left says that it was

    id = models.TextField(primary_key=True, default=media_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    applicant = models.ForeignKey("applicants.Applicant", models.PROTECT, related_name="media")
    kind = models.TextField(choices=Kind.choices)
    state = models.TextField(choices=State.choices, default=State.UPLOADING)
    object_key = models.TextField(unique=True)          # in the store; random, so it says nothing
    format = models.TextField()                         # as stored
    width = models.IntegerField()                       # px, upright
    height = models.IntegerField()                      # px
    grayscale = models.BooleanField(default=False)
    size = models.IntegerField()                        # bytes of the sealed box
    original_digest = models.BinaryField(max_length=32)  # HMAC-SHA256 of the upload under the tenant's key
    phash = models.BigIntegerField(null=True)           # 64-bit perceptual hash, for reuse under another encoding
    created_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True)
    shredded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["uploading", "stored", "shredded"]), name="media_state_known"),
            models.CheckConstraint(condition=~Q(state="stored") | Q(stored_at__isnull=False), name="stored_says_when"),
        ]
        indexes = [
            models.Index("tenant", "original_digest", name="media_reuse"),
            models.Index("applicant", "kind", name="media_of_applicant"),
            models.Index("created_at", name="media_unfinished", condition=Q(state="uploading")),
        ]
