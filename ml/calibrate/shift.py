"""Do aligned chips and whole photographs give the same scores?

A calibration is usually measured on aligned chips, because such sets are large; production sees whole
photographs. Here the same photographs go both ways, and the same comparisons are scored on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import person_of
from ml.evaluate.templates import Enrolment


@dataclass(frozen=True)
class Shift:
    photographs: int  # present both ways
    people: int
    same_photograph: float  # median cosine between a photograph's two templates
    impostor_mean: float  # frames minus chips, in cosine
    impostor_deviation: float  # standard deviation of the impostor scores on frames minus on chips
    impostor_high: float  # 99th percentile, frames minus chips: what moves the FMR
    genuine_mean: float  # frames minus chips
    interval: tuple[float, float]  # 95 % of impostor_high, bootstrap over people


def measure_shift(chips: Enrolment, frames: Enrolment, *, seed: int, replicates: int = 500) -> Shift:
    """Raises EvaluationError when fewer than ten photographs are in both."""
    a, b, label = _common(chips, frames)
    if len(label) < 10:
        raise EvaluationError(f"only {len(label)} photographs are in both sets; ten at least say something")
    ours, theirs = a @ a.T, b @ b.T
    upper = np.triu_indices(len(label), 1)
    same = label[upper[0]] == label[upper[1]]
    impostor = np.stack([ours[upper][~same], theirs[upper][~same]])  # (2, pairs): chips, frames
    genuine = np.stack([ours[upper][same], theirs[upper][same]])
    sides = label[np.stack(upper)][:, ~same]
    return Shift(
        photographs=len(label),
        people=len(np.unique(label)),
        same_photograph=float(np.median(np.einsum("nd,nd->n", a, b))),
        impostor_mean=_difference(impostor.mean(1)),
        impostor_deviation=_difference(impostor.std(1)),
        impostor_high=_difference(np.quantile(impostor, 0.99, axis=1)),
        genuine_mean=_difference(genuine.mean(1)),
        interval=_interval(impostor, sides, seed=seed, replicates=replicates),
    )


def _common(
    chips: Enrolment,
    frames: Enrolment,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    first = {_key(name): i for i, name in enumerate(chips.gallery.names)}
    second = {_key(name): i for i, name in enumerate(frames.gallery.names)}
    both = sorted(first.keys() & second.keys())
    people = {person: i for i, person in enumerate(sorted({key[0] for key in both}))}
    return (
        chips.embeddings[[first[k] for k in both]],
        frames.embeddings[[second[k] for k in both]],
        np.array([people[key[0]] for key in both]),
    )


def _key(name: str) -> tuple[str, str]:
    return person_of(name), PurePosixPath(name).stem


def _difference(pair: NDArray[np.floating]) -> float:
    return float(pair[1] - pair[0])


def _interval(
    impostor: NDArray[np.float32], sides: NDArray[np.int64], *, seed: int, replicates: int
) -> tuple[float, float]:
    rng, people = np.random.default_rng(seed), int(sides.max()) + 1
    found = []
    for _ in range(replicates):
        weight = np.bincount(rng.integers(0, people, people), minlength=people)
        drawn = np.repeat(np.arange(impostor.shape[1]), weight[sides[0]] * weight[sides[1]])
        if len(drawn):
            found.append(_difference(np.quantile(impostor[:, drawn], 0.99, axis=1)))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
