"""The recogniser and the pipeline on a CUDA GPU: precisions, memory layout, CUDA graphs, the device's own limit.

Aims: recogniser at batch 64 at least 0.25 of the measured matrix peak, pipeline at least 0.8 of its
slowest stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch

from ml.bench.networks import flops, shape
from ml.packs import Pack
from ml.runtime.torch import build

BATCH = 64
SIDE = 8192  # matrices of this side fill any current GPU
WARM, CALLS = 20, 100
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class GpuRun:
    pack: str
    precision: str
    layout: str  # "contiguous", "channels_last"
    graph: bool  # replayed as a CUDA graph
    milliseconds: float
    rate: float  # images/s
    share: float  # of the measured matrix peak at this precision
    memory: float  # MB, peak allocated


def run(pack: Pack, *, tell: Callable[[str], None]) -> list[GpuRun]:
    """Empty where there is no GPU: the report then says so."""
    if not torch.cuda.is_available():
        return []
    runs = []
    for precision, dtype in DTYPES.items():
        peak = matrix_peak(dtype)
        for layout in (torch.contiguous_format, torch.channels_last):
            for graph in (False, True):
                tell(
                    f"GPU: {precision}, {'channels_last' if layout is torch.channels_last else 'contiguous'}"
                    f"{', graph' if graph else ''}"
                )
                runs.append(_one(pack, precision, layout, graph=graph, peak=peak))
    return runs


def matrix_peak(dtype: torch.dtype) -> float:
    """FLOP/s of the best matrix product, TF32 off for float32 as in the networks."""
    a, b = (torch.randn(SIDE, SIDE, device="cuda", dtype=dtype) for _ in range(2))
    return 2 * SIDE**3 / (_milliseconds(lambda: a @ b) / 1000)


def _one(pack: Pack, precision: str, layout: torch.memory_format, *, graph: bool, peak: float) -> GpuRun:
    dtype = DTYPES[precision]
    module = build(pack).to("cuda", dtype).to(memory_format=layout)
    given = torch.rand(BATCH, *shape(pack, ""), device="cuda", dtype=dtype).contiguous(memory_format=layout)
    torch.cuda.reset_peak_memory_stats()
    with torch.inference_mode():
        call = _captured(module, given) if graph else (lambda: module(given))
        spent = _milliseconds(call)
    rate = 1000 * BATCH / spent
    return GpuRun(
        pack=pack.manifest.name,
        precision=precision,
        layout="channels_last" if layout is torch.channels_last else "contiguous",
        graph=graph,
        milliseconds=spent,
        rate=rate,
        share=rate * flops(pack, "") * 1e9 / peak,
        memory=torch.cuda.max_memory_allocated() / 1e6,
    )


def _captured(module: torch.nn.Module, given: torch.Tensor) -> Callable[[], object]:
    """The forward pass recorded once and replayed without the host's launches."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # capture needs warm kernels and a stream of its own
        for _ in range(3):
            module(given)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        module(given)
    return graph.replay


def _milliseconds(work: Callable[[], object]) -> float:
    """Median by the device's own clock."""
    for _ in range(WARM):
        work()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(CALLS + 1)]
    marks[0].record()
    for mark in marks[1:]:
        work()
        mark.record()
    torch.cuda.synchronize()
    spent = sorted(a.elapsed_time(b) for a, b in pairwise(marks))
    return float(spent[len(spent) // 2])
