"""Error-versus-discard curves: what refusing poor images buys (Grother and Tabassi 2007;
ISO/IEC 29794-1). A comparison is discarded when either image's quality is among the poorest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.comparisons import Comparisons

STEPS = np.linspace(0, 0.5, 51)  # beyond half, a measure would refuse most applicants
FIRST_FIFTH = 0.2  # partial area: refusing more than one in five is no onboarding


@dataclass(frozen=True)
class DiscardCurve:
    measure: str
    discarded: NDArray[np.float64]  # share of genuine comparisons left out
    fnmr: NDArray[np.float64]  # of the remaining, at the fixed threshold
    gain: float  # share of the perfect measure's gain over the first fifth; 0 = random
    measured: int  # templates with a value


def discard_curve(
    comparisons: Comparisons, goodness: NDArray[np.float64], *, measure: str, threshold: float
) -> DiscardCurve:
    """`goodness` (N,) per template, higher is better.

    NaN is never discarded: a policy cannot refuse what was not measured.
    """
    known = np.where(np.isnan(goodness), np.inf, goodness)
    pair = known[comparisons.genuine_pair].min(1)
    failed = comparisons.genuine < threshold
    fnmr = _after_discarding(failed, np.argsort(pair, kind="stable"))
    return DiscardCurve(
        measure=measure, discarded=STEPS, fnmr=fnmr, gain=_gain(fnmr, failed), measured=int((~np.isnan(goodness)).sum())
    )


def _after_discarding(failed: NDArray[np.bool_], worst_first: NDArray[np.int64]) -> NDArray[np.float64]:
    left = np.concatenate([np.cumsum(failed[worst_first][::-1])[::-1], [0]])
    dropped = (STEPS * len(failed)).astype(int)
    return left[dropped] / np.maximum(len(failed) - dropped, 1)


def _gain(fnmr: NDArray[np.float64], failed: NDArray[np.bool_]) -> float:
    """1: as good as knowing the errors beforehand; 0: no better than discarding at random."""
    perfect = _after_discarding(failed, np.argsort(~failed, kind="stable"))
    within = STEPS <= FIRST_FIFTH
    best = float((fnmr[0] - perfect[within]).sum())
    return float((fnmr[0] - fnmr[within]).sum()) / best if best > 0 else 0.0
