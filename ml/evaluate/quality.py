"""Quality measures judged by what refusing poor photographs buys (ISO/IEC 29794-1, error versus discard)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.comparisons import Comparisons
from ml.evaluate.discard import DiscardCurve, discard_curve
from ml.evaluate.errors import EvaluationError
from ml.evaluate.rates import fnmr
from ml.evaluate.templates import Enrolment
from ml.types import Measure


@dataclass(frozen=True)
class Rule:
    """One recommended threshold, applied to this set."""

    measure: str
    rule: str  # "below 24 px"
    refused: float  # share of photographs
    fnmr: float  # genuine comparisons of the photographs that stay
    comparisons: int  # genuine ones that stay


@dataclass(frozen=True)
class QualityResult:
    threshold: float  # cosine
    fnmr: float  # with nothing refused
    genuine: int
    curves: tuple[DiscardCurve, ...]  # best first
    without_spread: tuple[str, ...]  # measures with one value only on this set
    rules: tuple[Rule, ...]


def judge(
    enrolment: Enrolment, comparisons: Comparisons, *, threshold: float, recommended: Mapping[str, Any]
) -> QualityResult:
    """Raises EvaluationError when no comparison fails: then nothing can be gained."""
    plain = fnmr(comparisons, threshold)
    if plain == 0:
        raise EvaluationError(
            "no genuine comparison fails at this threshold, so refusing photographs gains nothing; "
            "take harder photographs, --made-poorer, or a smaller --fmr"
        )
    values = measured(enrolment)
    varied = {name: v for name, v in values.items() if len(np.unique(v[1][~np.isnan(v[1])])) > 1}
    curves = [
        discard_curve(comparisons, goodness, measure=name, threshold=threshold)
        for name, (_, goodness) in varied.items()
    ]
    return QualityResult(
        threshold=threshold,
        fnmr=plain,
        genuine=len(comparisons.genuine),
        curves=tuple(sorted(curves, key=lambda c: -c.gain)),
        without_spread=tuple(sorted(values.keys() - varied.keys())),
        rules=tuple(_rules(comparisons, values, threshold, recommended)),
    )


def measured(enrolment: Enrolment) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Measure -> (value, goodness), each (templates,); goodness: higher is better, NaN unknown."""
    table = [{m.name: m for m in one} for one in enrolment.quality]
    names = dict.fromkeys(name for one in table for name in one)
    return {
        name: (
            np.array([one[name].value if name in one else np.nan for one in table]),
            np.array([_goodness(one.get(name)) for one in table]),
        )
        for name in names
    }


def _goodness(measure: Measure | None) -> float:
    if measure is None:
        return float("nan")
    return {"higher": measure.value, "lower": -measure.value, "near": -abs(measure.value)}[measure.better]


def _rules(
    comparisons: Comparisons,
    values: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    threshold: float,
    recommended: Mapping[str, Any],
) -> list[Rule]:
    rules, anywhere = [], np.zeros(comparisons.templates, bool)
    for name, rule in recommended.items():
        if name not in values or rule.get("then") != "refuse":
            continue
        poor = _poor(values[name][0], rule)
        anywhere |= poor
        rules.append(_rule(comparisons, poor, threshold, name, _words(rule)))
    return [*rules, _rule(comparisons, anywhere, threshold, "all of them", "")] if rules else []


def _poor(value: NDArray[np.float64], rule: Mapping[str, Any]) -> NDArray[np.bool_]:
    if "below" in rule:
        return value < rule["below"]
    if "above" in rule:
        return value > rule["above"]
    return np.abs(value) > rule["beyond"]


def _words(rule: Mapping[str, Any]) -> str:
    return next(f"{word} {rule[word]}" for word in ("below", "above", "beyond") if word in rule)


def _rule(comparisons: Comparisons, poor: NDArray[np.bool_], threshold: float, name: str, words: str) -> Rule:
    stays = ~poor[comparisons.genuine_pair].any(1)
    left = comparisons.genuine[stays]
    return Rule(
        measure=name,
        rule=words,
        refused=float(poor.mean()),
        comparisons=len(left),
        fnmr=float((left < threshold).mean()) if len(left) else float("nan"),
    )
