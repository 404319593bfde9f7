"""Proof that this worker consumes."""

from kyc.core import clock
from kyc.operations import services
from kyc.outbox.services import Claim
from workers.claims import WORKER


def work(claim: Claim) -> None:
    services.returned(claim=claim, worker=WORKER, now=clock.now())
