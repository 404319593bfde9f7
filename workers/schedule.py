"""What happens by the clock. Any number may run: each duty takes a lock, and whoever holds it does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import httpx
import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from kyc.audit import services as audit
from kyc.capture import results as capture_results
from kyc.capture import services as captures
from kyc.capture.limits import KEEP_MARKS
from kyc.core import clock
from kyc.core.scope import acting_as_system, acting_for, atomic
from kyc.evidence import janitor
from kyc.http import idempotency
from kyc.operations import services as operations
from kyc.tenants.models import Tenant
from kyc.verifications import services as verifications
from kyc.webhooks import services as webhooks
from workers.relay import stopped_by_signal

log = structlog.get_logger("vouch.schedule")


@dataclass(frozen=True, slots=True)
class Duty:
    name: str
    every: float  # seconds
    do: Callable[[], object]


def for_each_tenant(work: Callable[[], object]) -> None:
    with atomic():
        ids = list(Tenant.objects.values_list("pk", flat=True))
    for tenant_id in ids:
        with acting_for(tenant_id):
            work()


DUTIES = [
    Duty("expire_verifications", 30, lambda: for_each_tenant(lambda: verifications.expire_due(now=clock.now()))),
    Duty("expire_captures", 15, lambda: for_each_tenant(lambda: captures.expire_due(now=clock.now()))),
    Duty("forget_capture_marks", 3600, lambda: for_each_tenant(forget_marks)),
    Duty("seal_audit_log", 1, lambda: seal_audit_log()),
    Duty("publish_checkpoints", 5, lambda: audit.publish(now=clock.now())),
    Duty("sweep_webhooks", 10, lambda: webhooks.sweep(now=clock.now())),
    Duty("send_canary", 30, lambda: send_canary()),
    Duty("purge_canaries", 3600, lambda: operations.purge(now=clock.now())),
    Duty("sweep_evidence", 60, lambda: janitor.sweep(now=clock.now())),
    Duty("sweep_strays", 86_400, lambda: janitor.sweep_strays(now=clock.now())),
    Duty("purge_webhooks", 3600, lambda: webhooks.purge(now=clock.now())),
    Duty("purge_idempotency_keys", 3600, lambda: purge()),
]


def forget_marks() -> int:
    return capture_results.forget_marks(now=clock.now(), older=KEEP_MARKS)


def send_canary() -> None:
    """Through the web's door, so that the web is part of what is proved."""
    token = {"Authorization": f"Bearer {settings.OPERATIONS_TOKEN}"}
    httpx.post(f"{settings.PUBLIC_URL}/health/canary", headers=token, timeout=10).raise_for_status()


def seal_audit_log() -> int:
    """A backlog is worked off at once, but not at the price of the other duties: some ten seconds at most."""
    return audit.seal_all(now=clock.now(), sign_every=audit.SIGN_EVERY, batches=10)


def purge() -> int:
    with atomic():
        return idempotency.purge(now=clock.now())


def main(stop: Event | None = None) -> None:
    stop = stop or stopped_by_signal()
    last: dict[str, float] = {}
    while not stop.is_set():
        for duty in DUTIES:
            if time.monotonic() - last.get(duty.name, -duty.every) >= duty.every:
                last[duty.name] = time.monotonic()
                attend(duty)
        stop.wait(0.5)


def attend(duty: Duty) -> None:
    try:
        with acting_as_system("schedule"), connections["system"].cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(hashtext(%s))", [f"duty:{duty.name}"])
            if not cursor.fetchone()[0]:
                return  # another schedule is at it
            try:
                duty.do()
            finally:
                cursor.execute("select pg_advisory_unlock(hashtext(%s))", [f"duty:{duty.name}"])
    except Exception as e:
        log.warning("duty_failed", duty=duty.name, exc_info=e)
        close_old_connections()
