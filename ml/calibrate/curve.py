"""The score-to-FMR curve of a recogniser, as measured on a set of people.

Decisions use `fmr_upper`, the one-sided 95 % limit: a bank that asks for 1 in 10,000 gets the score
at which the data makes 1 in 10,000 sure, not the one at which it was so on this set.
"""

from __future__ import annotations

import bisect
import itertools
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluate.comparisons import Comparisons
from ml.evaluate.errors import EvaluationError
from ml.evaluate.intervals import CONFIDENCE, fmr_upper, support
from ml.evaluate.rates import fmr, fnmr, threshold_at

PER_DECADE = 10  # points; log-linear between them is then within 1 % of the measured curve


@dataclass(frozen=True)
class Point:
    score: float  # cosine, -1..1
    fmr: float  # measured: share of impostor comparisons with at least this score
    fmr_upper: float  # one-sided upper limit at `confidence`
    fnmr: float  # measured: share of genuine comparisons below this score


@dataclass(frozen=True)
class Calibration:
    """Points ascend in score; `fmr_upper` never rises with the score."""

    dataset: str
    impostor_comparisons: int
    genuine_comparisons: int
    identities: int
    effective_comparisons: int  # independent impostor comparisons' worth, at the highest scores
    floor: float  # smallest FMR the data supports (upper limit)
    points: tuple[Point, ...]
    weights_sha256: str  # a calibration speaks of one set of weights
    confidence: float = CONFIDENCE
    about: dict[str, str] = field(default_factory=dict)

    def fmr_upper_at(self, score: float) -> float:
        """Upper limit of the FMR at a score; log-linear between points, 1 below them, `floor` above."""
        scores = [p.score for p in self.points]
        if math.isnan(score) or score < scores[0]:
            return 1.0
        right = bisect.bisect_right(scores, score)
        if right == len(scores):
            return self.points[-1].fmr_upper
        a, b = self.points[right - 1], self.points[right]
        part = (score - a.score) / (b.score - a.score)
        return float(10 ** ((1 - part) * math.log10(a.fmr_upper) + part * math.log10(b.fmr_upper)))

    def score_for(self, target: float) -> float:
        """The smallest score whose upper limit is at most `target`. Raises EvaluationError below `floor`."""
        if not 0 < target <= 1:
            raise EvaluationError(f"an FMR lies between 0 and 1, not at {target}")
        if target < self.floor:
            raise EvaluationError(self.refusal(target))
        low, high = self.points[0].score, self.points[-1].score
        for _ in range(60):  # halving 2.0 sixty times is below float64's resolution
            middle = (low + high) / 2
            low, high = (low, middle) if self.fmr_upper_at(middle) <= target else (middle, high)
        return high

    def refusal(self, target: float) -> str:
        needed = math.ceil(self.impostor_comparisons * self.floor / target)
        return (
            f"FMR {target:.1e} is below what this data supports ({self.floor:.1e}, from "
            f"{self.impostor_comparisons:,} impostor comparisons of {self.identities:,} people): about "
            f"{needed:,} comparisons of such people are needed"
        )

    def as_json(self) -> dict[str, Any]:
        body = asdict(self)
        points = body.pop("points")
        return {"kind": "score_to_fmr", "score": "cosine", **body, "points": points}

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n")


def measure(
    comparisons: Comparisons, *, dataset: str, weights_sha256: str, about: dict[str, str] | None = None
) -> Calibration:
    """Raises EvaluationError where there are too few people for any statement."""
    if comparisons.impostor_total < 1 or not len(comparisons.genuine):
        raise EvaluationError(
            "a calibration needs genuine and impostor comparisons: at least two people, "
            "one of them with two photographs"
        )
    supported = support(comparisons)
    points = _falling([_point(comparisons, score) for score in _scores(comparisons, supported.floor)])
    return Calibration(
        dataset=dataset,
        impostor_comparisons=comparisons.impostor_total,
        genuine_comparisons=len(comparisons.genuine),
        identities=comparisons.identities,
        effective_comparisons=int(supported.effective),
        floor=points[-1].fmr_upper,
        points=tuple(points),
        weights_sha256=weights_sha256,
        about=about or {},
    )


def load(path: Path) -> Calibration:
    return from_json(json.loads(path.read_text()))


def from_json(body: dict[str, Any]) -> Calibration:
    """Raises EvaluationError for a file of another kind or one whose curve is out of order."""
    if body.get("kind") != "score_to_fmr":
        raise EvaluationError("not a score_to_fmr calibration")
    known = {k: v for k, v in body.items() if k in Calibration.__dataclass_fields__ and k != "points"}
    points = tuple(Point(p["score"], p["fmr"], p["fmr_upper"], p["fnmr"]) for p in body["points"])
    rising = all(a.score < b.score and a.fmr_upper >= b.fmr_upper for a, b in itertools.pairwise(points))
    if not points or not rising:
        raise EvaluationError("the points must ascend in score and never rise in FMR")
    return Calibration(points=points, **known)


def _scores(comparisons: Comparisons, floor: float) -> list[float]:
    decades = max(-math.log10(floor), 1.0)
    targets = np.logspace(0, -decades, int(decades * PER_DECADE) + 1)
    scores = {float(threshold_at(comparisons, float(t))) for t in targets}
    above_all = float(np.nextafter(comparisons.tail[0], np.float32(2)))
    return sorted(scores | {above_all})


def _point(comparisons: Comparisons, score: float) -> Point:
    return Point(
        score=round(score, 7),
        fmr=fmr(comparisons, score),
        fmr_upper=fmr_upper(comparisons, score),
        fnmr=fnmr(comparisons, score),
    )


def _falling(points: list[Point]) -> list[Point]:
    """A higher score cannot mean a higher FMR: each limit is at least those to its right."""
    worst, out = 0.0, []
    for point in reversed(points):
        worst = max(worst, point.fmr_upper)
        out.append(Point(point.score, point.fmr, worst, point.fnmr))
    return out[::-1]
