"""What will go wrong, and when: a function of the seed and the length, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

PARTS = ("web", "relay", "schedule", "io", "gpu")


@dataclass(frozen=True, slots=True)
class Fault:
    at: float  # seconds after the beginning
    seconds: float  # how long the trouble lasts; 0: a moment
    kind: str
    target: str = ""
    value: str = ""

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.0f} s" if self.seconds else ""
        return " ".join(w for w in (self.kind, self.target, self.value) if w) + lasting


# kind, target, value, seconds. A pause outlasts the lease of the run (conductor.LEASE).
CRASHES = (
    ("crash", "web", "after_effect_before_response", 4.0),
    ("crash", "relay", "after_commit_before_publish", 4.0),
    ("crash", "io", "after_claim", 5.0),
    ("crash", "io", "mid_inference", 5.0),
    ("crash", "io", "after_result_before_ack", 5.0),
    ("crash", "io", "mid_webhook", 5.0),
    ("crash", "gpu", "mid_inference", 14.0),
    ("crash", "gpu", "after_result_before_ack", 14.0),
)
KILLS = (*(("kill", part, "", 0.0) for part in PARTS), ("kill", "valkey", "", 1.0), ("kill", "postgres", "", 1.0))
PAUSES = (("pause", "io", "", 6.0), ("pause", "gpu", "", 6.0), ("pause", "relay", "", 3.0), ("pause", "web", "", 2.0))
LINES = tuple(
    (order, server, value, seconds)
    for server in ("postgres", "valkey")
    for order, value, seconds in (("delay", "0.03", 4.0), ("cut", "", 2.0), ("reset", "", 0.0))
)
OTHERS = (
    ("flushall", "valkey", "", 0.0),
    ("terminate", "io", "", 0.0),
    ("fill", "io", "", 9.0),
    ("poison", "io", "", 0.0),
)
ALL = (*CRASHES, *KILLS, *PAUSES, *LINES, *OTHERS, ("flushall", "valkey", "", 0.0))
# What a minute can hold: each named crash point that needs no model, and each kind of trouble once.
SHORT = (
    ("poison", "io", "", 0.0), *CRASHES[:6], ("kill", "valkey", "", 0.5), ("kill", "postgres", "", 0.5),
    ("kill", "web", "", 0.0), ("pause", "io", "", 5.0), ("flushall", "valkey", "", 0.0), ("reset", "postgres", "", 0.0),
    ("cut", "valkey", "", 1.0), ("terminate", "io", "", 0.0),
)  # fmt: skip


def plan(*, seed: int, seconds: float, deck=ALL, rest: tuple[float, float] = (1.5, 4.5)) -> list[Fault]:
    """Decks of faults, shuffled by the seed, one after another until the time is up."""
    return list(_deal(random.Random(seed), seconds, deck, rest))


def _deal(dice: random.Random, until: float, deck, rest) -> Iterator[Fault]:
    at = 3.0  # seconds of peace, so that there is work to disturb
    while True:
        for kind, target, value, lasts in dice.sample(deck, len(deck)):
            if at + lasts > until:
                return
            yield Fault(round(at, 2), lasts, kind, target, value)
            at += lasts + dice.uniform(*rest)
