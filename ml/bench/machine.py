"""The machine's own limit: the fastest matrix product and memory copy that we can get out of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ml.bench.timing import CLOCKS

SIDES = (512, 1024, 2048)  # matrix sides tried; larger ones gained nothing on up to 64 cores and take long on two
Clock = Callable[[], float]
COPY = 256 << 20  # bytes: beyond any last-level cache


@dataclass(frozen=True)
class Machine:
    processor: str
    cores: int  # that this process may use
    threads: int  # that torch uses
    memory: float  # GB
    gemm: float  # GFLOP/s, float32, best of `SIDES`
    gemm_one: float  # GFLOP/s on one thread
    bandwidth: float  # GB/s, read + written by a copy
    others: float  # share of all cores that other processes used while we measured, 0..1
    versions: dict[str, str]


def describe(*, seconds: float, clock: str = "wall") -> Machine:
    before = _jiffies()
    now = CLOCKS[clock]
    one = _gemm(seconds, 1, now)
    # where others hold a core, two threads wait for each other and one is the better limit
    gemm = one if torch.get_num_threads() == 1 else max(one, _gemm(seconds, torch.get_num_threads(), now))
    bandwidth = _bandwidth(seconds / 2, now)
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        threads=torch.get_num_threads(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9,
        gemm=gemm,
        gemm_one=one,
        bandwidth=bandwidth,
        others=others(before),
        versions={name: version(name) for name in ("torch", "onnxruntime", "numpy", "pillow")}
        | {"python": platform.python_version()},
    )


def _gemm(seconds: float, threads: int, now: Clock) -> float:
    was = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return max(_gemm_of(side, seconds / len(SIDES), now) for side in SIDES)
    finally:
        torch.set_num_threads(was)


def _gemm_of(side: int, seconds: float, now: Clock) -> float:
    a, b = torch.randn(side, side), torch.randn(side, side)
    out = torch.empty(side, side)
    return 2 * side**3 / _best(lambda: torch.mm(a, b, out=out), seconds, now) / 1e9


def _bandwidth(seconds: float, now: Clock) -> float:
    source = np.ones(COPY // 8)
    target = torch.empty(len(source), dtype=torch.float64)
    tensor = torch.from_numpy(source)
    return 2 * COPY / _best(lambda: target.copy_(tensor), seconds, now) / 1e9


def _best(work: Callable[[], object], seconds: float, now: Clock) -> float:
    """Fastest call, s: the limit is what the machine can do, not what it did while others worked."""
    work()
    best, until = float("inf"), now() + seconds
    while now() < until:
        began = now()
        work()
        best = min(best, now() - began)
    return best


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _jiffies() -> tuple[int, int, int]:
    """(busy on the whole machine, all, ours), clock ticks since boot."""
    cpu = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    mine = sum(os.times()[:4]) * os.sysconf("SC_CLK_TCK")
    return sum(cpu) - cpu[3] - cpu[4], sum(cpu), int(mine)


def others(before: tuple[int, int, int]) -> float:
    """Share of the machine that other processes used since `before`."""
    busy, whole, mine = (now - then for now, then in zip(_jiffies(), before, strict=True))
    return max(0.0, busy - mine) / max(whole, 1)


def watch() -> tuple[int, int, int]:
    """A mark for `others`."""
    return _jiffies()
