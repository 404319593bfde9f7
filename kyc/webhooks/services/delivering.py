"""One attempt: claim and commit, send outside of any transaction, record behind the fence.

Whoever starts or ends a delivery takes its locks in one order: job, object, delivery, health.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Count, Q

from kyc.core import crash
from kyc.core.errors import Unavailable
from kyc.core.scope import acting_for, atomic
from kyc.outbox import services as outbox
from kyc.outbox.errors import LostClaim
from kyc.outbox.services import Claim
from kyc.webhooks import conf, payload, policy, queries
from kyc.webhooks.errors import DeliveryUnderWay, EndpointDisabled
from kyc.webhooks.models import Delivery, DeliveryAttempt, Endpoint, EndpointHealth
from kyc.webhooks.policy import Health
from kyc.webhooks.sender import Outcome, Sender
from kyc.webhooks.services.emitting import again, enqueue, lock_object, release_next
from kyc.webhooks.services.endpoints import disable_endpoint, secrets_in_use
from kyc.webhooks.signing import HEADER, sign
from kyc.webhooks.states import ABANDONED, CLOSED, DELIVERED, DELIVERING, FAILED, MOVES, OPEN

GONE = 410  # "this is no longer a receiver" (RFC 9110 section 15.5.11)
STRANDED = timedelta(minutes=2)  # longer than any relay needs to start a job that exists
NO_KEYS = timedelta(minutes=1)  # until the key service is asked again for the endpoint's secret
COUNTED = 20_000  # waiting deliveries; beyond, the spread has reached its bound
SUCCESS_NOTED_EVERY = timedelta(minutes=1)  # a write per success would be a hot row
dice = random.SystemRandom().random


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to make one attempt and to write its result."""

    delivery: Delivery  # with its event and endpoint, as they were when it was taken
    attempt: int
    started_at: datetime


def deliver(*, delivery_id: str, claim: Claim, now: datetime, sender: Sender | None = None) -> Outcome | None:
    """Send one attempt under a job's claim, in the tenant's scope. None when there was nothing to send.

    At least once: a worker that dies between the POST and its record leads to the same event id again.
    """
    try:
        return _attempt(delivery_id, claim, now, sender or conf.sender())
    except LostClaim:
        return None  # we came too late: the attempt that counts is another's


def _attempt(delivery_id: str, claim: Claim, now: datetime, sender: Sender) -> Outcome | None:
    ticket = _take(delivery_id, claim, now)
    if ticket is None:
        return None
    try:
        request = _signed(ticket)
    except Unavailable:
        _without_keys(ticket, claim)
        return None
    outcome = sender.send(ticket.delivery.endpoint.url, **request)
    crash.point("mid_webhook")
    if lost := _record(ticket, claim, outcome, now + timedelta(seconds=outcome.duration)):
        _disable(ticket.delivery.endpoint_id, lost, now)
    return outcome


def resend(*, delivery_id: str, now: datetime) -> Delivery:
    """Send again what has ended, as a delivery of its own; or try now what would be tried later."""
    with atomic():
        object_id = queries.delivery(delivery_id).object_id
        lock_object(object_id)
        delivery = (
            Delivery.objects.select_for_update(of=("self",)).select_related("endpoint", "event").get(pk=delivery_id)
        )
        if delivery.endpoint.state != Endpoint.State.ENABLED:
            raise EndpointDisabled()
        if delivery.state in CLOSED:
            return again(delivery.event, delivery.endpoint_id, now)
        if delivery.state != FAILED:
            raise DeliveryUnderWay()
        outbox.cancel(subject_type=queries.DELIVERY, subject_id=delivery.pk, now=now)
        Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=now)
        # whoever asks knows that the receiver is back
        EndpointHealth.objects.filter(pk=delivery.endpoint_id).update(held_until=None)
        enqueue(delivery.pk, now=now)
        return queries.delivery(delivery_id)


def sweep(*, now: datetime, limit: int = 500) -> int:
    """Wake deliveries that no job will wake. For the schedule, under the system scope; a guarantee, not a path."""
    with atomic():
        found = list(queries.stranded(before=now - STRANDED).values_list("pk", "tenant_id", "object_id")[:limit])
    woken = 0
    for delivery_id, tenant_id, object_id in found:
        with acting_for(tenant_id):
            woken += _wake(delivery_id, object_id, now)
    return woken


def abandon_quarantined(*, delivery_id: str, now: datetime) -> None:
    """Its job killed its worker time after time: the object's later events must not wait for it."""
    with atomic():
        delivery = _locked(delivery_id)
        if delivery and delivery.state in OPEN:
            _close(delivery, ABANDONED, now, last_error="quarantined")


