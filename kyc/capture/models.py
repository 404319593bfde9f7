from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from kyc.capture.states import AttemptState, State
from kyc.core.ids import new_id


def session_id() -> str:
    return new_id("cap")


def attempt_id() -> str:
    return new_id("att")


class Session(models.Model):
    """A link that one person may use once: to consent, to show that they are there, to show their document."""

    id = models.TextField(primary_key=True, default=session_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    applicant = models.ForeignKey("applicants.Applicant", models.PROTECT, related_name="capture_sessions")
    state = models.TextField(default=State.CREATED)
    state_since = models.DateTimeField()
    token_sha256 = models.BinaryField(max_length=32)  # of the client token; shown once, as API keys are
    wants_document = models.BooleanField(default=False)
    language = models.TextField(blank=True, default="")  # "": the browser's
    return_url = models.TextField(blank=True, default="")
    attempts_left = models.IntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    result = models.TextField(blank=True, default="")  # "pass" | "inconclusive" | "fail", of the last judged attempt
    reasons = ArrayField(models.TextField(), default=list)
    selfie = models.ForeignKey("evidence.Media", models.PROTECT, null=True, related_name="+")
    portrait = models.ForeignKey("evidence.Media", models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in State]), name="capture_state_known"),
            models.CheckConstraint(condition=Q(attempts_left__gte=0), name="attempts_run_out"),
            models.CheckConstraint(
                condition=~Q(state__in=["passed", "completed"])
                | Q(selfie__isnull=False, result__in=["pass", "inconclusive"]),
                name="who_passed_left_a_face",
            ),
            models.CheckConstraint(
                condition=~Q(state="completed", wants_document=True) | Q(portrait__isnull=False),
                name="a_wanted_document_was_shown",
            ),
        ]
        indexes = [models.Index("applicant", "created_at", name="capture_of_applicant")]

    def __str__(self) -> str:
        return f"{self.pk} ({self.state})"


class Attempt(models.Model):
    """One try: what was asked when, what the page's clock said, and what the judge made of the frames."""

    id = models.TextField(primary_key=True, default=attempt_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    session = models.ForeignKey(Session, models.CASCADE, related_name="attempts")
    number = models.IntegerField()
    nonce = models.TextField()
    state = models.TextField(default=AttemptState.RECORDING)
    tab = models.TextField()  # which window of the browser records
    camera = models.TextField(blank=True, default="")  # as declared
    steps = models.JSONField()  # the challenge, as drawn
    asked = models.JSONField(default=list)  # s since started_at at which each step was handed out
    shown = models.JSONField(default=list)  # s on the page's clock at which it said to show them; null: unsaid
    beats = models.JSONField(default=list)  # [page s, server s] of each request
    started_at = models.DateTimeField()
    last_heard_at = models.DateTimeField()
    chunks = models.IntegerField(null=True)  # how many there are, once the page says it is done
    finished_at = models.DateTimeField(null=True)  # all chunks are here
    judged_at = models.DateTimeField(null=True)
    result = models.TextField(blank=True, default="")
    reasons = ArrayField(models.TextField(), default=list)
    signals = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint("session", "number", name="attempts_count_up"),
            models.UniqueConstraint(
                "session", condition=Q(state__in=["recording", "judging"]), name="one_attempt_at_a_time"
            ),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in AttemptState]), name="attempt_state_known"),
            models.CheckConstraint(
                condition=~Q(state="judged") | Q(judged_at__isnull=False, result__in=["pass", "fail", "inconclusive"]),
                name="the_judged_have_a_result",
            ),
        ]


class Chunk(models.Model):
    """About a second of frames, sealed; and what the engine saw in them. Both go when the verdict is in."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="received")
    number = models.IntegerField()
    sha256 = models.BinaryField(max_length=32)  # of the upload: the same chunk again is no new one
    size = models.IntegerField()
    received_at = models.DateTimeField()
    box = models.BinaryField(null=True)
    observations = models.BinaryField(null=True)  # sealed

    class Meta:
        constraints = [models.UniqueConstraint("attempt", "number", name="a_chunk_once")]


class Mark(models.Model):
    """A frame's fingerprints, to know it again in another session. No picture can be made of them."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    attempt = models.ForeignKey(Attempt, models.CASCADE, related_name="marks")
    sha256 = models.BinaryField(max_length=32)
    phash = models.BinaryField(max_length=32)

    class Meta:
        indexes = [
            models.Index("tenant", "sha256", name="capture_same_file"),
            models.Index("tenant", "phash", name="capture_same_look"),
        ]
