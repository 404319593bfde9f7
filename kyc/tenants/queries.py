from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db import connections

from kyc.core.scope import Scope, acting, alias, atomic
from kyc.tenants.models import ApiKey, KeyUse, Tenant

LAST_USED_EVERY = timedelta(minutes=1)  # a write per request would be a write per request


def key_by_secret(secret: str, *, now: datetime, request_id: str) -> ApiKey | None:
    """The live key with this secret.

    Before authentication no tenant is set, so row-level security shows nothing, except the one row whose
    digest the caller can name (policy on tenants_apikey). The comparison is an index look-up of a SHA-256:
    its timing tells nothing about the secret.
    """
    hashed = digest(secret)
    with acting(Scope(None, "anonymous", request_id)), atomic():
        with connections[alias()].cursor() as cursor:
            cursor.execute("select set_config('vouch.credential', %s, true)", [hashed.hex()])
        key = ApiKey.objects.filter(secret_sha256=hashed, revoked_at=None).first()
    if key is None or (key.expires_at and key.expires_at <= now):
        return None
    with acting(Scope(key.tenant_id, f"key:{key.pk}", request_id)), atomic():
        key.tenant = Tenant.objects.get(pk=key.tenant_id)
        use = KeyUse.objects.filter(pk=key.pk).first()
        if use is None or now - use.at > LAST_USED_EVERY:
            KeyUse.objects.update_or_create(key=key, defaults={"tenant_id": key.tenant_id, "at": now})
    return key


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
