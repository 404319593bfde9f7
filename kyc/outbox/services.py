"""Writes on jobs. A job moves by compare-and-set; `attempt` fences off whoever came too late.

pending -> leased -> done
   ^         |-> pending (failed or lease expired, attempts left)
   |         `-> quarantined (attempts used up, or never can succeed)
   `------------ quarantined (released by a person)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connections
from django.db.models import F, Q
from django.dispatch import Signal

from kyc.core import env
from kyc.core.errors import NotFound
from kyc.core.scope import alias, atomic, current
from kyc.outbox.errors import LostClaim, NotQuarantined, QueueFull
from kyc.outbox.models import Job

MAX_ATTEMPTS = 3  # a crash may be bad luck twice; the third time it is the job
SUSPECT = MAX_ATTEMPTS - 1  # deaths: what may be quarantined by one more runs beside no other such job
# The slowest accepted inference is 20 s on a slow CPU; twice that and a restart. Fault tests make it short.
LEASE = timedelta(seconds=env.number("VOUCH_LEASE", default=60))
RETRY_IN = (timedelta(seconds=1), timedelta(seconds=5))  # after the first and the second failed attempt
# Published and not claimed for this long: the broker lost it.
FORGOTTEN = timedelta(seconds=env.number("VOUCH_FORGOTTEN", default=30))
# At 10 decisions/s a wait of 200 s: longer is no service.
MAX_OPEN_PER_TENANT = env.number("VOUCH_MAX_OPEN_PER_TENANT", default=2_000)
MAX_OPEN = env.number("VOUCH_MAX_OPEN", default=10_000)  # in the whole deployment, per queue

quarantined = Signal()  # job, now: in the same transaction, so that its subject can move too
released = Signal()  # job, now: likewise


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one attempt's result."""

    job: Job
    attempt: int

    @property
    def actor(self) -> str:
        return f"job:{self.job.pk}"


def enqueue(
    *,
    kind: str,
    queue: str,
    subject_type: str,
    subject_id: str,
    now: datetime,
    payload: dict | None = None,
    priority: int = 0,
    run_after: datetime | None = None,
    deadline: datetime | None = None,
) -> Job:
    """Accept work; call inside the transaction that made it necessary."""
    return Job.objects.create(
        tenant_id=current().tenant_id,
        kind=kind,
        queue=queue,
        subject_type=subject_type,
        subject_id=subject_id,
        payload=payload or {},
        priority=priority,
        run_after=run_after or now,
        deadline=deadline,
        created_at=now,
    )


def admit(*, queue: str) -> None:
    """Refuse what could not be done in useful time, before anything is written. Raises QueueFull (503)."""
    with connections[alias()].cursor() as cursor:
        cursor.execute("select mine, everyones from outbox_load(%s, %s)", [queue, MAX_OPEN])
        mine, everyones = cursor.fetchone()
    if mine >= MAX_OPEN_PER_TENANT or everyones >= MAX_OPEN:
        raise QueueFull()


# One statement is a transaction of its own: a claim costs one round trip, where select, update and commit cost five.
# A twin waits for the row and then finds nothing that matches. A suspect is only taken when the relay sent for
# it, never through an old message: the relay sends for one suspect at a time.
TAKE = f"""
    update outbox_job set state = 'leased', attempt = attempt + 1, started_at = %(now)s, lease_until = %(until)s,
                          leased_by = %(worker)s
    where id = %(id)s and state = 'pending' and run_after <= %(now)s and attempt < %(most)s
      and (deadline is null or deadline > %(now)s) and (deaths < {SUSPECT} or published_at is not null)
    returning *
"""  # noqa: S608  (a constant of ours)


def claim(*, job_id: str, worker: str, now: datetime, lease: timedelta = LEASE) -> Claim | None:
    """Take the job, or None when there is nothing to take: done, taken, not yet due, over its deadline.

    The attempt is counted before the work, so a job that kills its worker cannot do so for ever. An expired lease is
    no claim's business: `relay.reap` returns it first.
    """
    taking = {"id": job_id, "now": now, "until": now + lease, "worker": worker, "most": MAX_ATTEMPTS}
    for job in Job.objects.raw(TAKE, taking):
        return Claim(job, job.attempt)
    _give_up(job_id, now)
    return None


