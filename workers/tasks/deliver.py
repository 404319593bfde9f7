"""Deliver one webhook."""

from kyc.core import clock
from kyc.outbox.services import Claim
from kyc.webhooks import services as webhooks


def work(claim: Claim) -> None:
    webhooks.deliver(claim.job.subject_id, claim, clock.now())
