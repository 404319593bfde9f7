"""The relay: publishes jobs to the broker, by task name. Woken by NOTIFY; polling is the guarantee."""

from __future__ import annotations

import signal
import time
from threading import Event

import psycopg
import structlog
from django.conf import settings
from django.db import close_old_connections
from kombu.exceptions import ChannelError

from kyc.core import clock, crash, env
from kyc.core.scope import acting_as_system
from kyc.outbox import relay
from workers import identity
from workers.app import app

log = structlog.get_logger("vouch.relay")
POLL = 0.5  # seconds: how late a lost notification, or a job whose time came, is noticed at most
POLL_SUSPECTS = 0.05  # seconds, while one suspect waits for another's end
RECONCILE = float(env.number("VOUCH_RECONCILE", default=1))  # seconds between looks for what was lost on the way
QUEUES = ("gpu", "io")


def main(stop: Event | None = None) -> None:
    stop = stop or stopped_by_signal()
    ears = Ears()
    reconciled, broken = 0.0, False
    while not stop.is_set():
        try:
            with acting_as_system("relay"):
                if broken:  # whatever broke may have taken messages, or workers' claims, with it
                    relay.doubted(now=clock.now(), queues=QUEUES)
                    broken = False
                if time.monotonic() - reconciled > RECONCILE:
                    reconcile()
                    reconciled = time.monotonic()
                moved = sum(publish(queue) for queue in QUEUES)
                suspects = not moved and relay.suspects_wait(now=clock.now())
            if not moved:
                ears.wait(POLL_SUSPECTS if suspects else POLL)
        except Exception as e:  # PostgreSQL or the broker is away: try again until they are back
            log.warning("relay_round_failed", exc_info=e)
            broken = True
            close_old_connections()
            ears.close()
            stop.wait(0.5)
    ears.close()


def publish(queue: str) -> int:
    """One round of one queue; how many were published."""
    jobs = relay.take(queue=queue, now=clock.now())
    if jobs:
        crash.point("after_commit_before_publish")
    sent = 0
    try:
        with app.producer_pool.acquire(block=True, timeout=5) as producer:
            for id_, kind, suspect in jobs:
                # others wait for a suspect's end, so it does not stand in line with the rest (0 is first in Redis)
                priority = 0 if suspect else 3
                app.send_task(
                    f"workers.{kind}", args=[id_], queue=queue, producer=producer, retry=False, priority=priority
                )
                sent += 1
    except Exception:
        relay.unpublish([id_ for id_, *_ in jobs[sent:]])
        raise
    return sent


def reconcile() -> None:
    identity.bury_the_dead()
    now = clock.now()
    if again := relay.forgotten(now=now, busy=[queue for queue in QUEUES if waiting(queue)]):
        log.warning("republished_forgotten", jobs=again)
    if reaped := relay.reap(now=now):
        log.warning("reaped_expired_leases", jobs=reaped)


def waiting(queue: str) -> int:
    """Messages that no worker has fetched yet."""
    with app.connection_for_read() as connection:
        try:
            return connection.default_channel.queue_declare(queue, passive=True).message_count
        except ChannelError:
            return 0  # an empty list does not exist


class Ears:
    """A connection that listens. Losing it costs latency, never a job."""

    def __init__(self) -> None:
        self.connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> None:
        if self.connection is None:
            self.connection = psycopg.connect(libpq(), autocommit=True)
            self.connection.execute("listen vouch_jobs")
            return  # something may have come before we listened: look first
        for _ in self.connection.notifies(timeout=seconds, stop_after=1):
            pass

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def libpq() -> str:
    entry = settings.DATABASES["system"]
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return psycopg.conninfo.make_conninfo(**{k: entry[v] for k, v in names.items() if entry.get(v)})


def stopped_by_signal() -> Event:
    """Set by SIGTERM or SIGINT: finish the round, then leave."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
