"""Whose key it is: an applicant's, or the bank's own."""

from __future__ import annotations

from kyc.core.ids import looks_like

KINDS = {"app": "applicant", "tnt": "tenant"}


def owner_of(whose: str) -> str:
    """ "applicant:app_..." or "tenant:tnt_..."; a bare id is named by its prefix."""
    if ":" in whose:
        kind, _, public_id = whose.partition(":")
        if kind in KINDS.values() and public_id:
            return whose
    for prefix, kind in KINDS.items():
        if looks_like(prefix, whose):
            return f"{kind}:{whose}"
    raise ValueError(f"{whose!r} owns no data key: give an applicant's or a tenant's id")
