"""Same Idempotency-Key, same answer: the response is stored in the transaction of its effect.

A twin that arrives while the first is under way gets 409 with Retry-After; another body or path under the key
gets 409. Only successes are stored: an error has written nothing, so the request may simply be tried again.
Stored answers are sealed under the tenant's key: they carry names and secrets that are shown once.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

from django.db import connections
from django.http import HttpResponse

from kyc.core.errors import Conflict, Problem
from kyc.core.scope import alias, current
from kyc.http.models import StoredResponse
from kyc.vault import services as vault

SEALED = 1  # version of what is sealed: the body as it was sent
KEEP = timedelta(hours=48)  # promised: 24 hours at least
SHAPE = re.compile(r"^[\x21-\x7e]{1,255}$")


class BadKey(Problem):
    code = "invalid_idempotency_key"
    detail = "An Idempotency-Key has 1 to 255 printable ASCII characters."
    next_step = "Use a UUID, new for each intended effect."


class KeyReused(Conflict):
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key came before with another body or path."
    next_step = "Use a new key for a new request."


class InFlight(Conflict):
    code = "request_in_flight"
    detail = "A request with this Idempotency-Key is under way."
    next_step = "Send it again after the seconds in Retry-After to receive its answer."
    retryable = True
    retry_after = 1


def fingerprint(request) -> bytes:
    """SHA-256 of method, path with query, content type and body."""
    whole = hashlib.sha256()
    for part in (request.method, request.get_full_path(), request.content_type or ""):
        whole.update(part.encode() + b"\n")
    whole.update(request.body)
    return whole.digest()


def key_of(request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not SHAPE.match(key):
        raise BadKey()
    return key


def replay(key: str, print_: bytes, *, now: datetime) -> HttpResponse | None:
    """The stored response, if there is one. Call inside a transaction."""
    stored = StoredResponse.objects.filter(tenant_id=current().tenant_id, key=key, expires_at__gt=now).first()
    if stored is None:
        return None
    if bytes(stored.fingerprint) != print_:
        raise KeyReused()
    if stored.held_until and stored.held_until > now:
        raise InFlight()
    body = vault.open_sealed(_owner(), _place(key), SEALED, bytes(stored.body))
    return _response(stored.status, body, stored.headers)


def reserve(key: str) -> None:
    """Hold the key until the transaction ends; a twin fails at once instead of queueing on a lock."""
    with connections[alias()].cursor() as cursor:
        cursor.execute(
            "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"idem:{current().tenant_id}:{key}"]
        )
        if not cursor.fetchone()[0]:
            raise InFlight()


def store(key: str, print_: bytes, response: HttpResponse, *, now: datetime, held_until: datetime | None) -> None:
    StoredResponse.objects.filter(tenant_id=current().tenant_id, key=key, expires_at__lte=now).delete()
    StoredResponse.objects.create(
        tenant_id=current().tenant_id,
        key=key,
        fingerprint=print_,
        status=response.status_code,
        headers=_kept(response),
        body=_sealed(key, response),
        created_at=now,
        expires_at=now + KEEP,
        held_until=held_until,
    )


def settle(key: str, response: HttpResponse) -> None:
    """Replace an accepted answer by the one the waiting caller received."""
    StoredResponse.objects.filter(tenant_id=current().tenant_id, key=key).update(
        status=response.status_code, headers=_kept(response), body=_sealed(key, response), held_until=None
    )


def purge(*, now: datetime) -> int:
    """Drop what has expired; for the schedule, under the system scope."""
    return StoredResponse.objects.filter(expires_at__lte=now).delete()[0]


def _sealed(key: str, response: HttpResponse) -> bytes:
    return vault.seal(_owner(), _place(key), SEALED, response.content)


def _owner() -> str:
    return f"tenant:{current().tenant_id}"


def _place(key: str) -> str:
    return f"http.storedresponse.body:{key}"


def _kept(response: HttpResponse) -> dict[str, str]:
    return {name: response[name] for name in ("Content-Type", "Location", "Retry-After") if name in response}


def _response(status: int, body: bytes, headers: dict[str, str]) -> HttpResponse:
    response = HttpResponse(body, status=status, headers=headers)
    response["Idempotent-Replayed"] = "true"
    return response
