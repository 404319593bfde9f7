"""Real logs in the test database: events noted, sealed and published."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connections

from kyc.audit import keys, services
from kyc.audit.note import Verifier
from kyc.audit.queries import fetch
from kyc.core import clock
from kyc.core.scope import Scope, acting, acting_as_system, atomic


def note_events(log: str, count: int, *, actor: str = "user:clerk", detail: str = "{}") -> None:
    """`count` events, each in the log of one tenant, in one transaction."""
    with acting(Scope(log, actor, "req_test")), atomic(), connections["default"].cursor() as cursor:
        cursor.execute(
            "select count(audit_note('media.read', 'media', 'med_' || g, %s::jsonb)) from generate_series(1, %s) g",
            [detail, count],
        )


def seal(**how) -> int:
    with acting_as_system("sealer"):
        return services.seal_all(now=clock.now(), **how)


def publish() -> int:
    with acting_as_system("sealer"):
        return services.publish(now=clock.now())


def look(sql: str, parameters=None) -> list[tuple]:
    """With the system's eyes: every tenant's rows."""
    with acting_as_system("test"), atomic():
        return fetch(sql, parameters)


def verifiers() -> list[Verifier]:
    return keys.verifiers(Path(settings.AUDIT_KEYS))
