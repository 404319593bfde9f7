"""Others who do the same job, installed beside Vouch in a throw-away environment and never imported by it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.bench.material import Material
from ml.errors import EngineError

PACKAGES = ("dlib-bin", "opencv-python-headless", "simplejpeg", "openvino", "numpy")
ABSENT = {
    "facenet-pytorch (MTCNN)": "it imports torchvision, whose wheels bring a torch build of their own; MTCNN is "
    "compared with itself under ONNX Runtime instead"
}
CHILD = Path(__file__).with_name("peer_child.py")
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Peer:
    """What one peer took; `error` says why it was not measured."""

    name: str
    p50: float | None = None  # ms per call
    fastest: float | None = None  # ms
    batch: int = 1
    error: str | None = None
    version: str = ""


def environment(home: Path, tell: Callable[[str], None]) -> Path:
    """The interpreter of the peers' own environment under `home`, made once. Raises EngineError."""
    python = home / "venv" / "bin" / "python"
    if (home / "ready").exists():
        return python
    tell("installing peers into their own environment (once)")
    home.mkdir(parents=True, exist_ok=True)
    _do([sys.executable, "-m", "venv", "--clear", str(home / "venv")])
    _do([str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *PACKAGES])
    (home / "ready").write_text("\n".join(PACKAGES))
    return python


def run(
    python: Path,
    material: Material,
    *,
    seconds: float,
    clock: str,
    files: dict[str, Path],
    onnx: Mapping[str, tuple[Path, Sequence[int]]],
) -> dict[str, Peer]:
    """`files`: weights that peers read (dlib's ResNet, YuNet's ONNX); `onnx`: graphs for OpenVINO with input shapes."""
    with tempfile.TemporaryDirectory(prefix="vouch-peers-") as folder:
        job = {
            "seconds": seconds,
            "clock": clock,
            "vga": _written(Path(folder), "vga", material.vga),
            "phone": _written(Path(folder), "phone", material.phone[:1]),
            "files": {name: str(path) for name, path in files.items()},
            "onnx": {name: [str(path), list(shape)] for name, (path, shape) in onnx.items()},
        }
        done = subprocess.run(
            [str(python), str(CHILD)],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    if done.returncode:
        raise EngineError("bench_peers", f"the peers' process failed: {done.stderr.strip()[-400:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {name: Peer(name=name, **one) for name, one in found.items()}


def _written(folder: Path, name: str, images: Sequence[bytes]) -> list[str]:
    paths = [folder / f"{name}-{i}.jpg" for i in range(len(images))]
    for path, data in zip(paths, images, strict=True):
        path.write_bytes(data)
    return [str(path) for path in paths]


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        raise EngineError(
            "bench_peers", f"{' '.join(command[:4])} failed: {done.stderr.strip()[-400:]}", retryable=True
        )
