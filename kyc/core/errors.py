"""Errors the caller sees. Each lives beside what raises it and subclasses Problem."""

from __future__ import annotations


class Problem(Exception):
    """An RFC 9457 problem: a stable code, a sentence, the next step, and whether retrying helps."""

    status = 400
    code = "bad_request"
    detail = "The request cannot be carried out."
    next_step = "Correct the request and send it again."
    retryable = False
    retry_after: int | None = None  # seconds

    def __init__(
        self,
        detail: str | None = None,
        *,
        next_step: str | None = None,
        fields: dict[str, list[str]] | None = None,
        retry_after: int | None = None,
    ):
        self.detail = detail or self.detail
        self.next_step = next_step or self.next_step
        self.fields = fields or {}
        self.retry_after = retry_after if retry_after is not None else self.retry_after
        super().__init__(self.detail)


class NotFound(Problem):
    """Foreign and missing look identical."""

    status = 404
    code = "not_found"
    detail = "There is no such object."
    next_step = "Check the id, and that the key belongs to the tenant that owns the object."


class Conflict(Problem):
    status = 409
    code = "conflict"
    detail = "The object is not in a state that allows this."
    next_step = "Read the object again and decide from its present state."


class LostRace(Conflict):
    """Somebody else moved the object first."""

    code = "lost_race"
    detail = "The object changed while the request was under way."
    retryable = True


class InvalidInput(Problem):
    status = 422
    code = "invalid_input"
    detail = "The request has fields that cannot be accepted."
    next_step = "See `fields` for what is wrong with each."


class Unavailable(Problem):
    status = 503
    code = "unavailable"
    detail = "Vouch cannot take this request now."
    next_step = "Send the same request again after the seconds in Retry-After, with the same Idempotency-Key."
    retryable = True
    retry_after = 5
