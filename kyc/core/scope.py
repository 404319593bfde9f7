"""Who is acting, for which tenant; and the transaction that tells PostgreSQL so.

Every database access happens inside `atomic()`. It sets three settings, local to the transaction, that
row-level security and the audit triggers read: `vouch.tenant`, `vouch.actor`, `vouch.request`.
Outside of it a query sees no tenant's rows and a write is refused: forgetting fails closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.db import connections, transaction


@dataclass(frozen=True, slots=True)
class Scope:
    tenant_id: str | None  # None: no tenant's rows
    actor: str  # "key:key_...", "user:...", "job:job_...", "system:relay"
    request_id: str = ""
    system: bool = False  # cross-tenant; needs a process that holds the vouch_system login


_scope: ContextVar[Scope | None] = ContextVar("vouch_scope", default=None)


class NoScope(RuntimeError):
    """A bug: code reached the database without saying for whom."""


def current() -> Scope:
    scope = _scope.get()
    if scope is None:
        raise NoScope("enter kyc.core.scope.acting(...) first")
    return scope


def current_or_none() -> Scope | None:
    return _scope.get()


@contextmanager
def acting(scope: Scope) -> Iterator[Scope]:
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


def acting_as_system(actor: str, request_id: str = ""):
    """Cross-tenant work (relay, sealer, schedule). The web tier has no such login and fails here."""
    if "system" not in connections:
        raise NoScope("this process holds no vouch_system login (DATABASE_SYSTEM_URL)")
    return acting(Scope(None, f"system:{actor}", request_id, system=True))


def acting_for(tenant_id: str | None, *, actor: str | None = None, request_id: str | None = None, system: bool = False):
    """The same actor, confined to one tenant: what a worker enters to do a job.

    `system` stays on the system login, so that what is written joins a cross-tenant transaction.
    """
    here = current_or_none() or Scope(None, actor or "")
    return acting(
        replace(
            here,
            tenant_id=tenant_id,
            system=system,
            actor=actor or here.actor,
            request_id=here.request_id if request_id is None else request_id,
        )
    )


def alias() -> str:
    """The DATABASES alias that the present scope works on."""
    scope = _scope.get()
    return "system" if scope and scope.system else "default"


@contextmanager
def atomic(*, durable: bool = False) -> Iterator[None]:
    """A transaction under the present scope; nested calls are savepoints of the outermost."""
    scope, using = current(), alias()
    connection = connections[using]
    outer = getattr(connection, "vouch_scope", None) if connection.in_atomic_block else None
    with transaction.atomic(using=using, durable=durable):
        if outer != scope:
            _announce(connection, scope)
        try:
            yield
        finally:
            if outer not in (None, scope) and not connection.needs_rollback:
                _announce(connection, outer)
            connection.vouch_scope = outer


def _announce(connection, scope: Scope) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select set_config('vouch.tenant', %s, true), set_config('vouch.actor', %s, true),"
            " set_config('vouch.request', %s, true)",
            [scope.tenant_id or "", scope.actor, scope.request_id],
        )
    connection.vouch_scope = scope


class Router:
    """Sends the ORM to the login of the present scope."""

    def db_for_read(self, model, **hints):
        return alias()

    def db_for_write(self, model, **hints):
        return alias()

    def allow_relation(self, a, b, **hints):
        return True  # one database, several logins

    def allow_migrate(self, db, app_label, **hints):
        return db == "owner"
