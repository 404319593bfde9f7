"""What each figure should be, and what to do when it is not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    figure: str
    says: str  # what it is, for a person
    most: float
    advice: str
    unit: str = "s"


LIMITS = (
    Limit("canary_age_gpu", "since the last canary came back from the gpu queue", 120,
          "No gpu worker consumes. Look at its log; restart it; check that the broker answers."),
    Limit("canary_age_io", "since the last canary came back from the io queue", 120,
          "No io worker consumes, so no webhook is delivered. Look at its log; restart it."),
    Limit("oldest_pending_gpu", "that the oldest verification waits", 60,
          "Work comes faster than it is done. Start another gpu worker (python -m workers --role gpu)."),
    Limit("oldest_pending_io", "that the oldest delivery or io job waits", 60,
          "Start another io worker, or look for a receiver that answers slowly."),
    Limit("open_gpu", "jobs waiting or under way on the gpu queue", 8_000,
          "New work is refused at 10,000. Start another gpu worker.", unit="jobs"),
    Limit("open_io", "jobs waiting or under way on the io queue", 8_000,
          "Start another io worker.", unit="jobs"),
    Limit("unpublished_age", "that the oldest due job waits for the relay", 10,
          "The relay does not publish. Is it running (python -m workers --role relay), and does the broker answer?"),
    Limit("expired_leases", "leases that ran out and were not reaped", 0,
          "The reconciler (in the relay) does not run.", unit="jobs"),
    Limit("quarantined", "jobs in quarantine", 0,
          "Read their reasons (GET /v1/quarantine or the portal), mend the cause, release them.", unit="jobs"),
    Limit("webhook_lag", "that the oldest undelivered webhook has waited", 3_600,
          "Look at deliveries by endpoint: does one receiver fail, or all (then the io worker's network)?"),
    Limit("unsealed_age", "that the oldest audit event waits to be sealed", 60,
          "The sealer (in the schedule) does not run: python -m workers --role schedule."),
    Limit("worker_clock_skew", "between a worker's clock and the database's", 5,
          "Clocks differ; leases and signatures rely on them. Check NTP on the worker's host."),
    Limit("disk_used", "of the evidence disk is used", 90, "Add space, or let retention run.", unit="%"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    limit: Limit
    value: float | None  # None: nothing there to measure

    @property
    def well(self) -> bool:
        return self.value is None or self.value <= self.limit.most


def findings(figures: Mapping[str, float | None]) -> list[Finding]:
    """Every limit with its figure. A figure that nobody reports counts as nothing there."""
    return [Finding(limit, figures.get(limit.figure)) for limit in LIMITS]
