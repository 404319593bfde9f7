"""What batching gains and costs, measured beside the bare engine in one run: for `python -m ml bench`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from ml.batching import LARGEST, Batcher
from ml.engine import EVERYTHING, Engine
from ml.types import Want


@dataclass(frozen=True, slots=True)
class Rates:
    engine: float  # images/s, `analyse_many` by 32
    saturated: float  # images/s, `callers` threads through the batcher
    callers: int
    alone_direct: tuple[float, float]  # ms p50, p99: `analyse`, one at a time
    alone_batched: tuple[float, float]  # ms p50, p99: through the batcher, one at a time
    engine_cpu: float = float("nan")  # ms of this process's processor time for an image, helpers not counted
    saturated_cpu: float = float("nan")  # ms, ditto

    @property
    def share(self) -> float:
        """Aim: at least 0.9 of the engine's own rate at saturation."""
        return self.saturated / self.engine

    @property
    def share_cpu(self) -> float:
        """The same by processor time, which neighbours on the machine disturb less; on a CPU only."""
        return self.engine_cpu / self.saturated_cpu

    @property
    def slowdown(self) -> float:
        """Aim: p99 alone at most 1.5 times the unbatched one."""
        return self.alone_batched[1] / self.alone_direct[1]


def measure(
    engine: Engine,
    images: Sequence[bytes],
    *,
    callers: int = 2 * LARGEST,
    rounds: int = 3,
    wants: frozenset[Want] = EVERYTHING,
) -> Rates:
    """images: at least 32 files; each round handles all of them, and rounds of both sides alternate,
    so that a busy machine slows both alike. Rates are of the middle round, processor time of the best."""
    batcher = Batcher(engine)
    bare: list[Spent] = []
    shared: list[Spent] = []
    direct: list[Spent] = []
    batched: list[Spent] = []
    try:
        engine.analyse_many(images[:LARGEST], wants)  # warm
        for _ in range(rounds):
            bare.append(_spent(lambda: _in_batches(engine, images, wants)))
            shared.append(_spent(lambda: _at_once(batcher, images, callers, wants)))
            for data in images:
                direct.append(_spent(partial(engine.analyse, data, wants)))
                batched.append(_spent(partial(batcher.analyse, data, wants)))
    finally:
        batcher.close()
    count = len(images)
    return Rates(
        1000 * count / _middle(bare).wall,
        1000 * count / _middle(shared).wall,
        callers,
        _percentiles(direct),
        _percentiles(batched),
        min(one.cpu for one in bare) / count,
        min(one.cpu for one in shared) / count,
    )


@dataclass(frozen=True, slots=True)
class Spent:
    wall: float  # ms
    cpu: float  # ms, of this process


def _spent(work: Callable[[], object]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Spent(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


def _in_batches(engine: Engine, images: Sequence[bytes], wants: frozenset[Want]) -> None:
    for at in range(0, len(images), LARGEST):
        engine.analyse_many(images[at : at + LARGEST], wants)


def _at_once(batcher: Batcher, images: Sequence[bytes], callers: int, wants: frozenset[Want]) -> None:
    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(lambda data: batcher.analyse(data, wants, seconds=600), images))


def _middle(spent: Sequence[Spent]) -> Spent:
    return sorted(spent, key=lambda one: one.wall)[len(spent) // 2]


def _percentiles(spent: Sequence[Spent]) -> tuple[float, float]:
    p50, p99 = np.percentile([one.wall for one in spent], [50, 99])
    return float(p50), float(p99)
