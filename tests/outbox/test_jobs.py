"""The job's life in PostgreSQL: claimed once, fenced by its attempt, never lost, quarantined at three."""

import subprocess
from datetime import timedelta

import pytest

from kyc.core import clock
from kyc.core.scope import acting_as_system, atomic
from kyc.outbox import relay, services
from kyc.outbox.errors import LostClaim, NotQuarantined
from kyc.outbox.models import Job
from tests.support.worlds import a_bank, unique, within
from workers import identity

pytestmark = pytest.mark.usefixtures("committed_db")
NOW = clock.now()


def a_job(world=None, **changes) -> Job:
    world = world or a_bank()
    with within(world):
        usual = {"kind": "nothing", "queue": "io", "subject_type": "test", "subject_id": unique("thing"), "now": NOW}
        return services.enqueue(**(usual | changes))


def claimed(job: Job, now=NOW):
    with acting_as_system("test"):
        return services.claim(job_id=job.pk, worker="w", now=now)


def reaped_and_sent(job: Job, now=NOW) -> None:
    with acting_as_system("test"), atomic():
        relay.reap(now=now)
        Job.objects.filter(pk=job.pk, state="pending").update(published_at=now)


def now_is(job: Job) -> Job:
    with acting_as_system("test"), atomic():
        return Job.objects.get(pk=job.pk)


def finish(claim, now=NOW):
    with acting_as_system("test"), atomic():
        services.finish(claim, now=now)


def fail(claim, **how):
    with acting_as_system("test"):
        services.fail(claim, **({"reason": "it broke", "retryable": True, "now": NOW} | how))


def test_a_job_is_claimed_once():
    job = a_job()
    assert claimed(job) is not None
    assert claimed(job) is None


def test_a_job_done_is_not_done_again():
    job = a_job()
    finish(claimed(job))
    assert claimed(job) is None
    assert now_is(job).state == "done"


def test_an_expired_lease_can_be_claimed_and_the_late_worker_writes_nothing():
    job = a_job()
    late = claimed(job)
    later = NOW + services.LEASE + timedelta(seconds=1)
    assert claimed(job, later) is None, "the reaper returns it, so that a death is counted"
    reaped_and_sent(job, later)
    current = claimed(job, later)
    assert current.attempt == 2
    with pytest.raises(LostClaim):
        finish(late, later)
    finish(current, later)
    assert now_is(job).attempt == 2


def test_a_worker_that_finished_late_cannot_finish_twice():
    job = a_job()
    claim = claimed(job)
    finish(claim)
    with pytest.raises(LostClaim):
        finish(claim)


def test_a_failure_waits_and_is_tried_again():
    job = a_job()
    fail(claimed(job))
    assert now_is(job).state == "pending"
    assert claimed(job) is None, "not before its time"
    assert claimed(job, NOW + timedelta(seconds=2)).attempt == 2


def test_three_failures_are_enough():
    job, now = a_job(), NOW
    for _ in range(3):
        fail(claimed(job, now), now=now)
        now += timedelta(minutes=1)
    found = now_is(job)
    assert (found.state, found.reason) == ("quarantined", "it broke")
    assert claimed(job, now) is None


def test_what_can_never_succeed_is_quarantined_at_once():
    job = a_job()
    fail(claimed(job), retryable=False)
    assert now_is(job).state == "quarantined"


def test_a_job_that_kills_its_worker_is_reaped_twice_and_then_quarantined():
    job, now = a_job(), NOW
    for _ in range(3):
        assert claimed(job, now) is not None
        now += services.LEASE + timedelta(seconds=1)
        reaped_and_sent(job, now)
    found = now_is(job)
    assert found.state == "quarantined"
    assert "lease" in found.reason or "died" in found.reason


def test_a_quarantined_job_can_be_released_and_nothing_else_can():
    world = a_bank()
    job = a_job(world)
    with within(world), pytest.raises(NotQuarantined):
        services.release(job_id=job.pk, now=NOW)
    fail(claimed(job), retryable=False)
    with within(world):
        services.release(job_id=job.pk, now=NOW)
    assert claimed(job).attempt == 1


def test_a_late_worker_of_before_the_release_cannot_write():
    world = a_bank()
    job = a_job(world)
    late = claimed(job)
    with acting_as_system("test"), atomic():
        Job.objects.filter(pk=job.pk).update(state="quarantined", reason="it died", lease_until=None)
    with within(world):
        services.release(job_id=job.pk, now=NOW)
    current = claimed(job, NOW + timedelta(seconds=1))
    assert current.attempt == late.attempt
    with pytest.raises(LostClaim):
        finish(late)
    finish(current)


def test_a_job_given_back_does_not_count_the_attempt():
    job = a_job()
    claim = claimed(job)
    with acting_as_system("test"):
        services.give_back(claim, now=NOW)
    assert now_is(job).attempt == 0
    assert claimed(job) is not None


def test_a_canceled_job_takes_the_claim_from_its_worker():
    world = a_bank()
    job = a_job(world)
    claim = claimed(job)
    with within(world):
        services.cancel(subject_type="test", subject_id=job.subject_id, now=NOW)
    with pytest.raises(LostClaim):
        finish(claim)


