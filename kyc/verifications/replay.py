"""Make a decision again from its evidence bundle, and compare. Pure: no database, no model.

What the engine measured (scores, faces, quality) is taken from the bundle; everything that was concluded from it
(what a score means, pass or fail, the decision and its reasons) is concluded again by the same rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kyc.audit.bundle import BadBundle, Bundle
from kyc.faces.answers import Hit, Search, Similarity
from kyc.registry.calibration import Calibration
from kyc.verifications import policy, rules
from kyc.verifications.observations import Pad, Portrait
from kyc.verifications.policy import Finding, Scale
from kyc.verifications.rules import Rules
from kyc.verifications.states import Kind

SAME = 1e-12  # relative: the same arithmetic on the same doubles; a platform's last digit may differ
COMPARED = ("result", "reasons", "score", "fmr", "threshold", "threshold_id")


@dataclass(frozen=True, slots=True)
class Difference:
    decision: int  # its number
    what: str  # "match.fmr", "decision.outcome", ...
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Replayed:
    number: int
    outcome: str
    by: str
    differences: tuple[Difference, ...]
    skipped: str = ""  # why it was not decided again


def replay(bundle: Bundle) -> list[Replayed]:
    """One entry per decision in the bundle. Raises BadBundle when a part that is needed is missing."""
    try:
        kind = Kind(bundle.json("verification.json")["kind"])
        return [_replay_one(bundle, kind, decision) for decision in bundle.json("decisions.json")]
    except (KeyError, TypeError, ValueError) as e:
        raise BadBundle(f"the bundle lacks what a replay needs: {e!r}") from e


def _replay_one(bundle: Bundle, kind: Kind, decision: dict) -> Replayed:
    said = (decision["number"], decision["outcome"], decision["decided_by"])
    rows = [c for c in bundle.json("checks.json") if c["submission"] == decision["submission"]]
    if decision["decided_by"] != "policy":
        return Replayed(*said, (), skipped="a person decided")
    if any(row["name"] == "scripted" for row in rows):
        return Replayed(*said, (), skipped="a sandbox script decided")
    by = rules.read(bundle.json("policies.json")[decision["policy_id"]]["rules"])
    findings = [_again(row, by, bundle) for row in rows]
    differences = [d for row, f in zip(rows, findings, strict=True) for d in _compare(said[0], row, f)]
    outcome = policy.decide(findings, submission=decision["submission"], rules=by, required=policy.REQUIRED[kind])
    for name, recorded, replayed in (("outcome", decision["outcome"], str(outcome.state)),
                                     ("reasons", decision["reasons"], list(outcome.reasons))):  # fmt: skip
        if recorded != replayed:
            differences.append(Difference(said[0], f"decision.{name}", recorded, replayed))
    return Replayed(*said, tuple(differences))


def _again(row: dict, by: Rules, bundle: Bundle) -> Finding:
    """The same question, from what was observed."""
    name, detail, reasons = row["name"], row["detail"], row["reasons"]
    if row["result"] == policy.SKIPPED and set(reasons) & {"liveness_failed", "quality_failed"}:
        return policy.not_reached(name, reasons[0])
    if name == "consent":
        return policy.consent(standing="consent" in detail, consent_id=detail.get("consent", ""))
    if name.startswith("quality."):
        limits = by.quality if name == "quality.selfie" else by.portrait_quality
        return policy.quality(name, _portrait(row, limits.values()), limits)
    if name == "injection":
        return policy.injection(same_file="same_file_twice" in reasons, reused_from=tuple(detail.get("seen_with", ())))
    if name == "liveness":
        return policy.liveness(_pads(row), by, session_passed=detail.get("session"))
    if name == "match":
        return policy.match(_similarity(row), _scale(row, bundle), by)
    if name == "duplicates":
        return policy.duplicates(_search(row), _scale(row, bundle), by)
    raise BadBundle(f"this version knows no check named {name!r}")


def _portrait(row: dict, limits: Iterable[rules.Limit]) -> Portrait:
    detail = row["detail"]
    ours = {"no_face", *(limit.reason for limit in limits)}
    engine_said = [reason for reason in row["reasons"][:1] if reason not in ours]
    return Portrait(
        problem=engine_said[0] if engine_said else "",
        faces=detail["faces"],
        box=tuple(detail["box"]) if detail["box"] else None,
        quality={k: (_number(m["value"]), m["unit"]) for k, m in detail["measures"].items()},
        detector_sha256=row["model_sha256"],
    )


def _pads(row: dict) -> Portrait:
    pads = tuple(Pad(p["model"], _number(p["live"])) for p in row["detail"].get("pad", ()))
    refused = "" if row["result"] != policy.SKIPPED else row["reasons"][0]
    fused = row["score"] if row["score"] is not None or not row["threshold_id"] else math.nan
    return Portrait(pad=pads, pad_fused=fused, pad_refused=refused)


def _similarity(row: dict) -> Similarity | None:
    if "no_reference" in row["reasons"]:
        return None
    return Similarity(_number(row["score"]), row["detail"].get("reference", ""))


def _search(row: dict) -> Search | None:
    detail = row["detail"]
    if "searched" not in detail:
        return None
    hits = tuple(Hit(h["applicant"], h["template"], h["score"], h["list"]) for h in detail["hits"])
    return Search(hits, detail["searched"], detail["of"], detail["exact"], detail["recall"])


def _scale(row: dict, bundle: Bundle) -> Scale | None:
    sha256 = row["model_sha256"]
    model = next((m for m in bundle.json("models.json") if m["sha256"] == sha256), None)
    if model is None:
        return None
    name = f"calibration/{sha256[:16]}.json"
    calibration = Calibration.read(bundle.json(name)) if name in bundle.files else None
    return Scale(model["id"], sha256, calibration)


def _compare(number: int, row: dict, finding: Finding) -> Iterable[Difference]:
    for name in COMPARED:
        recorded, replayed = row[name], getattr(finding, name)
        replayed = list(replayed) if isinstance(replayed, tuple) else replayed
        if not _same(recorded, replayed):
            yield Difference(number, f"{row['name']}.{name}", recorded, replayed)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=SAME, abs_tol=0.0)
    return a == b


def _number(value: float | None) -> float:
    return math.nan if value is None else value
