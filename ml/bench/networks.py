"""The networks alone: each runtime, at each batch, against the machine's limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ml.bench.material import VGA
from ml.bench.timing import Sample, measure
from ml.errors import EngineError
from ml.packs import Pack
from ml.runtime import load
from ml.runtime.loader import choose
from ml.runtime.torch import build

WINDOW = {"pnet": 240, "rnet": 24, "onet": 48}  # px; P-Net sees a pyramid, of which this is a middle level


@dataclass(frozen=True)
class NetworkRun:
    pack: str
    part: str
    runtime: str  # "torch", "onnx"
    chosen: bool  # what the engine would take
    work: float  # GFLOP per image (multiply and add counted apart)
    sample: Sample
    ceiling: float  # GFLOP/s of the machine's best matrix product

    @property
    def gflops(self) -> float:
        return self.work * self.sample.rate

    @property
    def share(self) -> float:
        """Of the machine's measured limit."""
        return self.gflops / self.ceiling


def run(
    packs: Sequence[Pack],
    *,
    batches: Sequence[int],
    seconds: float,
    ceiling: float,
    clock: str,
    tell: Callable[[str], None],
    **options: Any,
) -> list[NetworkRun]:
    runs = []
    for pack in packs:
        for part in parts(pack):
            work, chosen = flops(pack, part), choose(pack, part=part, device=options["device"], precision="fp32")
            loaded = dict(_loaded(pack, part, options))
            for batch in batches:
                tell(f"{pack.manifest.name} {part}, batch {batch}")
                for name, sample in _raced(loaded, shape(pack, part), batch, seconds, clock).items():
                    runs.append(NetworkRun(pack.manifest.name, part, name, name == chosen, work, sample, ceiling))
    return runs


def parts(pack: Pack) -> tuple[str, ...]:
    return tuple(WINDOW) if pack.manifest.output.decoder == "mtcnn" else ("",)


def shape(pack: Pack, part: str) -> tuple[int, int, int]:
    """(C, H, W) of one input."""
    spec = pack.manifest.input
    if part:
        return 3, WINDOW[part], WINDOW[part]
    return 3, spec.height or VGA[1], spec.width or VGA[0]


def flops(pack: Pack, part: str) -> float:
    """GFLOP per image, counted by torch over one pass; 0 for packs without a torch network."""
    try:
        module = build(pack, part=part)
    except EngineError:
        return 0.0
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        module(torch.zeros(1, *shape(pack, part)))
    return counter.get_total_flops() / 1e9


def _loaded(pack: Pack, part: str, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for runtime in ("torch", "onnx"):
        try:
            yield runtime, load(pack, part=part, runtime=runtime, **options)
        except EngineError:
            continue  # a pack may know one runtime only


def _raced(
    loaded: dict[str, Any], size: tuple[int, int, int], batch: int, seconds: float, clock: str
) -> dict[str, Sample]:
    given = np.random.default_rng(0).random((batch, *size), np.float32)
    return measure(
        {name: partial(network, given) for name, network in loaded.items()}, batch=batch, seconds=seconds, clock=clock
    )
