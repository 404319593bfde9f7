"""A bank with endpoints, things that happen to it, and a worker that is due when we say so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db.models import Min

from kyc.core.ids import new_id
from kyc.core.scope import Scope, acting, atomic
from kyc.outbox import relay
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.tenants.models import Tenant
from kyc.tenants.services import create_tenant
from kyc.webhooks import services
from kyc.webhooks.addresses import Reach
from kyc.webhooks.models import Delivery
from kyc.webhooks.sender import Outcome, Sender

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
OPEN = Reach(private=True)
numbers = itertools.count(1)


@contextmanager
def a_bank(name: str = "Bank") -> Iterator[Tenant]:
    """A new tenant, whose key acts within the block."""
    with acting(Scope(None, "user:operator")):
        tenant = create_tenant(name=f"{name} {new_id('tst')}", mode="live", now=NOW)
    with acting(Scope(tenant.pk, "key:test")):
        yield tenant


def an_endpoint(url: str = "https://hooks.bank.example/in", *, event_types=("*",), now=NOW):
    """(endpoint, secret)"""
    issued = services.create_endpoint(url=url, event_types=event_types, now=now)
    return issued.endpoint, issued.secret


def something_happens(object_id: str | None = None, *, status: str = "approved", kind: str = "verification", now=NOW):
    with atomic():
        return services.emit(
            event_type=f"{kind}.{status}", object_type=kind, object_id=object_id or f"vrf_{next(numbers)}",
            status=status, now=now,
        )  # fmt: skip


def deliveries(**filters) -> list[Delivery]:
    with atomic():
        rows = Delivery.objects.filter(**filters).select_related("event").prefetch_related("attempts")
        return list(rows.order_by("sequence", "id"))


def due(now=NOW) -> list[str]:
    with atomic():
        jobs = Job.objects.filter(kind="deliver", state="pending", run_after__lte=now).order_by("run_after", "id")
        return list(jobs.values_list("pk", flat=True))


def work(now: datetime = NOW, *, sender: Sender | None = None, limit: int = 100) -> list[Outcome]:
    """What the io worker does with the jobs that are due, until none is. Only what was sent is returned."""
    sent: list[Outcome] = []
    for _ in range(limit):
        ids = due(now)
        if not ids:
            return sent
        for job_id in ids:
            sent += filter(None, [work_on(job_id, now, sender=sender)])
    raise AssertionError("the worker is going in circles")


def run(start: datetime, end: datetime, *, sender: Sender) -> None:
    """The worker from start to end, awake whenever a job is due."""
    now: datetime | None = start
    while now and now < end:
        work(now, sender=sender)
        now = next_due(now)


def next_due(now: datetime) -> datetime | None:
    with atomic():
        return Job.objects.filter(kind="deliver", state="pending", run_after__gt=now).aggregate(at=Min("run_after"))[
            "at"
        ]


def work_on(job_id: str, now: datetime, *, sender: Sender | None = None) -> Outcome | None:
    with atomic():  # the claim's one statement sets no tenant of its own; a worker's login needs none
        relay.reap(now=now)
        claim = outbox.claim(job_id=job_id, worker="test", now=now)
    if claim is None:
        return None
    return services.deliver(delivery_id=claim.job.subject_id, claim=claim, now=now, sender=sender or Sender(reach=OPEN))


def after(**units: float) -> datetime:
    return NOW + timedelta(**units)


class Scripted(Sender):
    """Answers as told, without a network and in no time; the last answer for ever. Keeps what it would have sent."""

    def __init__(self, *answers: int | str):
        super().__init__(reach=OPEN)
        object.__setattr__(self, "answers", list(answers) or [200])
        object.__setattr__(self, "sent", [])
        object.__setattr__(self, "before", lambda: None)

    def send(self, url, *, body, headers):
        self.before()
        self.sent.append((url, body, dict(headers)))
        answer = self.answers[min(len(self.sent), len(self.answers)) - 1]
        if isinstance(answer, str):
            return Outcome(None, answer, 0.0)
        return Outcome(answer, None if 200 <= answer < 300 else "status", 0.0)
