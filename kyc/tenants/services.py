"""Writes on tenants and keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kyc.core.errors import InvalidInput, NotFound
from kyc.core.scope import Scope, acting, atomic, current
from kyc.tenants.models import ApiKey, Tenant, tenant_id
from kyc.tenants.queries import digest
from kyc.tenants.scopes import SCOPES

OVERLAP = timedelta(hours=24)  # a rotated key keeps working this long: one deploy cycle of a careful bank


class UnknownScope(InvalidInput):
    code = "unknown_scope"
    next_step = "Choose from the scopes listed in the API documentation."


@dataclass(frozen=True, slots=True)
class IssuedKey:
    key: ApiKey
    secret: str  # shown once


def create_tenant(*, name: str, mode: str, now: datetime) -> Tenant:
    """A new tenant, created under itself: its first rows are its own."""
    new = tenant_id()
    with acting(Scope(new, current().actor, current().request_id)), atomic():
        return Tenant.objects.create(id=new, name=name, mode=mode, created_at=now)


def issue_key(
    *,
    tenant: Tenant,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
    rotated_from: ApiKey | None = None,
) -> IssuedKey:
    scopes = sorted(set(scopes))
    if unknown := [s for s in scopes if s not in SCOPES]:
        raise UnknownScope(f"Unknown scopes: {', '.join(unknown)}.")
    secret = f"vouch_{tenant.mode}_{secrets.token_urlsafe(32)}"  # 256 bits
    with atomic():
        key = ApiKey.objects.create(
            tenant=tenant,
            name=name,
            prefix=secret[:16],
            secret_sha256=digest(secret),
            scopes=scopes,
            created_at=now,
            expires_at=expires_at,
            rotated_from=rotated_from,
        )
    return IssuedKey(key, secret)


def rotate_key(*, key_id: str, now: datetime, overlap: timedelta = OVERLAP) -> IssuedKey:
    """A successor with the same name and scopes; the old key ends after the overlap."""
    with atomic():
        old = ApiKey.objects.select_for_update().select_related("tenant").filter(pk=key_id, revoked_at=None).first()
        if old is None:
            raise NotFound()
        issued = issue_key(tenant=old.tenant, name=old.name, scopes=old.scopes, now=now, rotated_from=old)
        ends = now + overlap
        ApiKey.objects.filter(pk=old.pk).update(expires_at=min(old.expires_at or ends, ends))
    return issued


def revoke_key(*, key_id: str, now: datetime) -> None:
    with atomic():
        if not ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=now):
            raise NotFound()
