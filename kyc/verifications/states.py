"""The states of a verification and every legal move. docs/states.md is drawn from this table."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    CREATED = "created"
    AWAITING_INPUT = "awaiting_input"
    PROCESSING = "processing"
    APPROVED = "approved"
    DECLINED = "declined"
    IN_REVIEW = "in_review"
    RESUBMISSION_REQUESTED = "resubmission_requested"
    ERROR = "error"
    EXPIRED = "expired"
    CANCELED = "canceled"
    REOPENED = "reopened"


S = State

MOVES: dict[State, tuple[State, ...]] = {
    S.CREATED: (S.AWAITING_INPUT,),
    S.AWAITING_INPUT: (S.PROCESSING, S.EXPIRED, S.CANCELED),
    S.PROCESSING: (S.APPROVED, S.DECLINED, S.IN_REVIEW, S.RESUBMISSION_REQUESTED, S.ERROR),
    S.RESUBMISSION_REQUESTED: (S.AWAITING_INPUT, S.DECLINED),
    S.IN_REVIEW: (S.APPROVED, S.DECLINED, S.RESUBMISSION_REQUESTED),
    S.ERROR: (S.PROCESSING, S.IN_REVIEW),
    S.APPROVED: (S.REOPENED,),
    S.REOPENED: (S.IN_REVIEW,),
    S.DECLINED: (),
    S.EXPIRED: (),
    S.CANCELED: (),
}

DECIDED = frozenset({S.APPROVED, S.DECLINED, S.RESUBMISSION_REQUESTED})
SETTLED = DECIDED | {S.IN_REVIEW, S.EXPIRED, S.CANCELED, S.ERROR}  # nothing more happens by itself
OPEN_TO_INPUT = frozenset({S.AWAITING_INPUT, S.RESUBMISSION_REQUESTED})
FINAL = frozenset({S.DECLINED, S.EXPIRED, S.CANCELED})


class Kind(StrEnum):
    DOCUMENT_SELFIE = "document_selfie"  # ID portrait against selfie
    AUTHENTICATION = "authentication"  # selfie against the enrolled template
    ENROLMENT = "enrolment"  # first template, with duplicate search


NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.DOCUMENT_SELFIE: ("selfie", "id_portrait"),
    Kind.AUTHENTICATION: ("selfie",),
    Kind.ENROLMENT: ("selfie",),
}

# As Django, DRF and the API description want them: value and label, which here are the same.
STATE_CHOICES = [(str(s), str(s)) for s in State]
KIND_CHOICES = [(str(k), str(k)) for k in Kind]
