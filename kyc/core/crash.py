"""Named points at which the fault matrix ends this process with SIGKILL. Without VOUCH_CRASH nothing happens.

VOUCH_CRASH="after_claim=0.02,mid_webhook=0.01"   the chance at each passing
VOUCH_POISON=/path/to/file                        ids, one a line: work on one of them kills its worker
VOUCH_CRASH_LOG=/path/to/file                     where each such end is noted
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

POINTS = (
    "after_effect_before_response",
    "after_commit_before_publish",
    "after_claim",
    "mid_inference",
    "after_result_before_ack",
    "mid_webhook",
)
_chances = {
    name: float(chance)
    for name, _, chance in (part.partition("=") for part in os.environ.get("VOUCH_CRASH", "").split(",") if part)
}
_poison = os.environ.get("VOUCH_POISON", "")


def point(name: str, subject: str = "") -> None:
    """Pass here, or do not."""
    if not _chances and not _poison:
        return
    poisoned = subject and _poison and Path(_poison).exists() and subject in Path(_poison).read_text().split()
    if poisoned or random.random() < _chances.get(name, 0.0):  # noqa: S311  (no secret hangs on it)
        if log := os.environ.get("VOUCH_CRASH_LOG"):
            with Path(log).open("a") as lines:
                lines.write(f"{'poison' if poisoned else name}\n")
        os.kill(os.getpid(), signal.SIGKILL)