def test_a_job_over_its_deadline_is_not_begun():
    job = a_job(deadline=NOW + timedelta(seconds=1))
    assert claimed(job, NOW + timedelta(seconds=2)) is None
    assert "deadline" in now_is(job).reason


def taken(now=NOW) -> list[str]:
    with acting_as_system("test"):
        return [id_ for id_, *_ in relay.take(queue="gpu", now=now)]


def test_a_flood_of_one_bank_does_not_delay_another(fresh_db):
    flooding, quiet = a_bank(), a_bank()
    flood = [a_job(flooding, queue="gpu") for _ in range(100)]
    one = a_job(quiet, queue="gpu")
    first = taken()
    assert one.pk in first[:2], "the quiet bank's job is among the first although it came last"
    assert len(first) == relay.WINDOW["gpu"], "the rest of the flood waits in PostgreSQL"
    assert set(first) - {one.pk} < {j.pk for j in flood}


def test_interactive_work_goes_before_bulk(fresh_db):
    world = a_bank()
    bulk = a_job(world, queue="gpu", priority=10)
    urgent = a_job(world, queue="gpu", priority=0)
    assert taken() == [urgent.pk, bulk.pk]


def test_what_the_broker_forgot_is_published_again(fresh_db):
    job = a_job(queue="gpu")
    assert taken() == [job.pk]
    assert taken() == []
    later = NOW + services.FORGOTTEN + timedelta(seconds=1)
    with acting_as_system("test"):
        assert relay.forgotten(now=later, busy=["gpu"]) == 0, "it waits in the broker: workers are slow, not deaf"
        assert relay.forgotten(now=later) == 1
    assert taken(later) == [job.pk]


def died(job: Job, times: int, now=NOW) -> None:
    """Back from as many attempts that ended with their worker, and not yet sent for."""
    with acting_as_system("test"), atomic():
        again = {"attempt": times, "deaths": times, "published_at": None, "run_after": now, "state": "pending"}
        Job.objects.filter(pk=job.pk).update(**again)


def test_the_last_attempt_of_jobs_whose_worker_died_is_made_one_at_a_time(fresh_db):
    world = a_bank()
    once, fresh = a_job(world, queue="gpu"), a_job(world, queue="gpu")
    twice = [a_job(world, queue="gpu") for _ in range(3)]
    died(once, 1)
    for job in twice:
        died(job, 2)
    first = taken()
    assert {once.pk, fresh.pk} < set(first) and len(first) == 3, "one suspect, and whoever may still fail"
    assert taken() == []
    suspect = next(j for j in twice if j.pk in first)
    claim = claimed(suspect)
    assert taken() == [], "not while the first may still kill its worker"
    finish(claim)
    assert len(taken()) == 1


def test_an_old_message_does_not_start_a_suspect_past_the_queue_of_suspects():
    job = a_job()
    died(job, 2)
    assert claimed(job) is None
    assert now_is(job).state == "pending"


def test_a_death_is_counted():
    job = a_job()
    claimed(job)
    later = NOW + services.LEASE * 2
    reaped_and_sent(job, later)
    assert (now_is(job).state, now_is(job).deaths) == ("pending", 1)


def test_a_lease_of_a_dead_process_ends_at_once_and_a_living_ones_does_not():
    job, other = a_job(), a_job()
    gone = subprocess.Popen(["sleep", "60"])
    name = identity.named(gone.pid)
    gone.kill()
    gone.wait()
    with acting_as_system("test"):
        services.claim(job_id=job.pk, worker=name, now=clock.now())
        services.claim(job_id=other.pk, worker=identity.mine(), now=clock.now())
        identity.bury_the_dead()
        relay.reap(now=clock.now())
    assert now_is(job).state == "pending" and now_is(job).deaths == 1
    assert now_is(other).state == "leased"


def test_a_dead_webhook_receiver_does_not_fill_the_queue(fresh_db, monkeypatch):
    monkeypatch.setattr(services, "MAX_OPEN_PER_TENANT", 3)
    world = a_bank()
    for _ in range(5):
        a_job(world, queue="io", kind="deliver")
    with within(world):
        services.admit(queue="io")


def test_a_full_queue_refuses_before_anything_is_written(fresh_db, monkeypatch):
    monkeypatch.setattr(services, "MAX_OPEN_PER_TENANT", 3)
    world = a_bank()
    for _ in range(3):
        a_job(world, queue="gpu")
    with within(world), pytest.raises(services.QueueFull):
        services.admit(queue="gpu")
    with within(a_bank()):
        services.admit(queue="gpu")


def test_one_open_job_per_subject_and_kind():
    from django.db import IntegrityError

    world = a_bank()
    a_job(world, subject_id="same")
    with pytest.raises(IntegrityError):
        a_job(world, subject_id="same")


def test_another_bank_sees_no_job():
    job = a_job()
    with within(a_bank()):
        assert not Job.objects.filter(pk=job.pk).exists()
