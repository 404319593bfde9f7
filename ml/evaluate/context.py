"""What a report must name so that it can be made again: weights, data, seed, command, versions."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from ml.evaluate.gallery import Gallery
from ml.types import ModelRef

REPOSITORY = Path(__file__).resolve().parents[2]
CARDS = REPOSITORY / "docs" / "models"


def state_directory() -> Path:
    """$VOUCH_HOME, else var/ of the checkout."""
    return Path(os.environ.get("VOUCH_HOME") or REPOSITORY / "var")


def output_directory(kind: str, subject: str, *, now: datetime) -> Path:
    path = state_directory() / "evaluations" / f"{kind}-{subject}-{now:%Y%m%d-%H%M%S}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def about(
    *,
    verb: Sequence[str],
    models: Iterable[ModelRef],
    gallery: Gallery | None,
    way: str,
    seed: int | None,
    now: datetime,
) -> tuple[tuple[str, str], ...]:
    rows = [("made", f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC")]
    for model in models:
        rows += [(model.role, f"{model.name} version {model.version}"), ("weights SHA-256", model.sha256)]
    if gallery is not None:
        rows += [
            ("data", f"{gallery.source.name}: {len(gallery):,} photographs of {len(gallery.people):,} people"),
            ("data SHA-256", gallery.fingerprint()),
        ]
    rows.append(("way in", way))
    if seed is not None:
        rows.append(("seed", str(seed)))
    rows += [
        ("command", "python -m ml " + " ".join(map(_without_directories, verb))),
        (
            "with",
            f"Python {platform.python_version()}, torch {version('torch')}, numpy {version('numpy')}, "
            f"onnxruntime {version('onnxruntime')}, {platform.machine()}",
        ),
    ]
    return tuple(rows)


def _without_directories(word: str) -> str:
    """A report travels; where someone keeps the data does not matter to the next reader."""
    return shlex.quote(Path(word).name if os.sep in word else word)
