"""What the page and the bank may be told, with the next step."""

from __future__ import annotations

from kyc.core.errors import Conflict, InvalidInput, Problem


class SessionOver(Problem):
    status, code = 410, "session_over"
    detail = "This link was used, or its time is over."
    next_step = "Ask whoever sent it for a new one."


class NotNow(Conflict):
    code = "not_now"
    detail = "The session is not at this point."
    next_step = "Read the session again and go on from its state."


class OpenElsewhere(Conflict):
    code = "open_elsewhere"
    detail = "The check is under way in another window."
    next_step = "Go on there, or take it over here: what was recorded there is then given up."


class NoAttemptsLeft(Conflict):
    code = "no_attempts_left"
    detail = "All attempts of this session are used."
    next_step = "Ask for a new link."


class LockedOut(Problem):
    status, code = 429, "applicant_locked"
    detail = "Too many liveness sessions of this applicant failed."
    next_step = "Wait the seconds in Retry-After, or verify the person another way."


class TooEarly(Conflict):
    code = "too_early"
    detail = "The step before is not over."
    retryable = True


class ChunkRefused(InvalidInput):
    code = "chunk_refused"
    detail = "The frames are not packed as the page packs them, or are too many or too large."
    next_step = "Reload the page."


class ChunkDiffers(Conflict):
    code = "chunk_differs"
    detail = "Another chunk with this number is here already."
    next_step = "Begin a new attempt."


class FramesMissing(Conflict):
    code = "frames_missing"
    detail = "Not all chunks are here yet."
    next_step = "Send those the session does not list, then finish again."
    retryable = True


class ConsentNeeded(Conflict):
    code = "consent_missing"
    detail = "The person has not agreed yet."
    next_step = "Ask for consent first."
