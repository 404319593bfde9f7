"""Small worlds for tests: each says what is in it. Nothing is cleaned up; every world is a tenant of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kyc.applicants import services as applicants
from kyc.applicants.models import Applicant
from kyc.core import clock
from kyc.core.scope import Scope, acting, acting_for, atomic
from kyc.tenants.models import Tenant
from kyc.verifications import provision

_numbers = itertools.count()


def unique(word: str) -> str:
    return f"{word}-{os.getpid()}-{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class World:
    tenant: Tenant
    secret: str  # of a key with every scope

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def a_bank(mode: str = "live") -> World:
    """A tenant with a data key, the default policy and an API key."""
    with acting(Scope(None, "test:world")):
        made = provision.tenant(name=unique("Bank"), mode=mode, now=clock.now())
    return World(made.tenant, made.secret)


@contextmanager
def within(world: World, actor: str = "test:someone") -> Iterator[None]:
    """Act for the world's tenant, in a transaction."""
    with acting(Scope(None, actor)), acting_for(world.tenant.pk), atomic():
        yield


def an_applicant(world: World, *, consenting: bool = True, **personal: str) -> Applicant:
    with within(world):
        person = applicants.create(external_reference=unique("customer"), personal=personal or None, now=clock.now())
        if consenting:
            applicants.consent(
                applicant_id=person.pk, purpose="biometric_verification", version="1", language="en", now=clock.now()
            )
    return person