def _give_up(job_id: str, now: datetime) -> None:
    """Quarantine a job that nobody may begin any more. Most often there is none: the message was an old one."""
    over = Job.objects.filter(Q(deadline__lte=now) | Q(attempt__gte=MAX_ATTEMPTS), pk=job_id, state=Job.State.PENDING)
    if not over.exists():
        return
    with atomic():
        job = over.select_for_update(skip_locked=True).first()
        if job is None:
            return
        if job.attempt >= MAX_ATTEMPTS:
            _quarantine(job, reason=job.reason or f"the worker died in each of {MAX_ATTEMPTS} attempts", now=now)
        else:
            _quarantine(job, reason="deadline passed before a worker was free", now=now)


def _quarantine(job: Job, *, reason: str, now: datetime) -> None:
    job.state, job.reason, job.finished_at, job.lease_until = Job.State.QUARANTINED, reason[:500], now, None
    job.save(update_fields=["state", "reason", "finished_at", "lease_until", "deaths"])
    quarantined.send(Job, job=job, now=now)


def finish(claim: Claim, *, now: datetime) -> None:
    """The work is done: in the transaction that writes its result, and before it. Raises LostClaim."""
    _still_ours(claim, state=Job.State.DONE, finished_at=now, lease_until=None, reason="")


def extend(claim: Claim, *, now: datetime, lease: timedelta = LEASE) -> None:
    with atomic():
        _still_ours(claim, lease_until=now + lease)


def give_back(claim: Claim, *, now: datetime) -> None:
    """A worker that is told to stop returns what it has not begun; the attempt does not count."""
    with atomic():
        _still_ours(claim, state=Job.State.PENDING, lease_until=None, published_at=None, attempt=F("attempt") - 1)


def fail(claim: Claim, *, reason: str, retryable: bool, now: datetime, retry_in: timedelta | None = None) -> None:
    """This attempt failed: try again later, or quarantine."""
    with atomic():
        if retryable and claim.attempt < MAX_ATTEMPTS:
            wait = retry_in or RETRY_IN[min(claim.attempt, len(RETRY_IN)) - 1]
            _still_ours(
                claim,
                state=Job.State.PENDING,
                lease_until=None,
                published_at=None,
                run_after=now + wait,
                reason=reason[:500],
            )
            return
        _still_ours(claim, lease_until=F("lease_until"))  # the fence, and a lock on the row
        _quarantine(Job.objects.get(pk=claim.job.pk), reason=reason, now=now)


def cancel(*, subject_type: str, subject_id: str, now: datetime) -> int:
    """The subject no longer wants its open jobs; a worker in the middle of one loses its claim."""
    return Job.objects.filter(
        subject_type=subject_type, subject_id=subject_id, state__in=[Job.State.PENDING, Job.State.LEASED]
    ).update(state=Job.State.CANCELED, finished_at=now, lease_until=None)


def release(*, job_id: str, now: datetime) -> Job:
    """A person lets a quarantined job try again, from the first attempt."""
    with atomic():
        moved = Job.objects.filter(pk=job_id, state=Job.State.QUARANTINED).update(
            state=Job.State.PENDING,
            attempt=0,
            deaths=0,
            published_at=None,
            run_after=now,
            deadline=None,
            finished_at=None,
        )
        job = Job.objects.filter(pk=job_id).first()
        if job is None:
            raise NotFound()
        if not moved:
            raise NotQuarantined()
        released.send(Job, job=job, now=now)
    return job


def _still_ours(claim: Claim, **changes) -> None:
    # Attempts begin again after a release, and a database that crashed may hand the same number out twice: the moment
    # and the holder of the claim tell such twins apart (tests/outbox/test_protocol_model.py).
    rows = Job.objects.filter(
        pk=claim.job.pk,
        state=Job.State.LEASED,
        attempt=claim.attempt,
        started_at=claim.job.started_at,
        leased_by=claim.job.leased_by,
    )
    if not rows.update(**changes):
        raise LostClaim(claim.job.pk)
