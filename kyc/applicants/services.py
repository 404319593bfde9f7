"""Writes on applicants and consents."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.dispatch import Signal

from kyc.applicants import queries
from kyc.applicants.models import Applicant, Consent, applicant_id
from kyc.core.errors import Conflict, NotFound
from kyc.core.scope import alias, atomic, current
from kyc.vault import fields
from kyc.vault import services as vault
from kyc.webhooks import services as webhooks

withdrawn = Signal()  # consent, now: in the same transaction, so that what it allowed stops with it


class ReferenceTaken(Conflict):
    code = "reference_taken"
    detail = "Another applicant of yours has this external reference."
    next_step = "List applicants with ?external_reference=... and go on with the one you find."


class AlreadyConsented(Conflict):
    code = "already_consented"
    detail = "The applicant has a standing consent for this purpose."
    next_step = "Withdraw it first if the wording changed."


def create(*, external_reference: str, personal: dict | None, now: datetime) -> Applicant:
    """A person, with a data key of their own; their personal data is sealed under it."""
    row = Applicant(id=applicant_id(), tenant_id=current().tenant_id, external_reference=external_reference)
    key = vault.mint(row.pk)
    if personal:
        fields.put(row, owner=row.pk, key=key, personal=personal)
    row.created_at = now
    with atomic():
        vault.keep(key, now=now)
        _insert(row, otherwise=ReferenceTaken)
        webhooks.emit(
            event_type="applicant.created", object_type="applicant", object_id=row.pk, status="created", now=now
        )
    return row


def change(*, applicant_id: str, personal: dict) -> Applicant:
    """Replace the personal data."""
    with atomic():
        row = queries.applicants().select_for_update().filter(pk=applicant_id).first()
        if row is None:
            raise NotFound()
        fields.put(row, owner=row.pk, personal=personal or None)
        row.save(update_fields=["personal"])
    return row


def consent(*, applicant_id: str, purpose: str, version: str, language: str, now: datetime) -> Consent:
    with atomic():
        person = queries.applicant(applicant_id)
        row = Consent(
            tenant_id=person.tenant_id, applicant=person, purpose=purpose, version=version, language=language,
            given_at=now,
        )  # fmt: skip
        _insert(row, otherwise=AlreadyConsented)
    return row


def withdraw(*, applicant_id: str, consent_id: str, now: datetime) -> Consent:
    """The person changed their mind; what the consent allowed stops (receivers of `withdrawn`)."""
    with atomic():
        rows = Consent.objects.filter(pk=consent_id, applicant_id=applicant_id)
        if rows.filter(withdrawn_at=None).update(withdrawn_at=now):
            webhooks.emit(
                event_type="consent.withdrawn", object_type="consent", object_id=consent_id, status="withdrawn", now=now
            )
            withdrawn.send(Consent, consent=rows.get(), now=now)
        row = rows.first()
        if row is None:
            raise NotFound()
    return row


def _insert(row, *, otherwise: type[Conflict]) -> None:
    """Insert, with the unique constraint as the judge of who was first."""
    try:
        with transaction.atomic(using=alias()):
            row.save(force_insert=True)
    except IntegrityError as e:
        if "unique" in str(e).lower() or "duplicate key" in str(e):
            raise otherwise() from e
        raise
