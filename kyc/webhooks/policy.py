"""When to try again, when to spare an endpoint, when to give it up. Pure; the dice are passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

# After the n-th failed attempt, wait the n-th of these: a deploy is over in minutes, an outage in hours, and
# whoever is paged at night has until the evening. 23 h 43 min in all.
BACKOFF = (
    10 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 8 * HOUR,
)  # fmt: skip
JITTER = 0.2  # each wait is shortened by up to a fifth: retries spread out, and still end within a day
GIVE_UP = 24 * HOUR  # after the first possible attempt, also when the endpoint was being spared meanwhile
MAX_RETRY_AFTER = HOUR  # a receiver may ask for a pause, not for a week

HOLD_FROM = 3  # consecutive failures of an endpoint, over all its deliveries, before it is spared
HOLD_LONGEST = 5 * MINUTE  # between two probes of a failing endpoint: a recovery is noticed this soon
PROBE = 30 * SECOND  # one delivery probes a spared endpoint while all others wait this long

SPREAD = timedelta(milliseconds=200)  # per waiting delivery: those of a spared endpoint look again 5 times a second
SPREAD_LONGEST = HOUR

DISABLE_AFTER = 72 * HOUR  # of nothing but failures: a weekend and a day
DISABLE_FAILURES = 10  # and this many of them: two lost requests, three days apart, are no outage

# Attempts at once: slow receivers (dead ones are spared) must not hold all 16 threads of an io worker.
MAX_IN_FLIGHT = 6  # to one endpoint
MAX_OF_TENANT = 8  # to all endpoints of a tenant
CROWDED = 0.5 * SECOND  # until a delivery looks again whether there is room,
CROWDED_SPREAD = timedelta(milliseconds=50)  # and this per waiting one, so that all of them look 20 times a second
CROWDED_LONGEST = MINUTE
MAX_ENDPOINTS = 20  # per tenant: each event is one delivery to each of them
SECRET_OVERLAP = 24 * HOUR  # both secrets sign after a rotation: one deploy cycle of a careful bank
KEEP = timedelta(days=90)  # events and their deliveries; whatever was missed is asked for long before
LEASE = 30 * SECOND  # an attempt is over in 10 s; thrice that, plus two short transactions


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint has been doing lately."""

    failures: int = 0  # consecutive, over all its deliveries
    failing_since: datetime | None = None  # the first of them
    held_until: datetime | None = None  # no attempt before, but for one probe after


def next_attempt(attempt: int, *, now: datetime, expires_at: datetime, dice: float,
                 retry_after: int | None = None) -> datetime | None:  # fmt: skip
    """When to try again after attempt number `attempt` (1, 2, ...) failed; None: give up.

    `dice`: uniform in 0..1. `retry_after`: seconds that the receiver asked for.
    """
    if attempt > len(BACKOFF):
        return None
    wait = BACKOFF[attempt - 1] * (1 - JITTER * dice)
    if retry_after is not None:
        wait = max(wait, min(timedelta(seconds=retry_after), MAX_RETRY_AFTER))
    return now + wait if now + wait <= expires_at else None


def after_failure(health: Health, *, now: datetime) -> Health:
    failures = health.failures + 1
    held_until = health.held_until
    if failures >= HOLD_FROM:
        doublings = min(failures - HOLD_FROM, 10)  # 10 s, 20 s, ... far beyond HOLD_LONGEST, without overflow
        held_until = now + min(10 * SECOND * 2**doublings, HOLD_LONGEST)
    return Health(failures, health.failing_since or now, held_until)


def has_room(*, to_endpoint: int, to_tenant: int) -> bool:
    """`to_...`: attempts under way."""
    return to_endpoint < MAX_IN_FLIGHT and to_tenant < MAX_OF_TENANT


def crowded_until(*, now: datetime, waiting: int, dice: float) -> datetime:
    """When one of `waiting` deliveries looks again for room."""
    return now + CROWDED + min(max(CROWDED, CROWDED_SPREAD * waiting), CROWDED_LONGEST) * dice


def spared_until(held_until: datetime, *, waiting: int, dice: float) -> datetime:
    """When one of `waiting` deliveries of a spared endpoint looks again. The first to look is the probe."""
    return held_until + min(max(PROBE, SPREAD * waiting), SPREAD_LONGEST) * dice


def is_lost(health: Health, *, now: datetime, disable_after: timedelta = DISABLE_AFTER) -> bool:
    """Failing so long that nobody seems to look after the endpoint any more."""
    return (
        health.failing_since is not None
        and now - health.failing_since >= disable_after
        and health.failures >= DISABLE_FAILURES
    )
