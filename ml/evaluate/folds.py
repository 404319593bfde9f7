"""Verification accuracy by folds: LFW View 2 (Huang et al. 2007, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FoldAccuracy:
    mean: float  # 0..1
    deviation: float  # standard deviation over folds (n - 1)
    standard_error: float  # deviation / sqrt(folds): what LFW's own tables print
    folds: tuple[float, ...]
    thresholds: tuple[float, ...]


def accuracy(scores: NDArray[np.float32], same: NDArray[np.bool_], fold: NDArray[np.int64]) -> FoldAccuracy:
    """Each fold is judged at the threshold that serves the other folds best."""
    numbers = np.unique(fold)
    thresholds = [best_threshold(scores[fold != n], same[fold != n]) for n in numbers]
    right = [
        float(((scores[fold == n] >= t) == same[fold == n]).mean()) for n, t in zip(numbers, thresholds, strict=True)
    ]
    deviation = float(np.std(right, ddof=1)) if len(right) > 1 else 0.0
    return FoldAccuracy(
        mean=float(np.mean(right)),
        deviation=deviation,
        standard_error=deviation / np.sqrt(len(right)),
        folds=tuple(right),
        thresholds=tuple(thresholds),
    )


def best_threshold(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> float:
    """The threshold with most right answers, halfway between its neighbouring scores."""
    order = np.argsort(scores)
    ranked, genuine = scores[order], same[order]
    # cut k: the k lowest are called different; right = impostors below the cut + genuine above it
    right = np.concatenate([[0], np.cumsum(~genuine)]) + (genuine.sum() - np.concatenate([[0], np.cumsum(genuine)]))
    cut = int(np.argmax(right))
    if cut == 0:
        return float(ranked[0])
    if cut == len(ranked):
        return float(np.nextafter(ranked[-1], np.float32(2)))
    return float((ranked[cut - 1] + ranked[cut]) / 2)