def _take(delivery_id: str, claim: Claim, now: datetime) -> Ticket | None:
    with atomic():
        delivery = _locked(delivery_id)
        if delivery is None or delivery.state in CLOSED or queries.is_blocked(delivery):
            outbox.finish(claim, now=now)  # whatever it waits for will start it
            return None
        if why := _hopeless(delivery, now):
            outbox.finish(claim, now=now)
            _close(delivery, ABANDONED, now, last_error=why)
            return None
        if at := _too_early(delivery, now):
            outbox.finish(claim, now=now)
            _postpone(delivery, at, now)
            return None
        return _begin(delivery, now)


def _hopeless(delivery: Delivery, now: datetime) -> str | None:
    if delivery.endpoint.state != Endpoint.State.ENABLED:
        return "endpoint_disabled"
    if delivery.expires_at and delivery.expires_at <= now and delivery.state != DELIVERING:
        return "expired"
    return None


def _too_early(delivery: Delivery, now: datetime) -> datetime | None:
    """When to come back, if this is not the moment."""
    if delivery.lease_until and delivery.lease_until > now:
        return delivery.lease_until  # an attempt is under way; should its worker die, we take over
    if delivery.next_attempt_at and delivery.next_attempt_at > now and delivery.state == FAILED:
        return delivery.next_attempt_at
    # from here on, one delivery of the endpoint at a time
    health = EndpointHealth.objects.select_for_update(no_key=True).get(pk=delivery.endpoint_id)
    if not policy.has_room(**_under_way(delivery, now)):
        return policy.crowded_until(now=now, waiting=_waiting(delivery), dice=dice())
    if health.held_until is None or delivery.manual:
        return None
    if health.held_until > now:
        return policy.spared_until(health.held_until, waiting=_waiting(delivery), dice=dice())
    # this one is the probe; if it dies unheard, the next may probe soon
    EndpointHealth.objects.filter(pk=health.pk).update(held_until=now + policy.PROBE)
    return None


def _under_way(delivery: Delivery, now: datetime) -> dict[str, int]:
    attempts = Delivery.objects.filter(tenant_id=delivery.tenant_id, state=DELIVERING, lease_until__gt=now)
    here = Q(endpoint_id=delivery.endpoint_id)
    return attempts.aggregate(to_endpoint=Count("pk", filter=here), to_tenant=Count("pk"))


def _waiting(delivery: Delivery) -> int:
    return Delivery.objects.filter(endpoint_id=delivery.endpoint_id, state__in=OPEN)[:COUNTED].count()


def _postpone(delivery: Delivery, at: datetime, now: datetime) -> None:
    """No attempt is counted. The end stays where it is: being spared is part of the day that a delivery has."""
    if delivery.state != DELIVERING and delivery.expires_at:
        at = min(at, delivery.expires_at)
        Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=at)
    enqueue(delivery.pk, now=now, at=at)


def _begin(delivery: Delivery, now: datetime) -> Ticket:
    if delivery.state == DELIVERING:
        _log(delivery, delivery.attempt, error="worker_lost", started_at=now)
    attempt = delivery.attempt + 1
    expires_at = delivery.expires_at or now + policy.GIVE_UP
    _move(delivery, DELIVERING, attempt=attempt, lease_until=now + policy.LEASE, expires_at=expires_at,
          next_attempt_at=None)  # fmt: skip
    return Ticket(delivery, attempt, now)


def _signed(ticket: Ticket) -> dict:
    """Body and headers of the POST. Unavailable when the key service does not answer."""
    delivery, event = ticket.delivery, ticket.delivery.event
    body = payload.body(
        event_id=event.pk, event_type=event.type, created_at=event.created_at, sequence=event.sequence,
        object_type=event.object_type, object_id=event.object_id, status=event.status,
    )  # fmt: skip
    keys = secrets_in_use(delivery.endpoint, now=ticket.started_at)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Vouch-Webhooks/1",
        HEADER: sign(body, keys, at=int(ticket.started_at.timestamp())),
        "Vouch-Event-Id": event.pk,
        "Vouch-Delivery-Id": delivery.pk,
        "Vouch-Attempt": str(ticket.attempt),
    }
    return {"body": body, "headers": headers}


