"""Presentations through the engine: PAD scores, refusals, and the match where a reference is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ml.errors import EngineError
from ml.evaluate.attacks import Presentation
from ml.evaluate.presentations import Shown
from ml.types import Analysis, Embedding, PadScore, Want

WANTS: frozenset[Want] = frozenset(("detect", "quality", "liveness", "embed"))


class Analyses(Protocol):
    def analyse_many(self, batch: Sequence[bytes], wants: frozenset[Want]) -> list[Analysis | EngineError]: ...


@dataclass(frozen=True)
class Judged:
    """One presentation and why it was refused, if it was."""

    presentation: Presentation
    scores: tuple[PadScore, ...]
    refused: str | None


def judge(
    shown: Sequence[Shown],
    engine: Analyses,
    *,
    match_threshold: float | None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """`match_threshold`: cosine from which the presentation matches its reference; None: no IAPAR."""
    judged = []
    for one in shown:
        judged.append(_judged(one, _analysis(engine, one.path), engine, match_threshold))
        if progress:
            progress(len(judged), len(shown))
    return judged


def _judged(shown: Shown, found: Analysis | EngineError, engine: Analyses, match_threshold: float | None) -> Judged:
    if isinstance(found, EngineError):
        return Judged(Presentation(shown.species, shown.subject, None), (), found.code)
    refused = "no_face" if found.face is None else found.pad_refused
    matched = None
    if shown.reference is not None and match_threshold is not None:
        matched = _matches(found.embedding, _analysis(engine, shown.reference), match_threshold)
    presentation = Presentation(shown.species, shown.subject, None if refused else found.live, matched)
    return Judged(presentation, found.pad, refused)


def _analysis(engine: Analyses, path: Path) -> Analysis | EngineError:
    return engine.analyse_many([path.read_bytes()], WANTS)[0]


def _matches(probe: Embedding | None, reference: Analysis | EngineError, threshold: float) -> bool:
    if probe is None or isinstance(reference, EngineError) or reference.embedding is None:
        return False
    return float(np.dot(probe, reference.embedding)) >= threshold
