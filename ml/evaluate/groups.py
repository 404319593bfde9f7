"""Rates by group of people, and the gate on the difference between groups.

NIST SP 800-63A-4 asks that no demographic group does 25 % worse than the best. A ratio of two
small counts can pass or fail by luck, so each verdict says whether the data shows it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ml.evaluate.comparisons import Comparisons, among
from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import Gallery
from ml.evaluate.intervals import Interval, clopper_pearson, effective_trials
from ml.evaluate.rates import false_matches

GATE = 1.25  # NIST SP 800-63A-4: at most 25 % worse than the best group
Verdict = Literal["worse", "worse, not shown", "within", "within, not shown", "cannot tell"]


@dataclass(frozen=True)
class Rate:
    """A rate, its exact interval on effective trials, and its ratio to the best group's."""

    value: float
    trials: float  # effective: people for FNMR, see ml.evaluate.intervals for FMR
    interval: Interval
    ratio: float | None = None  # None: no group has an error, or the best has none
    ratio_interval: Interval | None = None
    verdict: Verdict = "cannot tell"


@dataclass(frozen=True)
class GroupRate:
    """One group at the whole set's threshold."""

    attribute: str
    group: str
    people: int
    genuine: int  # comparisons
    impostor: int  # comparisons between two people of the group
    fnmr: Rate
    fmr: Rate


def read_groups(path: Path, gallery: Gallery) -> dict[str, dict[str, str]]:
    """CSV with a header `identity,<attribute>,...` -> attribute -> identity -> group."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "identity" not in rows[0]:
        raise EvaluationError(f"{path} needs a header that begins with 'identity' and names the attributes")
    known = set(gallery.people)
    if not any(row["identity"] in known for row in rows):
        raise EvaluationError(f"no identity of {path} is in {gallery.source}")
    return {
        name: {row["identity"]: row[name] for row in rows if row["identity"] in known and row[name]}
        for name in rows[0]
        if name != "identity"
    }


def by_group(
    comparisons: Comparisons, people: tuple[str, ...], groups: dict[str, dict[str, str]], *, threshold: float
) -> list[GroupRate]:
    """The threshold must lie inside the tail, where impostors are known by name."""
    return [
        row for attribute, of in groups.items() for row in _attribute(comparisons, people, attribute, of, threshold)
    ]


def gate_failed(rows: list[GroupRate]) -> list[GroupRate]:
    """Groups whose FNMR or FMR is shown to be more than 25 % above the best group's."""
    return [row for row in rows if "worse" in (row.fnmr.verdict, row.fmr.verdict)]


def _attribute(
    comparisons: Comparisons, people: tuple[str, ...], attribute: str, of: dict[str, str], threshold: float
) -> list[GroupRate]:
    group = np.array([of.get(person, "") for person in people])
    names = sorted(set(of.values()))
    parts = [among(comparisons, group == name) for name in names]
    misses = _against_best([_fnmr(part, threshold) for part in parts])
    matches = _against_best([_fmr(part, threshold) for part in parts])
    return [
        GroupRate(
            attribute=attribute,
            group=name,
            people=part.identities,
            genuine=len(part.genuine),
            impostor=part.impostor_total,
            fnmr=miss,
            fmr=match,
        )
        for name, part, miss, match in zip(names, parts, misses, matches, strict=True)
    ]


def _fnmr(part: Comparisons, threshold: float) -> Rate:
    trials = len(np.unique(part.genuine_identity()))  # a person with forty images is still one person
    value = float((part.genuine < threshold).mean()) if trials else float("nan")
    return Rate(value=value, trials=trials, interval=clopper_pearson(value * trials, trials))


def _fmr(part: Comparisons, threshold: float) -> Rate:
    if not part.impostor_total:
        return Rate(value=float("nan"), trials=0, interval=Interval(0.0, 1.0))
    value = false_matches(part, threshold) / part.impostor_total
    trials = effective_trials(part, threshold)
    return Rate(value=value, trials=trials, interval=clopper_pearson(value * trials, trials))


def _against_best(rates: list[Rate]) -> list[Rate]:
    measured = [rate for rate in rates if rate.trials]
    if not measured:
        return rates
    best = min(measured, key=lambda rate: rate.value)
    return [_compared(rate, best) if rate.trials else rate for rate in rates]


def _compared(rate: Rate, best: Rate) -> Rate:
    if rate is best:
        return Rate(rate.value, rate.trials, rate.interval, ratio=1.0, verdict="within")
    errors, fewest = rate.value * rate.trials, best.value * best.trials
    if not errors or not fewest:
        return rate
    ratio = rate.value / best.value
    # Katz et al. 1978: the logarithm of a ratio of two proportions is about normal
    spread = 1.96 * np.sqrt(1 / errors - 1 / rate.trials + 1 / fewest - 1 / best.trials)
    interval = Interval(float(ratio * np.exp(-spread)), float(ratio * np.exp(spread)))
    return Rate(
        rate.value, rate.trials, rate.interval, ratio=ratio, ratio_interval=interval, verdict=_verdict(ratio, interval)
    )


def _verdict(ratio: float, interval: Interval) -> Verdict:
    if ratio > GATE:
        return "worse" if interval.low > GATE else "worse, not shown"
    return "within" if interval.high <= GATE else "within, not shown"
