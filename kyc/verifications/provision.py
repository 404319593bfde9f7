"""A new bank: its live and its sandbox tenant, each with a data key, the default policy and a first API key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kyc.core.scope import acting_for, atomic
from kyc.tenants import services as tenants
from kyc.tenants.models import Tenant
from kyc.tenants.scopes import ALL
from kyc.vault import services as vault
from kyc.verifications import services as verifications
from kyc.verifications.defaults import DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class Provisioned:
    tenant: Tenant
    secret: str  # of an API key with every scope; shown once


def bank(*, name: str, now: datetime) -> dict[str, Provisioned]:
    """{"live": ..., "sandbox": ...}; each mode in one transaction."""
    return {mode: tenant(name=name, mode=mode, now=now) for mode in ("live", "sandbox")}


def tenant(*, name: str, mode: str, now: datetime) -> Provisioned:
    made = tenants.create_tenant(name=name, mode=mode, now=now)
    with acting_for(made.pk):
        key = vault.mint(made.pk)
        with atomic():
            vault.keep(key, now=now)
            verifications.add_policy(name="default", rules_json=DEFAULT_RULES, now=now)
            issued = tenants.issue_key(tenant=made, name="first key", scopes=ALL, now=now)
    return Provisioned(made, issued.secret)
