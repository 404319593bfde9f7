"""What batching gains and costs, measured beside the bare engine in one run: for `python -m ml bench`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ml.batching import LARGEST, Batcher
from ml.engine import EVERYTHING, Engine
from ml.types import Want


@dataclass(frozen=True, slots=True)
class Rates:
    engine: float          # images/s, `analyse_many` by 32
    saturated: float       # images/s, `callers` threads through the batcher
    callers: int
    alone_direct: tuple[float, float]   # ms p50, p99: `analyse`, one at a time
    alone_batched: tuple[float, float]  # ms p50, p99: through the batcher, one at a time

    @property
    def share(self) -> float:
        """Aim: at least 0.9 of the engine's own rate at saturation."""
        return self.saturated / self.engine

    @property
    def slowdown(self) -> float:
        """Aim: p99 alone at most 1.5 times the unbatched one."""
        return self.alone_batched[1] / self.alone_direct[1]


def measure(engine: Engine, images: Sequence[bytes], *, callers: int = 2 * LARGEST, rounds: int = 3,
            wants: frozenset[Want] = EVERYTHING) -> Rates:
    """images: at least 32 files; each round handles all of them, and rounds of both sides alternate,
    so that a busy machine slows both alike. Rates are medians over the rounds."""
    batcher = Batcher(engine)
    try:
        engine.analyse_many(images[:LARGEST], wants)  # warm
        bare, shared, direct, batched = [], [], [], []
        for _ in range(rounds):
            bare.append(len(images) / _bare(engine, images, wants))
            shared.append(len(images) / _shared(batcher, images, callers, wants))
            for data in images:
                direct.append(_timed(lambda data=data: engine.analyse(data, wants)))
                batched.append(_timed(lambda data=data: batcher.analyse(data, wants)))
    finally:
        batcher.close()
    return Rates(float(np.median(bare)), float(np.median(shared)), callers, _percentiles(direct), _percentiles(batched))


def _bare(engine: Engine, images: Sequence[bytes], wants: frozenset[Want]) -> float:
    return _timed(lambda: [engine.analyse_many(images[at: at + LARGEST], wants)
                           for at in range(0, len(images), LARGEST)]) / 1000


def _shared(batcher: Batcher, images: Sequence[bytes], callers: int, wants: frozenset[Want]) -> float:
    with ThreadPoolExecutor(callers) as pool:
        return _timed(lambda: list(pool.map(lambda data: batcher.analyse(data, wants, seconds=600), images))) / 1000


def _timed(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return 1000 * (time.perf_counter() - began)


def _percentiles(milliseconds: Sequence[float]) -> tuple[float, float]:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return float(p50), float(p99)
