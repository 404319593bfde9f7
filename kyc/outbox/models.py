from django.db import models
from django.db.models import F, Q

from kyc.core.ids import new_id


def job_id() -> str:
    return new_id("job")


class Job(models.Model):
    """A piece of work, accepted. The row is the truth and its own outbox entry: it is inserted in the
    transaction that accepts the work, and the broker only carries its id to a worker (docs/adr/0004).

    `attempt` is the fencing number: it rises with each claim, and a result is written only while it still matches.
    """

    class State(models.TextChoices):
        PENDING = "pending"  # waits for its time, for the relay, or for a worker
        LEASED = "leased"  # a worker works on it until lease_until
        DONE = "done"
        CANCELED = "canceled"  # its subject no longer wants it
        QUARANTINED = "quarantined"  # three attempts, or one that can never succeed: a person looks

    id = models.TextField(primary_key=True, default=job_id)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, null=True)  # null: the deployment's own (canary)
    kind = models.TextField()  # the task: "verify", "deliver", ...
    queue = models.TextField()  # "gpu" | "io"
    priority = models.SmallIntegerField(default=0)  # 0 interactive, 10 bulk; smaller first
    subject_type = models.TextField()
    subject_id = models.TextField()
    payload = models.JSONField(default=dict)  # ids and options, never personal data
    state = models.TextField(choices=State.choices, default=State.PENDING)
    attempt = models.SmallIntegerField(default=0)
    # Attempts that ended with their worker. Two make the job a suspect, whose last attempt runs beside no other
    # suspect's: else the innocent that died with a culprit would die with it again, and share its quarantine.
    deaths = models.SmallIntegerField(default=0, db_default=0)
    run_after = models.DateTimeField()
    deadline = models.DateTimeField(null=True)  # later than this the answer is of no use
    published_at = models.DateTimeField(null=True)  # when the broker was told; null: to be told
    lease_until = models.DateTimeField(null=True)
    leased_by = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)  # of the latest attempt
    finished_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, default="")  # of quarantine, or of the latest failed attempt

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(queue__in=["gpu", "io"]), name="job_queue_known"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "leased", "done", "canceled", "quarantined"]),
                name="job_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="leased", lease_until__isnull=False) | ~Q(state="leased") & Q(lease_until=None),
                name="a_lease_exactly_while_leased",
            ),
            models.CheckConstraint(condition=~Q(state="quarantined") | ~Q(reason=""), name="quarantine_says_why"),
            # one piece of work of a kind per subject at a time: a double submit cannot make two
            models.UniqueConstraint(
                "kind",
                "subject_type",
                "subject_id",
                condition=Q(state__in=["pending", "leased"]),
                name="one_open_job_per_subject_and_kind",
            ),
        ]
        indexes = [
            models.Index(
                "queue",
                "tenant",
                "priority",
                "id",
                name="job_to_publish",
                condition=Q(state="pending", published_at=None),
            ),
            models.Index(F("published_at"), name="job_published", condition=Q(state="pending")),
            models.Index(F("lease_until"), name="job_leases", condition=Q(state="leased")),
            models.Index("queue", "tenant", name="job_open", condition=Q(state__in=["pending", "leased"])),
            models.Index(
                "queue",
                "tenant",
                name="job_admitted",
                condition=Q(state__in=["pending", "leased"]) & ~Q(kind="deliver"),
            ),
            models.Index("queue", name="job_suspects", condition=Q(state__in=["pending", "leased"], deaths__gt=0)),
            models.Index("subject_type", "subject_id", name="job_subject"),
            models.Index(F("finished_at"), name="job_finished", condition=Q(state="done")),
        ]
