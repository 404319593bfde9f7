"""One-to-one verification: what a score is worth on a set of people (ISO/IEC 19795-1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.comparisons import Comparisons, all_pairs, listed_pairs
from ml.evaluate.comparisons import Progress as Progress
from ml.evaluate.errors import EvaluationError
from ml.evaluate.folds import FoldAccuracy, accuracy
from ml.evaluate.groups import GroupRate, by_group
from ml.evaluate.intervals import Interval, Replicates, Support, bootstrap, fmr_upper, support
from ml.evaluate.pairs import PairList
from ml.evaluate.rates import equal_error_rate, fnmr, threshold_at
from ml.evaluate.templates import Enrolment

TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # FMRs reported; NIST SP 800-63A-4 asks 1e-4 or better
GROUP_TARGET = 1e-3  # one group's people make too few comparisons for 1e-4
REPLICATES = 1000  # percentile ends move by about 0.1 of the interval's width at this number
BAND = 24  # points of the DET's interval


@dataclass(frozen=True)
class OperatingPoint:
    """FNMR at a target FMR, or the reason why the data cannot say."""

    target: float
    threshold: float | None
    threshold_interval: Interval | None
    fnmr: float | None
    fnmr_interval: Interval | None  # 95 %, bootstrap over people
    fmr_upper: float | None  # one-sided 95 % limit of the FMR at this threshold
    refusal: str | None = None

    @property
    def stated(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True)
class Verification:
    comparisons: Comparisons
    support: Support
    eer: float
    eer_threshold: float
    points: tuple[OperatingPoint, ...]
    band: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # fmr, FNMR low, FNMR high
    folds: FoldAccuracy | None
    fold_pairs: int
    missing_pairs: int
    largest_share: tuple[str, float]  # the person with most genuine comparisons, and their share
    groups: tuple[GroupRate, ...]


def verify(
    enrolment: Enrolment,
    *,
    pairs: PairList | None,
    crossed: bool = True,
    groups: dict[str, dict[str, str]] | None = None,
    seed: int,
    replicates: int = REPLICATES,
    progress: Progress | None = None,
) -> Verification:
    """`crossed`: compare all with all; otherwise the pair list is all there is."""
    label, embeddings = enrolment.gallery.label, enrolment.embeddings
    if crossed:
        comparisons = all_pairs(embeddings, label, progress=progress)
    elif pairs:
        comparisons = listed_pairs(embeddings, label, pairs.pairs)
    else:
        raise EvaluationError("give a pair list, or let all photographs be compared")
    if not len(comparisons.genuine) or not comparisons.impostor_total:
        raise EvaluationError(
            "there must be genuine and impostor comparisons: two people at least, and two photographs of one of them"
        )
    return measured(comparisons, enrolment, pairs=pairs, groups=groups or {}, seed=seed, replicates=replicates)


def measured(
    comparisons: Comparisons,
    enrolment: Enrolment,
    *,
    pairs: PairList | None,
    groups: dict[str, dict[str, str]],
    seed: int,
    replicates: int,
) -> Verification:
    carried = support(comparisons)
    stated = [t for t in TARGETS if carried.carries(t)]
    line = np.logspace(np.log10(max(carried.floor, 1e-9)), -2, BAND) if carried.floor < 1e-2 else np.array([1e-2])
    drawn = bootstrap(comparisons, [*stated, *line], replicates=replicates, seed=seed)
    eer, at = equal_error_rate(comparisons)
    points = tuple(_point(comparisons, carried, target, drawn) for target in TARGETS)
    return Verification(
        comparisons=comparisons,
        support=carried,
        eer=eer,
        eer_threshold=at,
        points=points,
        band=_band(drawn, line, skip=len(stated)),
        folds=_folds(enrolment, pairs),
        fold_pairs=len(pairs.pairs) if pairs else 0,
        missing_pairs=pairs.missing if pairs else 0,
        largest_share=_largest_share(comparisons, enrolment),
        groups=tuple(
            by_group(comparisons, enrolment.gallery.people, groups, threshold=threshold_at(comparisons, GROUP_TARGET))
        ),
    )


def point_at(points: Sequence[OperatingPoint], target: float) -> OperatingPoint:
    return next(p for p in points if p.target == target)


def _point(comparisons: Comparisons, carried: Support, target: float, drawn: Replicates) -> OperatingPoint:
    if not carried.carries(target):
        return OperatingPoint(target, None, None, None, None, None, refusal=carried.refusal(target))
    threshold = threshold_at(comparisons, target)
    place = drawn.targets.index(target)
    return OperatingPoint(
        target=target,
        threshold=threshold,
        threshold_interval=drawn.threshold_interval(place),
        fnmr=fnmr(comparisons, threshold),
        fnmr_interval=drawn.fnmr_interval(place),
        fmr_upper=fmr_upper(comparisons, threshold),
    )


def _band(
    drawn: Replicates,
    line: NDArray[np.float64],
    *,
    skip: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    ends = [drawn.fnmr_interval(skip + i) for i in range(len(line))]
    return line, np.array([e.low for e in ends]), np.array([e.high for e in ends])


def _folds(enrolment: Enrolment, pairs: PairList | None) -> FoldAccuracy | None:
    if pairs is None or pairs.folds < 2:
        return None
    pair = np.asarray(pairs.pairs)
    scores = np.einsum("nd,nd->n", enrolment.embeddings[pair[:, 0]], enrolment.embeddings[pair[:, 1]])
    label = enrolment.gallery.label
    return accuracy(scores, label[pair[:, 0]] == label[pair[:, 1]], np.asarray(pairs.fold))


def _largest_share(comparisons: Comparisons, enrolment: Enrolment) -> tuple[str, float]:
    counts = np.bincount(comparisons.genuine_identity(), minlength=comparisons.identities)
    most = int(np.argmax(counts))
    return enrolment.gallery.people[most], float(counts[most] / counts.sum())
