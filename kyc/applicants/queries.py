"""Reads, confined to the present tenant by row-level security."""

from __future__ import annotations

from django.db.models import QuerySet

from kyc.applicants.models import Applicant, Consent
from kyc.core.errors import NotFound
from kyc.vault import fields


def applicants() -> QuerySet[Applicant]:
    return Applicant.objects.filter(erased_at=None)


def applicant(applicant_id: str) -> Applicant:
    found = applicants().select_related("tenant").filter(pk=applicant_id).first()
    if found is None:
        raise NotFound()
    return found


def personal(applicant: Applicant) -> dict | None:
    """The opened personal data. Callers that show it to a person also note that they did (kyc.audit)."""
    return fields.get(applicant, "personal", owner=applicant.pk)["personal"]


def consents(applicant_id: str) -> QuerySet[Consent]:
    return Consent.objects.filter(applicant=applicant(applicant_id))


def standing_consent(applicant_id: str, purpose: str) -> Consent | None:
    return Consent.objects.filter(applicant_id=applicant_id, purpose=purpose, withdrawn_at=None).first()
