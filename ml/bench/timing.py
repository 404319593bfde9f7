"""Timing on machines that also do other things: rounds alternate between subjects, memory is per subject.

Two clocks. `wall` is what an applicant waits. `cpu` is the processor time of this process on one
thread: others on the machine do not count, so it is the clock for ratios where the machine is shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
FEWEST = 5  # calls: a p99 of fewer would be a maximum with another name, and is labelled by `calls`
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Sample:
    """One subject. A call handles `batch` images."""

    name: str
    batch: int
    calls: int
    p50: float  # ms per call
    p99: float  # ms per call
    fastest: float  # ms per call: the least disturbed by others
    peak: float | None  # MB of resident memory above that before the first call; None where it is not known

    @property
    def rate(self) -> float:
        """Images per second at the median."""
        return 1000 * self.batch / self.p50


def measure(
    subjects: Mapping[str, Callable[[], object]], *, batch: int, seconds: float, clock: str = "wall"
) -> dict[str, Sample]:
    """Each subject is called at least FEWEST times and for about `seconds`; rounds go through all of them, so a
    busy machine slows them alike and their ratios hold where their milliseconds do not."""
    peaks = {name: _first_call(subject) for name, subject in subjects.items()}
    now = CLOCKS[clock]
    spent: dict[str, list[float]] = {name: [] for name in subjects}
    while any(len(s) < FEWEST or sum(s) < seconds * 1000 for s in spent.values()):
        for name, subject in subjects.items():
            began = now()
            subject()
            spent[name].append(1000 * (now() - began))
    return {name: sample(name, batch, times, peaks[name]) for name, times in spent.items()}


def sample(name: str, batch: int, milliseconds: list[float], peak: float | None = None) -> Sample:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Sample(
        name=name,
        batch=batch,
        calls=len(milliseconds),
        p50=float(p50),
        p99=float(p99),
        fastest=float(min(milliseconds)),
        peak=peak,
    )


def _first_call(subject: Callable[[], object]) -> float | None:
    """Warm up, and see how much more memory the call needed at its peak (MB)."""
    reset = False
    with suppress(OSError):
        CLEAR.write_text("5")  # proc(5): resets VmHWM
        reset = True
    before = resident("VmRSS")
    subject()
    peak = resident("VmHWM")
    return peak - before if reset and peak is not None and before is not None else None


def resident(field: str) -> float | None:
    """VmRSS or VmHWM of this process, MB."""
    with suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    return None
