"""An empty job: what remains is the cost of the queue. `python -m bench.queue` and the tests send it."""

import time

from kyc.core import clock
from kyc.core.scope import atomic
from kyc.outbox import services as outbox
from kyc.outbox.services import Claim


def work(claim: Claim) -> None:
    time.sleep(float(claim.job.payload.get("seconds", 0)))
    with atomic():
        outbox.finish(claim, now=clock.now())
