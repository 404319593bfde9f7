"""Error rates at a threshold, ISO/IEC 19795-1: a comparison matches when score >= threshold.

FMR: impostor comparisons that match. FNMR: genuine comparisons that do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.comparisons import BINS, Comparisons


@dataclass(frozen=True)
class Curve:
    """FMR and FNMR over thresholds, ascending in threshold."""

    threshold: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]


def false_matches(comparisons: Comparisons, threshold: float) -> int:
    """Impostor comparisons at or above the threshold; exact inside the tail, else to one bin."""
    if threshold >= comparisons.tail_edge:
        return int(np.searchsorted(-comparisons.tail, -np.float32(threshold), side="right"))
    first = int(np.clip((threshold + 1) * BINS / 2, 0, BINS - 1))  # the whole bin counts: never too few
    return int(comparisons.histogram[first:].sum())


def fmr(comparisons: Comparisons, threshold: float) -> float:
    return false_matches(comparisons, threshold) / comparisons.impostor_total


def fnmr(comparisons: Comparisons, threshold: float) -> float:
    below = np.searchsorted(comparisons.genuine, np.float32(threshold), side="left")
    return float(below) / len(comparisons.genuine)


def threshold_at(comparisons: Comparisons, target: float) -> float:
    """The smallest threshold whose FMR does not exceed `target`."""
    allowed = int(np.floor(target * comparisons.impostor_total + 1e-9))  # 1e-9: 0.01 * 100 is 1, not 0
    if allowed < len(comparisons.tail):
        return float(np.nextafter(comparisons.tail[allowed], np.float32(2)))
    above = np.cumsum(comparisons.histogram[::-1])[::-1]  # matches with the threshold at a bin's lower edge
    first = int(np.argmax(above <= allowed))
    return first * 2 / BINS - 1


def curve(comparisons: Comparisons) -> Curve:
    """The whole trade-off at the edges of the histogram's bins."""
    threshold = np.arange(BINS) * 2 / BINS - 1
    above = np.cumsum(comparisons.histogram[::-1])[::-1]
    misses = np.searchsorted(comparisons.genuine, threshold.astype(np.float32), side="left")
    return Curve(threshold=threshold, fmr=above / comparisons.impostor_total, fnmr=misses / len(comparisons.genuine))


def equal_error_rate(comparisons: Comparisons) -> tuple[float, float]:
    """(rate, threshold) where FMR and FNMR cross; the mean of the two where they do not meet exactly."""
    line = curve(comparisons)
    at = int(np.argmax(line.fnmr >= line.fmr))
    around = [i for i in (at - 1, at) if i >= 0]
    best = min(around, key=lambda i: abs(line.fnmr[i] - line.fmr[i]))
    return float((line.fmr[best] + line.fnmr[best]) / 2), float(line.threshold[best])
