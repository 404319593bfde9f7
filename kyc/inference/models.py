from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id


def inference_id() -> str:
    return new_id("inf")


class Inference(models.Model):
    """One question to the engine, asked for itself. The answer is kept until retention takes it."""

    class Kind(models.TextChoices):
        DETECT = "detect"  # faces and quality
        LIVENESS = "liveness"  # passive PAD
        EMBED = "embed"  # enrol the applicant's template from this image
        COMPARE = "compare"  # two images, 1:1
        SEARCH = "search"  # one image against the gallery, 1:N

    class State(models.TextChoices):
        PROCESSING = "processing"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.TextField(primary_key=True, default=inference_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    kind = models.TextField(choices=Kind.choices)
    state = models.TextField(choices=State.choices, default=State.PROCESSING)
    media = models.ForeignKey("evidence.Media", models.PROTECT, related_name="+")
    other_media = models.ForeignKey("evidence.Media", models.PROTECT, null=True, related_name="+")
    result = models.JSONField(null=True)
    reason = models.TextField(blank=True, default="")  # of a failure: a stable code
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="processing", finished_at=None) | Q(state="succeeded", result__isnull=False)
                | (Q(state="failed") & ~Q(reason="")),
                name="an_inference_ends_with_a_result_or_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(kind="compare", other_media__isnull=False) | ~Q(kind="compare") & Q(other_media=None),
                name="compare_takes_two",
            ),
        ]  # fmt: skip