def _without_keys(ticket: Ticket, claim: Claim) -> None:
    """Our own trouble: it is neither the endpoint's failure nor an attempt."""
    with atomic():
        outbox.finish(claim, now=ticket.started_at)
        delivery = _locked(ticket.delivery.pk)
        if delivery and _is_ours(delivery, ticket):
            at = ticket.started_at + NO_KEYS
            _move(delivery, FAILED, lease_until=None, next_attempt_at=at, attempt=ticket.attempt - 1,
                  last_error="key_service")  # fmt: skip
            enqueue(delivery.pk, now=ticket.started_at, at=at)


def _record(ticket: Ticket, claim: Claim, outcome: Outcome, now: datetime) -> str | None:
    """Write what came of it, if the attempt is still ours. Returns why the endpoint should be disabled, or None."""
    with atomic():
        outbox.finish(claim, now=now)
        delivery = _locked(ticket.delivery.pk)
        if delivery is None or not _is_ours(delivery, ticket):
            return None
        _log(delivery, ticket.attempt, started_at=ticket.started_at, duration=outcome.duration,
             status=outcome.status, error=outcome.error, address=outcome.address)  # fmt: skip
        seen = {"last_status": outcome.status, "last_error": outcome.error, "last_duration": outcome.duration}
        if outcome.delivered:
            _close(delivery, DELIVERED, now, **seen)
        else:
            _retry_or_abandon(delivery, outcome, now, seen)
        return _examine(delivery.endpoint_id, outcome, now)


def _retry_or_abandon(delivery: Delivery, outcome: Outcome, now: datetime, seen: dict) -> None:
    assert delivery.expires_at is not None  # set when the attempt began
    at = policy.next_attempt(delivery.attempt, now=now, expires_at=delivery.expires_at, dice=dice(),
                             retry_after=outcome.retry_after)  # fmt: skip
    if at is None or outcome.status == GONE:
        _close(delivery, ABANDONED, now, **seen)
        return
    _move(delivery, FAILED, lease_until=None, next_attempt_at=at, **seen)
    enqueue(delivery.pk, now=now, at=at)


def _examine(endpoint_id: str, outcome: Outcome, now: datetime) -> str | None:
    row = EndpointHealth.objects.select_for_update(no_key=True).get(pk=endpoint_id)
    if outcome.delivered:
        if row.failures or not row.last_success_at or now - row.last_success_at > SUCCESS_NOTED_EVERY:
            row.failures, row.failing_since, row.held_until, row.last_success_at = 0, None, None, now
            row.save()
        return None
    health = policy.after_failure(Health(row.failures, row.failing_since, row.held_until), now=now)
    row.failures, row.failing_since, row.held_until = health.failures, health.failing_since, health.held_until
    row.save()
    if outcome.status == GONE:
        return "gone"
    after = timedelta(hours=settings.WEBHOOK_DISABLE_AFTER_HOURS)
    return "failing" if policy.is_lost(health, now=now, disable_after=after) else None


def _disable(endpoint_id: str, reason: str, now: datetime) -> None:
    try:
        disable_endpoint(endpoint_id=endpoint_id, reason=reason, now=now)
    except EndpointDisabled:
        pass  # another delivery came to the same conclusion


def _locked(delivery_id: str) -> Delivery | None:
    """The delivery under its object's lock and its own."""
    found = Delivery.objects.filter(pk=delivery_id)
    object_id = found.values_list("object_id", flat=True).first()
    if object_id is None:
        return None
    lock_object(object_id)
    return found.select_for_update(of=("self",)).select_related("event", "endpoint").first()


def _is_ours(delivery: Delivery, ticket: Ticket) -> bool:
    return delivery.state == DELIVERING and delivery.attempt == ticket.attempt


def _close(delivery: Delivery, state: str, now: datetime, **seen) -> None:
    _move(delivery, state, finished_at=now, lease_until=None, next_attempt_at=None, **seen)
    release_next(delivery, now)


def _move(delivery: Delivery, to: str, **also) -> None:
    if to not in MOVES[delivery.state]:
        raise ValueError(f"a delivery does not go from {delivery.state} to {to}")
    Delivery.objects.filter(pk=delivery.pk).update(state=to, **also)
    delivery.state = to
    for name, value in also.items():
        setattr(delivery, name, value)


def _log(delivery: Delivery, number: int, **seen) -> None:
    row = DeliveryAttempt(delivery=delivery, tenant_id=delivery.tenant_id, number=number, **seen)
    DeliveryAttempt.objects.bulk_create([row], ignore_conflicts=True)  # an attempt is told once


def _wake(delivery_id: str, object_id: str, now: datetime) -> int:
    try:
        with atomic():
            lock_object(object_id)
            enqueue(delivery_id, now=now)
    except IntegrityError:
        return 0  # it has got a job meanwhile
    return 1
