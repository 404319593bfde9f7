"""CUDA graphs: a network's kernels recorded once per input shape and replayed in one launch."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TypeAlias

import torch

Tensors: TypeAlias = "torch.Tensor | tuple[torch.Tensor, ...]"

SHAPES = 16  # recorded at most; each keeps its own buffers on the device, further shapes run as usual
WARM_UP = 3  # runs before recording, so that cuDNN has chosen its kernels (torch's documentation advises 3 or more)


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    entry: torch.Tensor
    outputs: Tensors


class Replayed:
    """Wraps a module in evaluation mode on a CUDA device. Safe to share between threads: calls take turns."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._recordings: dict[tuple[int, ...], _Recording] = {}
        self._turn = threading.Lock()  # the buffers of a recording hold one call's values at a time

    def __call__(self, batch: torch.Tensor) -> Tensors:
        with self._turn, torch.cuda.device(batch.device):
            recording = self._recordings.get(tuple(batch.shape))
            if recording is None:
                if len(self._recordings) >= SHAPES:
                    return self._module(batch)
                recording = self._recordings[tuple(batch.shape)] = self._record(batch)
            recording.entry.copy_(batch)
            recording.graph.replay()
            if isinstance(recording.outputs, tuple):
                return tuple(one.clone() for one in recording.outputs)
            return recording.outputs.clone()

    def _record(self, batch: torch.Tensor) -> _Recording:
        entry = batch.clone()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._module(entry)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._module(entry)
        return _Recording(graph, entry, outputs)
