"""Reads, confined to the present tenant by row-level security. Foreign and missing look identical."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from kyc.core.errors import NotFound
from kyc.verifications.models import Check, Decision, Policy, Verification


class NoPolicy(NotFound):
    code = "policy_not_found"
    detail = "There is no active policy of this name."
    next_step = "List the policies, or add a version."


def verifications() -> QuerySet[Verification]:
    """With the checks of every submission and all decisions, in three queries."""
    return Verification.objects.prefetch_related(
        Prefetch("checks", Check.objects.select_related("model").order_by("submission", "position")),
        Prefetch("decisions", Decision.objects.select_related("policy").order_by("number")),
    ).select_related("policy")


def verification(verification_id: str) -> Verification:
    found = verifications().filter(pk=verification_id).first()
    if found is None:
        raise NotFound()
    return found


def policies() -> QuerySet[Policy]:
    return Policy.objects.all()


def active_policy(name: str = "default") -> Policy:
    found = Policy.objects.filter(name=name, active=True).first()
    if found is None:
        raise NoPolicy()
    return found
