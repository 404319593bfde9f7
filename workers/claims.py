"""From a message to a job and back: claim, work, and what becomes of a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from threading import Event

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections

from kyc.core import clock, crash
from kyc.core.errors import LostRace, Problem
from kyc.core.scope import acting_as_system, acting_for
from kyc.outbox import services as outbox
from kyc.outbox.errors import LostClaim
from kyc.outbox.services import Claim
from workers import identity

log = structlog.get_logger("vouch.worker")
stopping = Event()  # set by SIGTERM: what is under way is finished, what has not begun is returned

# Seconds between tries to return a job while PostgreSQL restarts. After that its lease runs out, which takes longer.
AWAY = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
IDLE = 5.0  # seconds without a job, after which a thread's connections are looked at
_thread = threading.local()

Work = Callable[[Claim], None]


def run(job_id: str, work: Work) -> None:
    """Do a job if it is ours to do. A lost race is somebody else's success."""
    with acting_as_system("worker"):
        claim = _claim(job_id)
        if claim is None:
            return
        if stopping.is_set():
            outbox.give_back(claim, now=clock.now())
            return
        crash.point("after_claim", claim.job.subject_id)
        try:
            with acting_for(claim.job.tenant_id, actor=claim.actor, request_id=job_id, system=not claim.job.tenant_id):
                work(claim)
                crash.point("after_result_before_ack")
        except (LostClaim, LostRace) as e:
            log.info("lost_claim", job=job_id, attempt=claim.attempt, why=str(e))
        except Exception as e:
            log.warning("attempt_failed", job=job_id, kind=claim.job.kind, attempt=claim.attempt, exc_info=e)
            _failed(claim, e)


def _claim(job_id: str) -> Claim | None:
    """A connection that broke while nobody used it shows here: once more, on a new one."""
    if time.monotonic() - getattr(_thread, "used", 0.0) > IDLE:
        close_old_connections()  # Django asks such a connection whether it still works, which costs a round trip
    _thread.used = time.monotonic()
    try:
        return outbox.claim(job_id=job_id, worker=identity.mine(), now=clock.now())
    except (OperationalError, InterfaceError):
        close_old_connections()
        return outbox.claim(job_id=job_id, worker=identity.mine(), now=clock.now())


def _failed(claim: Claim, error: Exception) -> None:
    # our own errors say whether retrying helps; an unknown one might, up to the attempts there are
    retryable = getattr(error, "retryable", not isinstance(error, Problem))
    reason = f"{type(error).__name__}: {getattr(error, 'code', '') or error}"
    for wait in AWAY:
        time.sleep(wait)
        close_old_connections()  # the reason of the failure may be the connection
        try:
            outbox.fail(claim, reason=reason, retryable=retryable, now=clock.now())
            return
        except LostClaim:
            log.info("lost_claim", job=claim.job.pk, attempt=claim.attempt)
            return
        except (OperationalError, InterfaceError):
            log.warning("database_away", job=claim.job.pk)
