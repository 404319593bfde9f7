"""Photographs to templates, with every failure to enrol counted and named.

Two ways in. `frames`: the engine's whole path, as in production (decode, detect, align, embed).
`chips`: photographs that are already aligned 112 x 112 (the usual face sets); the recogniser's own
crop is cut from the chip by the same alignment code, with the chip's template as the landmarks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.align import align
from ml.embed import Recogniser
from ml.errors import EngineError
from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import Gallery
from ml.packs import TEMPLATES
from ml.quality import assess
from ml.types import Analysis, Box, Face, Image, Measure, ModelRef, Pixels, Points, Want

BATCH = 32  # photographs at a time: where throughput has levelled off, see docs/performance.md
CHIP = 112  # px, side of an aligned photograph
CHIP_FACE_BOX = Box(16, 20, 80, 90)  # px: brow to chin and cheek to cheek of the template's mean face
CHIP_POINTS: Points = np.array(TEMPLATES["arcface-112"], np.float32)
CHIP_FACE = Face(CHIP_FACE_BOX, CHIP_POINTS, 1.0)

Progress = Callable[[int, int], None]  # (photographs done, all)


@dataclass(frozen=True)
class Template:
    """What one photograph gave."""

    embedding: NDArray[np.float32]  # (D,), unit length
    quality: tuple[Measure, ...] = ()


class Embedder(Protocol):
    """Anything that turns encoded photographs into templates or the reason why not."""

    @property
    def way(self) -> str:
        """How the photographs went in, for the report."""
        ...

    @property
    def models(self) -> tuple[ModelRef, ...]: ...

    def __call__(self, batch: Sequence[bytes]) -> list[Template | str]: ...


class Analyser(Protocol):
    """The engine's door, see ml.engine."""

    models: tuple[ModelRef, ...]

    def analyse_many(self, batch: Sequence[bytes], wants: frozenset[Want]) -> list[Analysis | EngineError]: ...


@dataclass(frozen=True)
class FromFrames:
    engine: Analyser
    wants: frozenset[Want] = frozenset(("detect", "embed"))
    way: str = "frames"

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return self.engine.models

    def __call__(self, batch: Sequence[bytes]) -> list[Template | str]:
        return [_template(one) for one in self.engine.analyse_many(batch, self.wants)]


@dataclass(frozen=True)
class FromChips:
    recogniser: Recogniser
    decode: Callable[[bytes], Image]
    judge: bool = False  # also measure quality, with the template's points as the landmarks
    way: str = "chips"

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return (self.recogniser.ref,)

    def __call__(self, batch: Sequence[bytes]) -> list[Template | str]:
        chips: dict[int, Image] = {}
        out: list[Template | str] = ["not_aligned"] * len(batch)
        for i, data in enumerate(batch):
            try:
                image = self.decode(data)
            except EngineError as error:
                out[i] = error.code
                continue
            if image.pixels.shape[:2] == (CHIP, CHIP):
                chips[i] = image
        if chips:
            embeddings = self.embed([image.pixels for image in chips.values()])
            for (i, image), embedding in zip(chips.items(), embeddings, strict=True):
                out[i] = Template(embedding, assess(image, (CHIP_FACE,), image.pixels) if self.judge else ())
        return out

    def embed(self, chips: Sequence[Pixels]) -> NDArray[np.float32]:
        """(N, D) of decoded chips."""
        return self.recogniser.embed([self._crop(chip) for chip in chips])

    def _crop(self, chip: Pixels) -> Pixels:
        if np.array_equal(self.recogniser.template, CHIP_POINTS) and self.recogniser.size == CHIP:
            return chip
        return align(chip, CHIP_POINTS, self.recogniser.template, self.recogniser.size)


@dataclass(frozen=True)
class ThroughChips:
    """Whole photographs by way of the engine's 112 x 112 crop: what `FromChips` would have seen of them."""

    engine: Analyser
    chips: FromChips
    way: str = "frames, cut to chips first"

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return self.engine.models

    def __call__(self, batch: Sequence[bytes]) -> list[Template | str]:
        return [self._one(outcome) for outcome in self.engine.analyse_many(batch, frozenset(("detect",)))]

    def _one(self, outcome: Analysis | EngineError) -> Template | str:
        if isinstance(outcome, EngineError):
            return outcome.code
        return "no_face" if outcome.crop is None else Template(self.chips.embed([outcome.crop])[0])


@dataclass(frozen=True)
class Enrolment:
    """Templates of a gallery, and who is missing. `gallery` holds only those enrolled, in step."""

    gallery: Gallery
    embeddings: NDArray[np.float32]  # (N, D)
    quality: tuple[tuple[Measure, ...], ...]
    offered: int  # photographs tried
    failures: dict[str, int] = field(default_factory=dict)  # reason -> photographs
    failed: tuple[str, ...] = ()  # their names

    @property
    def failure_to_enrol(self) -> float:
        """FTE of ISO/IEC 19795-1: photographs that gave no template, 0..1."""
        return len(self.failed) / self.offered


def enrol(gallery: Gallery, embedder: Embedder, *, progress: Progress | None = None, batch: int = BATCH) -> Enrolment:
    """Raises EvaluationError when not one photograph gives a template."""
    kept: list[int] = []
    templates: list[Template] = []
    reasons: dict[str, str] = {}
    for start in range(0, len(gallery), batch):
        places = list(range(start, min(start + batch, len(gallery))))
        for place, outcome in zip(places, embedder(list(gallery.read_many(places))), strict=True):
            if isinstance(outcome, Template):
                kept.append(place)
                templates.append(outcome)
            else:
                reasons[gallery.names[place]] = outcome
        if progress:
            progress(places[-1] + 1, len(gallery))
    if not templates:
        raise EvaluationError(f"none of {len(gallery)} photographs gave a template: {Counter(reasons.values())}")
    return Enrolment(
        gallery=gallery.only(kept),
        embeddings=np.stack([t.embedding for t in templates]),
        quality=tuple(t.quality for t in templates),
        offered=len(gallery),
        failures=dict(Counter(reasons.values())),
        failed=tuple(sorted(reasons)),
    )


def _template(outcome: Analysis | EngineError) -> Template | str:
    if isinstance(outcome, EngineError):
        return outcome.code
    if outcome.embedding is None:
        return "no_face"
    return Template(outcome.embedding, outcome.quality)
