from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id


def model_id() -> str:
    return new_id("mdl")


class ModelVersion(models.Model):
    """Weights this deployment has, by hash, and for recognisers what their scores mean. Written by workers only."""

    class State(models.TextChoices):
        CANDIDATE = "candidate"  # known, perhaps embedding in the shadow of the active one
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.TextField(primary_key=True, default=model_id)
    role = models.TextField()  # detector | recogniser | pad | quality
    name = models.TextField()
    version = models.TextField()
    sha256 = models.TextField()
    dimension = models.SmallIntegerField(null=True)  # of the embedding; recognisers only
    licence = models.TextField()
    calibration = models.JSONField(null=True)  # score to FMR; see kyc.registry.calibration
    state = models.TextField(choices=State.choices, default=State.CANDIDATE)
    registered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("role", "name", "version", "sha256", name="a_model_once"),
            # PAD models are fused, so several may be active; of the others one speaks
            models.UniqueConstraint(
                "role", condition=Q(state="active") & ~Q(role="pad"), name="one_active_model_per_role"
            ),
            models.CheckConstraint(
                condition=~Q(role="recogniser") | Q(dimension__isnull=False),
                name="a_recogniser_has_a_dimension",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.sha256[:12]})"
