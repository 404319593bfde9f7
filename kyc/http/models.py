from django.db import models


class StoredResponse(models.Model):
    """The answer to a request with an Idempotency-Key, committed with the effect it tells of."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE)
    key = models.TextField()
    fingerprint = models.BinaryField(max_length=32)
    status = models.SmallIntegerField()
    headers = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    held_until = models.DateTimeField(null=True)  # a request held by Prefer: wait has not answered yet

    class Meta:
        constraints = [models.UniqueConstraint("tenant", "key", name="one_answer_per_key")]
