"""Reads, confined to the present tenant by row-level security."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from kyc.capture.models import Attempt, Chunk, Mark, Session
from kyc.capture.states import AttemptState, State
from kyc.capture.token import Token
from kyc.core.errors import NotFound

SHARED = 5  # frames with the very same look that make another session worth comparing
NEAREST = 4  # sessions compared at most


def sessions() -> QuerySet[Session]:
    return Session.objects.all()


def session(session_id: str) -> Session:
    found = sessions().filter(pk=session_id).first()
    if found is None:
        raise NotFound()
    return found


def session_by_token(token: Token) -> Session | None:
    found = sessions().select_related("tenant").filter(pk=token.session_id).first()
    right = found is not None and hmac.compare_digest(bytes(found.token_sha256), token.digest)
    return found if right else None


def running(session: Session) -> Attempt | None:
    states = (AttemptState.RECORDING, AttemptState.JUDGING)
    return Attempt.objects.filter(session=session, state__in=states).first()


def numbers_received(attempt: Attempt) -> list[int]:
    return list(Chunk.objects.filter(attempt=attempt).order_by("number").values_list("number", flat=True))


def failures_since(applicant_id: str, since: datetime) -> QuerySet[Session]:
    return Session.objects.filter(applicant_id=applicant_id, state=State.FAILED, state_since__gte=since)


def locked_for(applicant_id: str, *, most: int, within: timedelta, now: datetime) -> timedelta | None:
    """How long the applicant still has to wait; None when they need not."""
    failures = failures_since(applicant_id, now - within).order_by("-state_since")
    failed = list(failures.values_list("state_since", flat=True))
    return failed[most - 1] + within - now if len(failed) >= most else None


def known_files(attempt: Attempt, digests: list[bytes]) -> set[bytes]:
    """Of these SHA-256, those that came in other attempts."""
    found = Mark.objects.filter(sha256__in=digests).exclude(attempt=attempt).values_list("sha256", flat=True)
    return {bytes(digest) for digest in found}


def known_looks(attempt: Attempt, hashes: list[bytes]) -> list[bytes]:
    """Perceptual hashes of the attempts that share several frames' look with this one."""
    others = (Mark.objects.filter(phash__in=hashes).exclude(attempt=attempt).values("attempt")
              .annotate(shared=Count("id")).filter(shared__gte=SHARED).order_by("-shared")[:NEAREST])  # fmt: skip
    near = Mark.objects.filter(attempt_id__in=[row["attempt"] for row in others])
    return [bytes(phash) for phash in near.values_list("phash", flat=True)]
