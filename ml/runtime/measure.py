"""python -m ml.runtime.measure: each installed network in each runtime on one core of this machine.

CPU time of the calling thread, best of many: it stays comparable on a busy machine, where wall time does not.
`python -m ml bench` measures the pipeline; this only answers which runtime `auto` should take.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from ml.nets import ARCHITECTURES
from ml.packs import Pack, default_root, from_environment, installed, load_pack
from ml.runtime.loader import load
from ml.runtime.torch import build

SECONDS = 1.0  # spent on each figure
BATCHES = (1, 8, 32)
# px, where the manifest leaves it free
SIZES = {"": (480, 640), "pnet": (144, 192), "rnet": (24, 24), "onet": (48, 48)}
RUNTIMES = ("torch", "channels_last", "jit", "onnx")


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch.jit is deprecated; it is measured to know what is missed
    print(f"{'network':<32}{'batch':>6}" + "".join(f"{name:>15}" for name in RUNTIMES) + "   ms per call")
    for manifest in installed(default_root()):
        if manifest.architecture in ARCHITECTURES:
            pack = load_pack(manifest.name, root=default_root(), allowed_licences=from_environment())
            for part in ARCHITECTURES[manifest.architecture].parts:
                _network(pack, part)


def _network(pack: Pack, part: str) -> None:
    spec = pack.manifest.input
    height, width = (spec.height, spec.width) if spec.height and spec.width else SIZES[part]
    for batch in BATCHES:
        x = np.random.default_rng(0).random((batch, 3, height, width), np.float32)
        figures = [1e3 * _best(run) for run in _runs(pack, part, x)]
        print(f"{pack.manifest.name + ' ' + part:<32}{batch:>6}" + "".join(f"{ms:15.2f}" for ms in figures), flush=True)


def _runs(pack: Pack, part: str, x: np.ndarray) -> list[Callable[[], object]]:
    """In the order of RUNTIMES."""
    plain = build(pack, part=part)
    last = build(pack, part=part).to(memory_format=torch.channels_last)
    tensor = torch.from_numpy(x)
    with torch.no_grad():
        frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(plain, tensor)))
    onnx = load(pack, part=part, runtime="onnx", threads=1)
    return [lambda: plain(tensor), lambda: last(tensor), lambda: frozen(tensor), lambda: onnx(x)]


@torch.inference_mode()
def _best(run: Callable[[], object]) -> float:
    """Seconds."""
    run()
    times: list[float] = []
    end = time.monotonic() + SECONDS
    while not times or time.monotonic() < end:
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
