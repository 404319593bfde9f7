from django.db import models

from kyc.core.ids import new_id


def canary_id() -> str:
    return new_id("can")


class Canary(models.Model):
    """A job of no tenant that does nothing, sent through web, outbox, broker and worker, and back to this row.

    A process that runs, even one that answers a ping, may consume nothing (celery#10205). A canary that came back
    is the only proof that the chain works.
    """

    id = models.TextField(primary_key=True, default=canary_id)
    queue = models.TextField()
    sent_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True)
    worker = models.TextField(blank=True, default="")
    worker_clock = models.DateTimeField(null=True)  # beside the database's own: shows skew

    class Meta:
        indexes = [models.Index(fields=["queue", "-sent_at"], name="canary_latest")]
