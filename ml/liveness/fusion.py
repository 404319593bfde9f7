"""Several PAD models, one number: a calibrated rule where there is one, their mean where there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.errors import PackError
from ml.types import PadScore

FILE = "pad-fusion.json"  # beside the packs: it belongs to a set of models, not to one
CERTAIN = 1e-4  # scores are kept this far from 0 and 1, so that one model cannot outvote all others
RIDGE = 1.0  # one pseudo-observation's worth of pull towards weight 0: small sets separate perfectly


@dataclass(frozen=True, slots=True)
class Fusion:
    """P(bona fide) = sigmoid(bias + sum of weight * logit(live)), one weight for each model by its SHA-256."""

    weights: Mapping[str, float]
    bias: float
    bona_fide: int  # pictures it was fitted on
    attacks: int

    def __call__(self, scores: Sequence[PadScore]) -> float:
        evidence = sum(self.weights[score.model.sha256] * logit(score.live) for score in scores)
        return 1 / (1 + exp(-(self.bias + evidence)))

    def fits(self, scores: Sequence[PadScore]) -> bool:
        """Whether it was fitted for exactly these models: another set is another rule."""
        return {score.model.sha256 for score in scores} == set(self.weights)


def fuse(scores: Sequence[PadScore], rule: Fusion | None = None) -> float | None:
    """0..1, higher is more likely bona fide; None without scores. Mean of the scores without a fitting rule,
    which is what Silent-Face-Anti-Spoofing publishes for its pair."""
    if not scores:
        return None
    if rule is not None and rule.fits(scores):
        return rule(scores)
    return sum(score.live for score in scores) / len(scores)


def fit(scores: Sequence[Sequence[PadScore]], bona_fide: Sequence[bool]) -> Fusion:
    """Ridge logistic regression by Newton's method. scores: one row for each picture, the same models in each.

    Needs pictures of both kinds (ValueError). The rule is as good as its pictures: attacks it never saw
    are not in it.
    """
    labels = np.array(bona_fide, np.float64)
    if not scores or labels.min() == labels.max():
        raise ValueError("fusion needs bona fide pictures and attacks")
    rows = np.array([[1.0, *(logit(one.live) for one in row)] for row in scores])  # (N, 1 + models)
    solution = _newton(rows, labels)
    return Fusion(
        {one.model.sha256: float(weight) for one, weight in zip(scores[0], solution[1:], strict=True)},
        float(solution[0]),
        int(labels.sum()),
        int((1 - labels).sum()),
    )


def _newton(rows: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    solution = np.zeros(rows.shape[1])
    pull = RIDGE * np.diag([0.0, *np.ones(rows.shape[1] - 1)])  # the bias is free
    for _ in range(50):  # converges in under ten; the limit is for numbers that are not numbers
        guess = 1 / (1 + np.exp(-np.clip(rows @ solution, -30, 30)))
        slope = rows.T @ (labels - guess) - pull @ solution
        curve = (rows * (guess * (1 - guess))[:, None]).T @ rows + pull + 1e-9 * np.eye(len(solution))
        step = np.linalg.solve(curve, slope)
        solution = solution + step
        if np.abs(step).max() < 1e-8:
            break
    return solution


def logit(live: float) -> float:
    kept = min(max(live, CERTAIN), 1 - CERTAIN)
    return log(kept / (1 - kept))


def read(root: Path) -> Fusion | None:
    """The rule beside the packs under `root`, or None. PackError(pack_invalid) when it cannot be read."""
    path = root / FILE
    if not path.exists():
        return None
    try:
        return Fusion(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise PackError("pack_invalid", f"{path}: {error}") from error


def write(rule: Fusion, *, root: Path) -> Path:
    path = root / FILE
    path.write_text(json.dumps(asdict(rule), indent=2) + "\n")
    return path
