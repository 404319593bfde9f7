"""What the relay and the reconciler do to jobs. All under the system login; any number may run at once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import connections
from django.db.models import Q

from kyc.core.scope import alias, atomic
from kyc.outbox.models import Job
from kyc.outbox.services import FORGOTTEN, MAX_ATTEMPTS, SUSPECT, _quarantine

# How many wake-ups lie in the broker per queue. Shallow, so that priority and fairness are decided here, late,
# and a flood of one tenant waits in PostgreSQL rather than in front of everyone else.
WINDOW = {"gpu": 64, "io": 128}

PATIENCE = 4  # times FORGOTTEN, for a queue in which messages wait

# One statement, which is a transaction of its own: this is on the way of every job.
#
# The same number of jobs from each tenant that has any, most urgent and oldest first. SKIP LOCKED, never an id
# cursor: ids commit out of order, and a cursor would step over a late one for ever.
# Of suspects one at a time. The lock keeps two relays from sending for one each; should they manage in the instant
# between, two suspects run together, as all once did.
TAKE = f"""
    with room as (
        select greatest(0, %(window)s - count(*)) as room from outbox_job
        where queue = %(queue)s and (state = 'leased' or (state = 'pending' and published_at is not null))
    ), tenants as (
        select distinct tenant_id from outbox_job
        where queue = %(queue)s and state = 'pending' and published_at is null
    ), fair as (
        select j.id, j.nth from tenants t cross join lateral (
            select id, row_number() over (order by priority, id) as nth from (
                select id, priority from outbox_job
                where queue = %(queue)s and state = 'pending' and published_at is null
                  and tenant_id is not distinct from t.tenant_id and run_after <= %(now)s and deaths < {SUSPECT}
                order by priority, id limit (select room from room) for update skip locked
            ) free
        ) j order by j.nth limit (select room from room)
    ), suspect as (
        select id from outbox_job
        where queue = %(queue)s and state = 'pending' and published_at is null and deaths >= {SUSPECT}
          and run_after <= %(now)s
          and pg_try_advisory_xact_lock(hashtext('suspect'), hashtext(%(queue)s))
          and not exists (
            select from outbox_job where queue = %(queue)s and deaths >= {SUSPECT}
               and (state = 'leased' or (state = 'pending' and published_at is not null)))
        order by priority, id limit 1 for update skip locked
    ), chosen as (
        select id, nth from fair union all select id, 0 from suspect
    )
    update outbox_job set published_at = %(now)s from chosen where outbox_job.id = chosen.id
    returning outbox_job.id, kind, chosen.nth, priority
"""  # noqa: S608  (a constant of ours)


def take(*, queue: str, now: datetime) -> list[tuple[str, str, bool]]:
    """Mark the next jobs as published and return their (id, kind, whether a suspect), fairest first.

    The caller publishes afterwards; if it dies before, `forgotten` finds them again.
    """
    with connections[alias()].cursor() as cursor:
        cursor.execute(TAKE, {"queue": queue, "now": now, "window": WINDOW[queue]})
        rows = sorted(cursor.fetchall(), key=lambda row: (row[2], row[3], row[0]))
    return [(id_, kind, nth == 0) for id_, kind, nth, _ in rows]


def suspects_wait(*, now: datetime) -> bool:
    """Whether a suspect waits for another one's end, of which nothing notifies."""
    waiting = Job.objects.filter(state=Job.State.PENDING, deaths__gte=SUSPECT, published_at=None, run_after__lte=now)
    return waiting.exists()


def unpublish(ids: list[str]) -> None:
    """The broker did not take them: they wait for the next round."""
    with atomic():
        Job.objects.filter(pk__in=ids, state=Job.State.PENDING).update(published_at=None)


def doubted(*, now: datetime, queues: Collection[str]) -> int:
    """Something broke, and messages with it: tell the broker again of all that no worker has taken, at once."""
    with atomic():
        told = Job.objects.filter(queue__in=list(queues), state=Job.State.PENDING, published_at__lt=now)
        return told.update(published_at=None)


def forgotten(*, now: datetime, busy: Collection[str] = ()) -> int:
    """Jobs the broker was told of and no worker took: tell it again. Twice told is harmless, never told is not.

    `busy`: queues in which messages still wait. There the broker has most likely not forgotten, the workers are slow;
    telling it again so soon would only make them slower, until they do nothing but read what they were told before.
    """
    told = Job.objects.filter(state=Job.State.PENDING, published_at__lt=now - FORGOTTEN)
    patient = Q(queue__in=list(busy), published_at__gte=now - PATIENCE * FORGOTTEN)
    with atomic():
        return told.exclude(patient).update(published_at=None)


def reap(*, now: datetime) -> int:
    """Leases that ran out: the worker is dead or stuck. Back to pending, or to quarantine."""
    with atomic():
        expired = Job.objects.select_for_update(skip_locked=True).filter(state=Job.State.LEASED, lease_until__lt=now)
        for job in (jobs := list(expired[:500])):
            job.deaths += 1
            job.reason = f"attempt {job.attempt}: the worker {job.leased_by} died or was stuck"
            if job.attempt >= MAX_ATTEMPTS:
                _quarantine(job, reason=f"the worker died in each of {MAX_ATTEMPTS} attempts; {job.reason}", now=now)
                continue
            job.state, job.lease_until, job.published_at, job.run_after = Job.State.PENDING, None, None, now
            job.save(update_fields=["state", "lease_until", "published_at", "run_after", "reason", "deaths"])
    return len(jobs)


def bury(*, workers: list[str], now: datetime) -> int:
    """These workers are known to be dead: their leases end now, not when they would have run out."""
    with atomic():
        held = Job.objects.filter(state=Job.State.LEASED, leased_by__in=workers, lease_until__gt=now)
        return held.update(lease_until=now)


def holders(*, prefix: str) -> list[str]:
    """Workers that hold a lease, of those whose name begins so."""
    with atomic():
        held = Job.objects.filter(state=Job.State.LEASED, leased_by__startswith=prefix)
        return list(held.values_list("leased_by", flat=True).distinct())
