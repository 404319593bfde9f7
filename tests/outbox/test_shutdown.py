"""SIGTERM with real processes: what is under way is finished, what has not begun is returned, nothing is lost."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from kyc.core import clock
from kyc.core.scope import acting_as_system, atomic
from kyc.outbox import relay, services
from kyc.outbox.models import Job
from tests.data import REPOSITORY
from tests.support.worlds import unique
from workers import claims

pytestmark = [pytest.mark.usefixtures("fresh_db"), pytest.mark.faults]


@contextlib.contextmanager
def a_worker(tmp_path, role="io", **env):
    log = tmp_path / f"{role}.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "workers", "--role", role, *env.pop("arguments", [])],
                                   cwd=REPOSITORY, env=os.environ | env, stdout=out, stderr=out)  # fmt: skip
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def jobs(count: int, seconds: float) -> list[str]:
    with acting_as_system("test"), atomic():
        return [
            services.enqueue(
                kind="nothing", queue="io", subject_type="test", subject_id=unique("thing"),
                payload={"seconds": seconds}, now=clock.now(),
            ).pk
            for _ in range(count)
        ]  # fmt: skip


def states(ids: list[str]) -> list[tuple[str, int]]:
    with acting_as_system("test"), atomic():
        return list(Job.objects.filter(pk__in=ids).order_by("pk").values_list("state", "attempt"))


def eventually(true, seconds=30.0):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.05)


def test_a_worker_told_to_stop_finishes_what_it_began_and_the_next_one_does_the_rest(own_stack, monkeypatch, tmp_path):
    monkeypatch.setenv("BROKER_URL", own_stack.urls.broker)
    ids = jobs(12, seconds=1.5)
    with a_worker(tmp_path, "relay"), a_worker(tmp_path, arguments=["--threads", "4"]) as (first, log):
        eventually(lambda: [s for s, _ in states(ids)].count("leased") == 4, 60)
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0
        after = [s for s, _ in states(ids)]
        assert after.count("leased") == 0, log.read_text()[-2000:]
        assert 4 <= after.count("done") < 12
        with a_worker(tmp_path, arguments=["--threads", "4"]):
            eventually(lambda: [s for s, _ in states(ids)] == ["done"] * 12, 60)
    assert [a for _, a in states(ids)] == [1] * 12, "no attempt was spent on stopping"


def test_a_job_that_reaches_a_stopping_worker_is_returned_without_losing_an_attempt():
    (id_,) = jobs(1, 0)
    with acting_as_system("test"):
        relay.take(queue="io", now=clock.now())
    claims.stopping.set()
    try:
        claims.run(id_, lambda claim: pytest.fail("it was begun"))
    finally:
        claims.stopping.clear()
    assert states([id_]) == [("pending", 0)]
    with acting_as_system("test"), atomic():
        assert Job.objects.get(pk=id_).published_at is None, "the relay tells another worker at once"
