"""Who holds a lease: a name by which anyone on the same machine can tell whether its process still lives.

A lease outlives a killed worker, and its jobs wait for the rest of it. A process that no longer exists cannot write
any more, so the worker that takes its place, and a relay beside it, end such leases at once.
"""

from __future__ import annotations

import hashlib
import os
import socket
from functools import lru_cache
from pathlib import Path

from kyc.core import clock
from kyc.core.scope import acting_as_system
from kyc.outbox import relay


@lru_cache(maxsize=1)
def place() -> str:
    """Where process numbers mean the same: this start of this machine, and this container on it."""
    try:
        seen = Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux: nobody else can judge our processes, and leases run out as they always do
        seen = str(os.getpid())
    return f"{socket.gethostname()}/{hashlib.sha256(seen.encode()).hexdigest()[:8]}"


def mine() -> str:
    return named(os.getpid())


def named(pid: int) -> str:
    """With its start, because process numbers are used again."""
    return f"{place()}/{pid}.{_started(pid)}"


def bury_the_dead() -> int:
    """End the leases of workers of this place that are gone; how many jobs that frees."""
    with acting_as_system("worker"):
        gone = [holder for holder in relay.holders(prefix=f"{place()}/") if not _lives(holder)]
        return relay.bury(workers=gone, now=clock.now()) if gone else 0


def _lives(holder: str) -> bool:
    pid = holder.rpartition("/")[2].partition(".")[0]
    return pid.isdigit() and bool(_started(int(pid))) and named(int(pid)) == holder


def _started(pid: int) -> str:
    """Clock ticks since boot, field 22 of proc(5); empty when there is no such process, or only its remains."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else fields[18]
