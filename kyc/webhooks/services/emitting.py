"""From a change of state to an event and its deliveries, in the transaction of the change."""

from __future__ import annotations

from datetime import datetime

from django.db import connections

from kyc.core.scope import alias, atomic, current
from kyc.outbox import services as outbox
from kyc.webhooks import policy, queries
from kyc.webhooks.catalogue import CATALOGUE, DISABLED, PING
from kyc.webhooks.errors import EndpointDisabled
from kyc.webhooks.models import Delivery, Endpoint, Event
from kyc.webhooks.states import PENDING

PURGE = 1_000  # events per transaction: short locks, little to redo
PRIORITY = 5  # behind a person who waits for an answer, before bulk work

# The row stays locked until the caller's transaction ends, so numbers are taken in commit order and a rolled-back
# one is taken again: no gaps, no event that overtakes another.
NEXT = """
    insert into webhooks_objectsequence (object_id, tenant_id, last) values (%s, %s, 1)
    on conflict (object_id) do update set last = webhooks_objectsequence.last + 1
    returning last
"""


def emit(*, event_type: str, object_type: str, object_id: str, status: str, now: datetime) -> Event:
    """Tell whoever subscribed that this object is now `status`. Call inside the transaction that made it so."""
    if event_type not in CATALOGUE:
        raise ValueError(f"{event_type} is not in kyc.webhooks.catalogue")
    with atomic():
        event = _record(event_type, object_type, object_id, status, now)
        wanted = queries.subscribers(event_type).exclude(pk=_unwanted(event))
        _fan_out(event, list(wanted.values_list("pk", flat=True)), now)
    return event


def ping(*, endpoint_id: str, now: datetime) -> Delivery:
    """A test event to this endpoint alone, whatever it subscribed to."""
    with atomic():
        endpoint = queries.endpoint(endpoint_id)
        if endpoint.state != Endpoint.State.ENABLED:
            raise EndpointDisabled()
        return again(_record(PING, "webhook_endpoint", endpoint.pk, "ping", now), endpoint.pk, now)


def again(event: Event, endpoint_id: str, now: datetime) -> Delivery:
    """A delivery that somebody asked for: it waits for no other event, and none waits for it."""
    delivery = Delivery(**_columns(event, endpoint_id, now), manual=True)
    return _start([delivery], now)[0]


def release_next(delivery: Delivery, now: datetime) -> None:
    """This delivery is over: its object's next event may go to the endpoint. Needs the object's lock."""
    if delivery.manual:
        return
    waiting = queries.open_in_order(object_id=delivery.object_id).filter(endpoint_id=delivery.endpoint_id).first()
    if waiting and waiting.state == PENDING and waiting.expires_at is None:
        timing = {"next_attempt_at": now, "expires_at": now + policy.GIVE_UP}
        Delivery.objects.filter(pk=waiting.pk).update(**timing)
        enqueue(waiting.pk, now=now)


def enqueue(delivery_id: str, *, now: datetime, at: datetime | None = None) -> None:
    outbox.enqueue(
        kind="deliver", queue="io", subject_type=queries.DELIVERY, subject_id=delivery_id,
        priority=PRIORITY, now=now, run_after=at,
    )  # fmt: skip


def lock_object(object_id: str) -> None:
    """Whoever starts or ends a delivery holds this first: else an event committed meanwhile would wait for ever."""
    with connections[alias()].cursor() as cursor:
        cursor.execute("select 1 from webhooks_objectsequence where object_id = %s for no key update", [object_id])


def purge(*, now: datetime) -> int:
    """Drop events past their keeping, with their deliveries. For the schedule, under the system scope."""
    gone = 0
    while dropped := _purge_some(now):
        gone += dropped
    return gone


def _purge_some(now: datetime) -> int:
    with atomic():
        under_way = Delivery.objects.filter(finished_at=None).values("event_id")
        old = Event.objects.filter(created_at__lt=now - policy.KEEP).exclude(pk__in=under_way)
        some = list(old.values_list("pk", flat=True)[:PURGE])
        return Event.objects.filter(pk__in=some).delete()[1].get("webhooks.Event", 0)


def _record(event_type: str, object_type: str, object_id: str, status: str, now: datetime) -> Event:
    tenant_id = current().tenant_id
    with connections[alias()].cursor() as cursor:
        cursor.execute(NEXT, [object_id, tenant_id])
        (sequence,) = cursor.fetchone()
    return Event.objects.create(
        tenant_id=tenant_id, type=event_type, object_type=object_type, object_id=object_id, sequence=sequence,
        status=status, created_at=now,
    )  # fmt: skip


def _fan_out(event: Event, endpoint_ids: list[str], now: datetime) -> None:
    if not endpoint_ids:
        return
    earlier = queries.open_in_order(object_id=event.object_id).filter(endpoint__in=endpoint_ids)
    blocked = set(earlier.values_list("endpoint_id", flat=True))
    _start([Delivery(**_columns(event, pk, now)) for pk in endpoint_ids if pk not in blocked], now)
    Delivery.objects.bulk_create(Delivery(**_columns(event, pk, now)) for pk in sorted(blocked))


def _start(deliveries: list[Delivery], now: datetime) -> list[Delivery]:
    for delivery in deliveries:
        delivery.next_attempt_at, delivery.expires_at = now, now + policy.GIVE_UP
    Delivery.objects.bulk_create(deliveries)
    for delivery in deliveries:
        enqueue(delivery.pk, now=now)
    return deliveries


def _columns(event: Event, endpoint_id: str, now: datetime) -> dict:
    return {
        "tenant_id": event.tenant_id, "event": event, "endpoint_id": endpoint_id, "object_id": event.object_id,
        "sequence": event.sequence, "state": PENDING, "created_at": now,
    }  # fmt: skip


def _unwanted(event: Event) -> str:
    """An endpoint is not told of its own end."""
    return event.object_id if event.type == DISABLED else ""
