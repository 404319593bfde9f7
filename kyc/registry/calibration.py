"""What a score means: the false match rate at it, from comparisons that were really made.

Pure. Decisions use the upper confidence bound, so scarce data makes Vouch stricter, never bolder.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

from kyc.core.errors import Problem


class FmrNotSupported(Problem):
    status, code = 422, "fmr_not_supported"
    next_step = "Ask for a higher FMR, or calibrate the model with more impostor comparisons."


@dataclass(frozen=True, slots=True)
class Calibration:
    scores: tuple[float, ...]  # cosine, ascending
    fmr: tuple[float, ...]  # share of impostors at or above the score
    fmr_upper: tuple[float, ...]  # its upper confidence bound
    floor: float  # smallest FMR that the data can state
    impostor_comparisons: int
    dataset: str
    confidence: float

    @classmethod
    def read(cls, data: dict) -> Calibration:
        points = sorted(data["points"], key=lambda p: p["score"])
        return cls(
            scores=tuple(p["score"] for p in points),
            fmr=tuple(p["fmr"] for p in points),
            fmr_upper=tuple(p["fmr_upper"] for p in points),
            floor=data["floor"],
            impostor_comparisons=data["impostor_comparisons"],
            dataset=data["dataset"],
            confidence=data["confidence"],
        )

    def fmr_at(self, score: float) -> float:
        """Upper bound of the FMR at this score, in [floor, 1]; NaN stays NaN and fails every comparison."""
        if math.isnan(score):
            return math.nan
        if score < self.scores[0]:
            return 1.0
        if score >= self.scores[-1]:
            return max(self.fmr_upper[-1], self.floor)
        i = bisect_right(self.scores, score)
        (s0, s1), (f0, f1) = self.scores[i - 1 : i + 1], self.fmr_upper[i - 1 : i + 1]
        along = (score - s0) / (s1 - s0)
        return max(self.floor, 10 ** (math.log10(f0) * (1 - along) + math.log10(f1) * along))

    def score_at(self, fmr: float) -> float:
        """The smallest score whose FMR bound is at most `fmr`. Raises FmrNotSupported below the floor."""
        if not self.floor <= fmr <= 1:
            needed = math.ceil(3 / fmr) if fmr > 0 else 0  # rule of three: 0 of n bounds the rate by 3/n (95 %)
            raise FmrNotSupported(
                f"An FMR of {fmr:g} cannot be stated from {self.impostor_comparisons:,} impostor comparisons of "
                f"{self.dataset} (smallest: {self.floor:g}); at least {needed:,} would be needed."
            )
        low, high = self.scores[0], self.scores[-1]
        if self.fmr_at(high) > fmr:
            raise FmrNotSupported(f"The calibration ends at FMR {self.fmr_at(high):g}.")
        for _ in range(60):  # the curve is monotone: bisection to below a float's own step
            middle = (low + high) / 2
            low, high = (low, middle) if self.fmr_at(middle) <= fmr else (middle, high)
        return high
