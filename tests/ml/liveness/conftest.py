"""An observer on the default packs, and public-domain portraits to render."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml.liveness.active import draw
from ml.liveness.active.judge import judge
from ml.liveness.active.observe import Observer
from ml.liveness.active.trial import SAME_FACE, observer_from_packs, transcript_of
from ml.liveness.active.types import Transcript, Verdict
from ml.liveness.synthetic import casting
from ml.liveness.synthetic.film import Film
from ml.liveness.synthetic.portrait import Portrait
from ml.liveness.synthetic.species import Case
from tests.data import PHOTOS

Judged = Callable[[Callable[[Case], Film], int], tuple[Transcript, Verdict]]


@pytest.fixture(scope="session")
def cast(packs_root: Path) -> tuple[Observer, dict[str, Portrait]]:
    observer, detector = observer_from_packs(packs_root, threads=1)
    return observer, casting.cast([PHOTOS / f"{name}.jpg" for name in ("obama", "biden", "collins")], detector)


@pytest.fixture(scope="session")
def case(cast: tuple[Observer, dict[str, Portrait]]) -> Callable[[int], Case]:
    portraits = cast[1]

    def made(seed: int) -> Case:
        return Case(portraits["biden"], portraits["collins"], draw.draw(draw.seed(f"tests {seed}", b"tests")), seed)

    return made


@pytest.fixture(scope="session")
def judged(cast: tuple[Observer, dict[str, Portrait]], case: Callable[[int], Case]) -> Judged:
    """What the judge says of a species' film for the challenge of a seed."""

    def made(species: Callable[[Case], Film], seed: int = 1) -> tuple[Transcript, Verdict]:
        transcript = transcript_of(species(case(seed)), case(seed), cast[0])
        return transcript, judge(transcript, same_face=SAME_FACE)

    return made
