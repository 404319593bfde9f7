"""The rules of a policy version: what is asked, how strictly, and what goes to a person. Pure and typed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from kyc.core.errors import InvalidInput


class BadRules(InvalidInput):
    code = "invalid_policy"


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on one quality measure; outside of it the picture is refused for `reason`."""

    reason: str
    minimum: float | None = None
    maximum: float | None = None

    def broken_by(self, value: float) -> bool:
        # written so that NaN breaks every limit that exists
        return not ((self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum))


@dataclass(frozen=True, slots=True)
class Match:
    fmr: float = 1e-3  # approve at or below this false match rate
    review_fmr: float = 1e-2  # a person looks between the two


@dataclass(frozen=True, slots=True)
class Duplicates:
    search: bool = True
    fmr: float = 1e-3  # per comparison; the number expected by chance is this times the people searched


@dataclass(frozen=True, slots=True)
class Liveness:
    required: bool = False  # decline to decide without a liveness verdict
    pad_minimum: float = 0.5  # fused PAD score needed, 0..1
    pad_review: float = 0.2  # between the two a person looks; below, the check fails


@dataclass(frozen=True, slots=True)
class Review:
    four_eyes_override: bool = True  # overruling a failed check takes two people
    second_review_share: float = 0.05  # of decided reviews, reviewed again blind
    on_image_reuse: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    match: Match = field(default_factory=Match)
    duplicates: Duplicates = field(default_factory=Duplicates)
    liveness: Liveness = field(default_factory=Liveness)
    review: Review = field(default_factory=Review)
    quality: dict[str, Limit] = field(default_factory=dict)  # of the selfie, by measure name
    portrait_quality: dict[str, Limit] = field(default_factory=dict)  # of the ID portrait: documents are small and flat
    enrol_on_approval: bool = True
    max_submissions: int = 3
    expires_minutes: int = 24 * 60

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


PARTS = {"match": Match, "duplicates": Duplicates, "liveness": Liveness, "review": Review}
LIMITS = ("quality", "portrait_quality")


def read(data: dict) -> Rules:
    """Rules from JSON; what is not said keeps its default. Raises BadRules with every field that is wrong."""
    wrong: dict[str, list[str]] = {}
    values = {name: _part(kind, data.get(name, {}), name, wrong) for name, kind in PARTS.items()}
    for name in LIMITS:
        values[name] = {m: _part(Limit, v, f"{name}.{m}", wrong) for m, v in _object(data, name, wrong).items()}
    for name in ("enrol_on_approval", "max_submissions", "expires_minutes"):
        if name in data:
            values[name] = data[name]
    wrong |= {name: ["Unknown field."] for name in set(data) - set(Rules.__dataclass_fields__)}
    if not wrong:
        rules = Rules(**values)
        wrong |= _sense(rules)
        if not wrong:
            return rules
    raise BadRules(fields=wrong)


def _object(data, name, wrong):
    value = data.get(name, {})
    if not isinstance(value, dict):
        wrong[name] = ["Must be an object."]
        return {}
    return value


def _part(kind, value, name, wrong):
    if not isinstance(value, dict):
        wrong[name] = ["Must be an object."]
        return None
    if unknown := set(value) - set(kind.__dataclass_fields__):
        wrong |= {f"{name}.{u}": ["Unknown field."] for u in unknown}
        return None
    try:
        return kind(**value)
    except TypeError as e:
        wrong[name] = [str(e)]


def _number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _sense(rules: Rules) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}

    def need(ok: bool, name: str, why: str) -> None:
        if not ok:
            wrong[name] = [why]

    for name, fmr in (("match.fmr", rules.match.fmr), ("match.review_fmr", rules.match.review_fmr),
                      ("duplicates.fmr", rules.duplicates.fmr)):  # fmt: skip
        need(_number(fmr) and 0 < fmr < 1, name, "A false match rate lies between 0 and 1.")
    for name, share in (("liveness.pad_minimum", rules.liveness.pad_minimum),
                        ("liveness.pad_review", rules.liveness.pad_review),
                        ("review.second_review_share", rules.review.second_review_share)):  # fmt: skip
        need(_number(share) and 0 <= share <= 1, name, "Lies between 0 and 1.")
    for name, truth in (("duplicates.search", rules.duplicates.search), ("liveness.required", rules.liveness.required),
                        ("enrol_on_approval", rules.enrol_on_approval),
                        ("review.four_eyes_override", rules.review.four_eyes_override)):  # fmt: skip
        need(isinstance(truth, bool), name, "Must be true or false.")
    for name, whole, least, most in (("max_submissions", rules.max_submissions, 1, 10),
                                     ("expires_minutes", rules.expires_minutes, 1, 60 * 24 * 90)):  # fmt: skip
        ok = isinstance(whole, int) and not isinstance(whole, bool) and least <= whole <= most
        need(ok, name, f"A whole number from {least} to {most}.")
    if not wrong:
        need(rules.match.fmr <= rules.match.review_fmr, "match.review_fmr", "Cannot be stricter than match.fmr.")
        need(
            rules.liveness.pad_review <= rules.liveness.pad_minimum, "liveness.pad_review", "Cannot exceed pad_minimum."
        )
    for group in LIMITS:
        for measure, limit in getattr(rules, group).items():
            bounds_ok = all(b is None or _number(b) for b in (limit.minimum, limit.maximum))
            need(
                bounds_ok and isinstance(limit.reason, str), f"{group}.{measure}", "Bounds are numbers, reason a code."
            )
    return wrong
