"""The canary's way: the web sends it, a worker lets it return."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connections
from django.db.models.functions import Now

from kyc.core.scope import alias, atomic
from kyc.operations.models import Canary, canary_id
from kyc.outbox import services as outbox
from kyc.outbox.models import job_id
from kyc.outbox.services import Claim

KEEP = timedelta(days=7)
QUEUES = ("gpu", "io")


def send(*, now: datetime) -> list[str]:
    """One canary per queue; their ids. The web's login sees no rows without a tenant, hence the function."""
    sent = []
    with atomic(), connections[alias()].cursor() as cursor:
        for queue in QUEUES:
            cursor.execute("select operations_send_canary(%s, %s, %s, %s)", [canary_id(), job_id(), queue, now])
            sent.append(cursor.fetchone()[0])
    return [id_ for id_ in sent if id_]


def returned(*, claim: Claim, worker: str, now: datetime) -> None:
    """Under the system login: the worker has it, so the chain works."""
    with atomic():
        outbox.finish(claim, now=now)
        Canary.objects.filter(pk=claim.job.subject_id, returned_at=None).update(
            returned_at=Now(), worker=worker, worker_clock=now
        )


def purge(*, now: datetime) -> int:
    with atomic():
        return Canary.objects.filter(sent_at__lt=now - KEEP).delete()[0]
