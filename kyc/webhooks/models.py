from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from kyc.core.ids import new_id
from kyc.vault.fields import SealedField
from kyc.webhooks.states import CLOSED, DELIVERED, DELIVERING, FAILED, MOVES, OPEN, PENDING


def endpoint_id() -> str:
    return new_id("whk")


def event_id() -> str:
    return new_id("evt")


def delivery_id() -> str:
    return new_id("dlv")


class Endpoint(models.Model):
    """A tenant's URL that wants to know. Its secrets are sealed; two are live while one replaces the other."""

    class State(models.TextChoices):
        ENABLED = "enabled"
        DISABLED = "disabled"

    id = models.TextField(primary_key=True, default=endpoint_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    url = models.TextField()
    description = models.TextField(blank=True, default="")
    event_types = ArrayField(models.TextField())
    state = models.TextField(choices=State.choices, default=State.ENABLED)
    disabled_reason = models.TextField(null=True)  # "requested", "failing", "gone", "deleted"
    secret = SealedField(null=True)  # NULL once deleted
    previous = SealedField(null=True)  # the secret before, until
    previous_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)  # the row stays: the record of what was delivered points to it

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["enabled", "disabled"]), name="endpoint_state_known"),
            models.CheckConstraint(
                condition=Q(state="enabled", disabled_reason=None) | Q(state="disabled", disabled_reason__isnull=False),
                name="a_disabled_endpoint_says_why",
            ),
            models.CheckConstraint(
                condition=Q(previous=None, previous_expires_at=None)
                | Q(previous__isnull=False, previous_expires_at__isnull=False),
                name="an_old_secret_ends",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None, secret__isnull=False)
                | Q(deleted_at__isnull=False, secret=None, previous=None, state="disabled"),
                name="a_deleted_endpoint_keeps_no_secret",
            ),
            models.CheckConstraint(condition=Q(event_types__len__gt=0), name="an_endpoint_wants_something"),
        ]

    def __str__(self) -> str:
        return self.url


class EndpointHealth(models.Model):
    """How an endpoint does. Apart from it, so that a dead receiver does not fill the audit log."""

    endpoint = models.OneToOneField(Endpoint, models.CASCADE, primary_key=True, related_name="health")
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    failures = models.IntegerField(default=0)  # consecutive, over all deliveries
    failing_since = models.DateTimeField(null=True)
    held_until = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(failures=0, failing_since=None) | Q(failures__gt=0, failing_since__isnull=False),
                name="failing_has_a_beginning",
            ),
        ]


class ObjectSequence(models.Model):
    """The number of the last event of an object. Its row lock orders everything about that object's events."""

    object_id = models.TextField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    last = models.BigIntegerField()


class Event(models.Model):
    """One change of state. Ids and status only: what a stolen webhook log tells must not be personal data."""

    id = models.TextField(primary_key=True, default=event_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    type = models.TextField()
    object_type = models.TextField()
    object_id = models.TextField()
    sequence = models.BigIntegerField()  # 1, 2, ... per object, without gaps
    status = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("tenant", "object_id", "sequence", name="one_event_per_step_of_an_object"),
            models.CheckConstraint(condition=Q(sequence__gt=0), name="event_sequence_starts_at_one"),
        ]
        indexes = [models.Index("tenant", "type", F("id").desc(), name="events_by_type")]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id} #{self.sequence}"


class Delivery(models.Model):
    """One event on its way to one endpoint."""

    id = models.TextField(primary_key=True, default=delivery_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="deliveries")
    object_id = models.TextField()  # the event's, for the order
    sequence = models.BigIntegerField()  # the event's, for the order
    manual = models.BooleanField(default=False)  # a resend: out of order, by request
    state = models.TextField(choices=[(s, s) for s in MOVES], default=PENDING)
    attempt = models.IntegerField(default=0)  # attempts begun; fences off a worker that comes back late
    lease_until = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)  # from the first possible attempt; NULL while the order makes it wait
    last_status = models.IntegerField(null=True)  # HTTP
    last_error = models.TextField(null=True)  # kyc.webhooks.sender.ErrorClass, or why it was given up
    last_duration = models.FloatField(null=True)  # seconds
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=list(MOVES)), name="delivery_state_known"),
            models.UniqueConstraint("event", "endpoint", condition=Q(manual=False), name="an_event_once_per_endpoint"),
            # the order of an object's events: its next one cannot begin while this one is neither in nor given up
            models.UniqueConstraint(
                "endpoint",
                "object_id",
                condition=Q(manual=False, state__in=[DELIVERING, FAILED]),
                name="one_event_of_an_object_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state=DELIVERING, lease_until__isnull=False) | (~Q(state=DELIVERING) & Q(lease_until=None)),
                name="only_an_attempt_is_leased",
            ),
            models.CheckConstraint(
                condition=Q(state__in=CLOSED, finished_at__isnull=False) | Q(state__in=OPEN, finished_at=None),
                name="a_closed_delivery_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(state=DELIVERED) | Q(last_error=None, last_status__gte=200, last_status__lt=300),
                name="delivered_means_2xx",
            ),
        ]
        indexes = [
            models.Index("endpoint", "object_id", "sequence", condition=Q(state__in=OPEN), name="open_in_order"),
            models.Index("next_attempt_at", condition=Q(state__in=OPEN), name="open_by_time"),
            models.Index("tenant", "endpoint", condition=Q(state=DELIVERING), name="under_way"),
            models.Index("tenant", "endpoint", F("id").desc(), name="deliveries_of_an_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} -> {self.endpoint_id} {self.state}"


class DeliveryAttempt(models.Model):
    """One POST, or one that was cut short by a killed worker."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    number = models.IntegerField()
    started_at = models.DateTimeField()
    duration = models.FloatField(null=True)  # seconds
    status = models.IntegerField(null=True)  # HTTP
    error = models.TextField(null=True)
    address = models.TextField(null=True)  # the IP that was connected to

    class Meta:
        constraints = [models.UniqueConstraint("delivery", "number", name="an_attempt_once")]
        ordering = ["number"]
