from kyc.core.errors import Conflict, Unavailable


class QueueFull(Unavailable):
    code = "queue_full"
    detail = "More work is waiting than can be done in useful time, so this was not accepted."
    retry_after = 10


class LostClaim(Exception):
    """The lease ran out and somebody else has the job, or it is over: what was computed must not be written."""


class NotQuarantined(Conflict):
    code = "not_quarantined"
    detail = "Only a quarantined job can be released."
