"""What the relay and the reconciler do to jobs. All under the system login; any number may run at once."""

from __future__ import annotations

from datetime import datetime

from django.db import connections

from kyc.core.scope import alias, atomic
from kyc.outbox.models import Job
from kyc.outbox.services import FORGOTTEN, MAX_ATTEMPTS, _quarantine

# How many wake-ups lie in the broker per queue. Shallow, so that priority and fairness are decided here, late,
# and a flood of one tenant waits in PostgreSQL rather than in front of everyone else.
WINDOW = {"gpu": 64, "io": 128}

# The same number of jobs from each tenant that has any, most urgent and oldest first. SKIP LOCKED, never an id
# cursor: ids commit out of order, and a cursor would step over a late one for ever.
FAIR_SHARE = """
    with tenants as (
        select distinct tenant_id from outbox_job
        where queue = %(queue)s and state = 'pending' and published_at is null
    ), chosen as (
        select j.id, j.nth from tenants t cross join lateral (
            select id, row_number() over (order by priority, id) as nth from (
                select id, priority from outbox_job
                where queue = %(queue)s and state = 'pending' and published_at is null
                  and tenant_id is not distinct from t.tenant_id and run_after <= %(now)s
                order by priority, id limit %(room)s for update skip locked
            ) free
        ) j order by j.nth limit %(room)s
    )
    update outbox_job set published_at = %(now)s from chosen where outbox_job.id = chosen.id
    returning outbox_job.id, kind, priority, chosen.nth
"""


def take(*, queue: str, now: datetime) -> list[tuple[str, str]]:
    """Mark the next jobs as published and return their (id, kind), fairest first.

    The caller publishes after commit; if it dies before, `forgotten` finds them again.
    """
    with atomic(), connections[alias()].cursor() as cursor:
        cursor.execute(
            "select count(*) from outbox_job where queue = %s and (state = 'leased' or"
            " (state = 'pending' and published_at is not null))",
            [queue],
        )
        room = WINDOW[queue] - cursor.fetchone()[0]
        if room <= 0:
            return []
        cursor.execute(FAIR_SHARE, {"queue": queue, "now": now, "room": room})
        rows = sorted(cursor.fetchall(), key=lambda row: (row[3], row[2], row[0]))
    return [(id_, kind) for id_, kind, _, _ in rows]


def unpublish(ids: list[str]) -> None:
    """The broker did not take them: they wait for the next round."""
    with atomic():
        Job.objects.filter(pk__in=ids, state=Job.State.PENDING).update(published_at=None)


def forgotten(*, now: datetime) -> int:
    """Jobs the broker was told of and no worker took: tell it again. Twice told is harmless, never told is not."""
    with atomic():
        return Job.objects.filter(state=Job.State.PENDING, published_at__lt=now - FORGOTTEN).update(published_at=None)


def reap(*, now: datetime) -> int:
    """Leases that ran out: the worker is dead or stuck. Back to pending, or to quarantine."""
    with atomic():
        expired = Job.objects.select_for_update(skip_locked=True).filter(state=Job.State.LEASED, lease_until__lt=now)
        for job in (jobs := list(expired[:500])):
            if job.attempt >= MAX_ATTEMPTS:
                _quarantine(job, reason=job.reason or f"the worker died in each of {MAX_ATTEMPTS} attempts", now=now)
            else:
                job.state, job.lease_until, job.published_at, job.run_after = (
                    Job.State.PENDING,
                    None,
                    None,
                    now,
                )
                job.reason = f"attempt {job.attempt}: the lease of {job.leased_by} ran out"
                job.save(update_fields=["state", "lease_until", "published_at", "run_after", "reason"])
    return len(jobs)
