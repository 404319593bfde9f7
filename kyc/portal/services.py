"""People of a bank."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib.auth.models import User

from kyc.core.scope import acting_for, atomic
from kyc.tenants.models import Membership, Tenant


def add_member(*, tenant: Tenant, username: str, role: str, now: datetime) -> str:
    """A person who may sign in to the bank's portal; their first password, shown once."""
    password = secrets.token_urlsafe(12)
    with acting_for(tenant.pk), atomic():
        user = User.objects.create_user(username, password=password)
        Membership.objects.create(tenant=tenant, user=user, role=role, created_at=now)
    return password
