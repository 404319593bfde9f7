"""Everything one run measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml.batching_rates import Rates
from ml.bench.gpu import GpuRun
from ml.bench.machine import Machine
from ml.bench.networks import NetworkRun
from ml.bench.peers import Peer
from ml.bench.timing import Sample


@dataclass(frozen=True)
class Findings:
    machine: Machine
    clock: str  # "wall" or "cpu", see ml.bench.timing
    device: str  # "cpu", "cuda", ...
    others: float  # share of the machine that other processes used meanwhile, 0..1
    recogniser: str  # the pack in use
    stages: Sequence[Sample]
    detection: Mapping[str, Sample]  # a single-shot detector taken apart; empty for others
    cage: Mapping[str, Sample]
    networks: Sequence[NetworkRun]
    peers: Mapping[str, Peer]  # empty: not asked for
    batching: Rates | None  # None: not by this clock
    gpu: Sequence[GpuRun]  # empty: no GPU here
