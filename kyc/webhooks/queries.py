"""Reads. All run inside `kyc.core.scope.atomic()`, where row-level security shows one tenant's rows."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from kyc.core.errors import NotFound
from kyc.core.scope import current
from kyc.outbox.models import Job
from kyc.webhooks.catalogue import matches
from kyc.webhooks.models import Delivery, Endpoint, Event
from kyc.webhooks.states import ABANDONED, OPEN

DELIVERY = "delivery"  # the jobs' subject type


def endpoints() -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(deleted_at=None).select_related("health")


def endpoint(endpoint_id: str) -> Endpoint:
    return _one(endpoints(), endpoint_id)


def events() -> QuerySet[Event]:
    return Event.objects.all()


def event(event_id: str) -> Event:
    return _one(events(), event_id)


def deliveries() -> QuerySet[Delivery]:
    return Delivery.objects.select_related("event")


def delivery(delivery_id: str) -> Delivery:
    return _one(deliveries().prefetch_related("attempts"), delivery_id)


def subscribers(event_type: str) -> QuerySet[Endpoint]:
    """Of the present tenant, also for the system login, which sees all."""
    mine = endpoints().filter(tenant_id=current().tenant_id)
    return mine.filter(state=Endpoint.State.ENABLED, event_types__overlap=matches(event_type))


def undelivered(*, endpoint_id: str, since: datetime) -> QuerySet[Event]:
    """Events given up for this endpoint, oldest first: none of their deliveries to it arrived or is still going."""
    here = Delivery.objects.filter(event_id=OuterRef("pk"), endpoint_id=endpoint_id)
    gone = Exists(here.filter(state=ABANDONED, finished_at__gte=since))
    return Event.objects.filter(gone).exclude(Exists(here.exclude(state=ABANDONED))).order_by("id")


def open_in_order(*, object_id: str) -> QuerySet[Delivery]:
    """The deliveries of an object's events that the order counts, first event first."""
    return Delivery.objects.filter(object_id=object_id, manual=False, state__in=OPEN).order_by("sequence")


def is_blocked(delivery: Delivery) -> bool:
    """An earlier event of the same object is still on its way to the same endpoint."""
    earlier = open_in_order(object_id=delivery.object_id).filter(
        endpoint_id=delivery.endpoint_id, sequence__lt=delivery.sequence
    )
    return not delivery.manual and earlier.exists()


def stranded(*, before: datetime) -> QuerySet[Delivery]:
    """Open deliveries that nothing will wake: no job, and no earlier event to wait for. Across tenants for a sweep."""
    earlier = Delivery.objects.filter(
        endpoint_id=OuterRef("endpoint_id"), object_id=OuterRef("object_id"), sequence__lt=OuterRef("sequence"),
        manual=False, state__in=OPEN,
    )  # fmt: skip
    job = Job.objects.filter(
        kind="deliver", subject_type=DELIVERY, subject_id=OuterRef("pk"),
        state__in=[Job.State.PENDING, Job.State.LEASED],
    )  # fmt: skip
    due = Q(next_attempt_at__lt=before) | Q(next_attempt_at=None, created_at__lt=before)
    waits = Exists(earlier) & Q(manual=False)
    return Delivery.objects.filter(due, state__in=OPEN).exclude(waits).exclude(Exists(job)).order_by("id")


def oldest_due(*, now: datetime) -> datetime | None:
    """Since when the longest waiting delivery has been due; for `doctor` and the metrics."""
    due = Delivery.objects.filter(state__in=OPEN, next_attempt_at__lte=now)
    return due.aggregate(oldest=Min("next_attempt_at"))["oldest"]


def _one(rows: QuerySet, public_id: str):
    row = rows.filter(pk=public_id).first()
    if row is None:
        raise NotFound()
    return row
