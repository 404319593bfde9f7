from django.db import models
from django.db.models import Q
from pgvector.django import VectorField

from kyc.core.ids import new_id


def template_id() -> str:
    return new_id("tpl")


def list_id() -> str:
    return new_id("lst")


class FaceList(models.Model):
    """Faces a bank wants to recognise again: known fraudsters, say. A hit goes to a person, never to a verdict."""

    id = models.TextField(primary_key=True, default=list_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    name = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint("tenant", "name", name="a_list_name_once")]


class Template(models.Model):
    """One face under one model version, turned by the tenant's secret rotation before it came here.

    The vector has no fixed dimension: each model version has its own, kept by the trigger of the first
    migration, and its own partial index. Versions are never compared.
    """

    id = models.TextField(primary_key=True, default=template_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    applicant = models.ForeignKey("applicants.Applicant", models.CASCADE, related_name="templates")
    model = models.ForeignKey("registry.ModelVersion", models.PROTECT)
    media = models.ForeignKey("evidence.Media", models.SET_NULL, null=True)  # where it came from, while that is kept
    listed = models.ForeignKey(FaceList, models.CASCADE, null=True)  # null: the applicant's own template
    vector = VectorField()
    rotation = models.IntegerField(default=1)  # which of the tenant's rotations turned it
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "applicant",
                "model",
                condition=Q(listed=None, removed_at=None),
                name="one_template_per_person_and_model",
            ),
        ]
        indexes = [models.Index("tenant", "model", name="template_gallery", condition=Q(removed_at=None))]
