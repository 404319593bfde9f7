"""The states of a capture session and of its attempts, and every legal move."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    CREATED = "created"  # the link was made, nobody agreed yet
    READY = "ready"  # consent given: an attempt may begin
    RECORDING = "recording"
    JUDGING = "judging"  # all frames are here
    PASSED = "passed"  # live; the ID portrait is still wanted
    COMPLETED = "completed"
    FAILED = "failed"  # no attempt left
    DECLINED = "declined"  # the person did not consent
    EXPIRED = "expired"
    CANCELED = "canceled"


S = State

MOVES: dict[State, tuple[State, ...]] = {
    S.CREATED: (S.READY, S.DECLINED, S.EXPIRED, S.CANCELED),
    S.READY: (S.RECORDING, S.DECLINED, S.EXPIRED, S.CANCELED),
    # READY: the attempt was given up (reload, another window) or judged and others are left
    S.RECORDING: (S.JUDGING, S.READY, S.FAILED, S.EXPIRED, S.CANCELED),
    S.JUDGING: (S.READY, S.PASSED, S.COMPLETED, S.FAILED, S.CANCELED),
    S.PASSED: (S.COMPLETED, S.EXPIRED, S.CANCELED),
    S.COMPLETED: (),
    S.FAILED: (),
    S.DECLINED: (S.READY, S.EXPIRED, S.CANCELED),  # READY: they thought again, while the link still lives
    S.EXPIRED: (),
    S.CANCELED: (),
}

OVER = frozenset({S.COMPLETED, S.FAILED, S.EXPIRED, S.CANCELED})
ENDS_BY_TIME = frozenset({S.CREATED, S.READY, S.RECORDING, S.PASSED, S.DECLINED})


class AttemptState(StrEnum):
    RECORDING = "recording"
    JUDGING = "judging"
    JUDGED = "judged"
    ABANDONED = "abandoned"
