"""Proof that this worker consumes."""

from kyc.core import clock
from kyc.operations import services
from kyc.outbox.services import Claim
from workers import identity


def work(claim: Claim) -> None:
    services.returned(claim=claim, worker=identity.mine(), now=clock.now())
