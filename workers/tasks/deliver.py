"""Deliver one webhook."""

from kyc.core import clock
from kyc.outbox.services import Claim
from kyc.webhooks import services as webhooks


def work(claim: Claim) -> None:
    webhooks.deliver(delivery_id=claim.job.subject_id, claim=claim, now=clock.now())
