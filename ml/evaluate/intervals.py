"""How sure a rate is, when the comparisons share people.

Thirty million comparisons of four thousand people are not thirty million independent trials: one
look-alike, or one person with poor photographs, moves many of them. Three tools:

- exact binomial limits (Clopper and Pearson 1934) for independent trials;
- a design effect for impostor comparisons: the variance when comparisons that share a person may
  agree (the dyadic-robust estimator of Fafchamps and Gubert 2007, Aronow et al. 2015), over the
  binomial one; exact limits then use the effective number of trials (Korn and Graubard 1998);
- a bootstrap that draws people with replacement (Bolle et al. 2004, "subsets bootstrap") for FNMR
  at a target FMR, where the threshold is itself uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

from ml.evaluate.comparisons import Comparisons
from ml.evaluate.rates import false_matches

CONFIDENCE = 0.95
SEEN = 30  # errors from which a design effect is believed; Doddington's rule of 30 (2000)


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def clopper_pearson(errors: float, trials: float, *, confidence: float = CONFIDENCE) -> Interval:
    """Two-sided exact limits; `errors` and `trials` may be effective (fractional) numbers."""
    if trials <= 0:
        return Interval(0.0, 1.0)
    alpha = 1 - confidence
    low = 0.0 if errors <= 0 else float(beta.ppf(alpha / 2, errors, trials - errors + 1))
    high = 1.0 if errors >= trials else float(beta.ppf(1 - alpha / 2, errors + 1, trials - errors))
    return Interval(low, high)


def upper_limit(errors: float, trials: float, *, confidence: float = CONFIDENCE) -> float:
    """One-sided exact upper limit; with no error seen it is about 3 / trials (the rule of three)."""
    if trials <= 0 or errors >= trials:
        return 1.0
    return float(beta.ppf(confidence, errors + 1, trials - errors))


def impostor_design_effect(comparisons: Comparisons, threshold: float) -> float:
    """Variance of the false-match count over its binomial variance, at least 1.

    Only inside the tail; below it callers count each person once (see `effective_trials`).
    """
    count = false_matches(comparisons, threshold)
    total = comparisons.impostor_total
    rate = count / total
    if not 0 < rate < 1:
        return 1.0
    people = comparisons.tail_identities()[:count]
    mine = np.bincount(people.ravel(), minlength=comparisons.identities)  # matches of each person
    offered = _impostors_of(comparisons)  # comparisons of each person
    excess = (mine - rate * offered) ** 2
    shared = float(excess.sum())
    pairs = _matches_per_pair(people, comparisons.identities)
    within = float((pairs.astype(np.float64) ** 2).sum())  # each pair of people is in `shared` twice
    effect = max(shared - within, within) / (total * rate * (1 - rate))
    return max(1.0, effect * _few_people(excess))


def _few_people(excess: NDArray[np.float64]) -> float:
    """Widening for a variance that few people make up (Korn and Graubard 1998, their t-ratio).

    Degrees of freedom: how many people contribute equally would give this much (Satterthwaite 1946).
    """
    freedom = float(excess.sum() ** 2 / max((excess**2).sum(), 1e-300))
    return float((t.ppf(CONFIDENCE, max(freedom - 1, 1)) / norm.ppf(CONFIDENCE)) ** 2)


def effective_trials(comparisons: Comparisons, threshold: float) -> float:
    """Independent impostor comparisons that would say as much as these do at this threshold."""
    most_careful = comparisons.identities / 2  # each person used once
    if threshold < comparisons.tail_edge:
        return most_careful
    count = false_matches(comparisons, threshold)
    effect = impostor_design_effect(comparisons, threshold)
    if count < SEEN and len(comparisons.tail) >= SEEN:
        # too few errors to measure how they cluster: keep what was seen where there were enough
        effect = max(effect, impostor_design_effect(comparisons, float(comparisons.tail[SEEN - 1])))
    elif count < SEEN:
        return min(most_careful, comparisons.impostor_total / effect)
    return max(comparisons.impostor_total / effect, min(most_careful, comparisons.impostor_total))


def fmr_upper(comparisons: Comparisons, threshold: float, *, confidence: float = CONFIDENCE) -> float:
    """One-sided upper limit of the FMR at a threshold, for people like these."""
    trials = effective_trials(comparisons, threshold)
    rate = false_matches(comparisons, threshold) / comparisons.impostor_total
    return upper_limit(rate * trials, trials, confidence=confidence)


@dataclass(frozen=True)
class Support:
    """What a set of comparisons can say about small FMRs."""

    comparisons: int
    identities: int
    effective: float  # independent comparisons' worth
    floor: float  # smallest FMR that can be stated: upper limit when none in `effective` matched

    def carries(self, target: float) -> bool:
        return target >= self.floor

    def needed(self, target: float) -> int:
        """Comparisons of this kind that would carry `target`."""
        return int(np.ceil(self.comparisons * self.floor / target))

    def refusal(self, target: float) -> str:
        return (
            f"FMR {target:.0e} cannot be stated: {self.comparisons:,} comparisons of "
            f"{self.identities:,} people are worth {self.effective:,.0f} independent ones, which carry "
            f"{self.floor:.1e} at best; about {self.needed(target):,} such comparisons are needed"
        )


def support(comparisons: Comparisons, *, confidence: float = CONFIDENCE) -> Support:
    above_all = float(np.nextafter(comparisons.tail[0], np.float32(2))) if len(comparisons.tail) else 1.0
    trials = effective_trials(comparisons, above_all)
    return Support(
        comparisons=comparisons.impostor_total,
        identities=comparisons.identities,
        effective=trials,
        floor=upper_limit(0, trials, confidence=confidence),
    )


@dataclass(frozen=True)
class Replicates:
    """FNMR and threshold at each target FMR, one row per bootstrap replicate."""

    targets: tuple[float, ...]
    fnmr: NDArray[np.float64]  # (R, targets)
    threshold: NDArray[np.float64]  # (R, targets)

    def fnmr_interval(self, target: int, *, confidence: float = CONFIDENCE) -> Interval:
        return _percentiles(self.fnmr[:, target], confidence)

    def threshold_interval(self, target: int, *, confidence: float = CONFIDENCE) -> Interval:
        return _percentiles(self.threshold[:, target], confidence)


def bootstrap(comparisons: Comparisons, targets: Sequence[float], *, replicates: int, seed: int) -> Replicates:
    """Draw the people anew `replicates` times; targets must lie inside the tail."""
    rng = np.random.default_rng(seed)
    people, reach = comparisons.identities, _reach(comparisons, max(targets))
    tail, sides = comparisons.tail[:reach], comparisons.tail_identities()[:reach]
    owner = comparisons.genuine_identity()
    rows = []
    for _ in range(replicates):
        weight = np.bincount(rng.integers(0, people, people), minlength=people)
        matched = np.cumsum(weight[sides[:, 0]] * weight[sides[:, 1]])
        allowed = np.asarray(targets) * _impostor_weight(comparisons, weight)
        at = np.minimum(np.searchsorted(matched, allowed, side="right"), reach - 1)
        threshold = np.nextafter(tail[at], np.float32(2))
        missed = np.concatenate([[0], np.cumsum(weight[owner])])
        below = np.searchsorted(comparisons.genuine, threshold, side="left")
        rows.append((missed[below] / max(missed[-1], 1), threshold))
    return Replicates(
        targets=tuple(targets),
        fnmr=np.array([r[0] for r in rows]),
        threshold=np.array([r[1] for r in rows], np.float64),
    )


def _reach(comparisons: Comparisons, target: float) -> int:
    """Tail entries that a replicate may need; three times the count holds for any likely draw."""
    return min(len(comparisons.tail), max(1000, int(3 * target * comparisons.impostor_total)))


def _impostor_weight(comparisons: Comparisons, weight: NDArray[np.int64]) -> float:
    """Impostor comparisons in a replicate; those between two copies of one person are left out."""
    if comparisons.crossed:
        images = (weight * comparisons.images_of()).astype(np.float64)
        return float((images.sum() ** 2 - (images**2).sum()) / 2)
    sides = comparisons.tail_identities()
    return float((weight[sides[:, 0]] * weight[sides[:, 1]]).sum())


def _impostors_of(comparisons: Comparisons) -> NDArray[np.float64]:
    if comparisons.crossed:
        images = comparisons.images_of().astype(np.float64)
        return images * (comparisons.templates - images)
    return np.bincount(comparisons.tail_identities().ravel(), minlength=comparisons.identities).astype(float)


def _matches_per_pair(people: NDArray[np.int32], identities: int) -> NDArray[np.int64]:
    low, high = people.min(1).astype(np.int64), people.max(1).astype(np.int64)
    return np.unique(low * identities + high, return_counts=True)[1]


def _percentiles(values: NDArray[np.float64], confidence: float) -> Interval:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(low), float(high))
