"""Everything about one case in one signed archive: what was seen, by which rules it was judged, and the log's proofs.

    verification.json  checks.json  decisions.json  policies.json  models.json  calibration/<hash>.json
    images/<kind>.jpg (while they are kept)  timeline.json  audit/events.jsonl  README.txt

`vouch-verify` checks the archive offline; `manage.py replay` makes the decision again from it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import IO, Any

from kyc.audit import bundle, export
from kyc.audit.export import Selection
from kyc.audit.format import parse_entry
from kyc.audit.note import Signer
from kyc.core.errors import Problem
from kyc.core.scope import atomic
from kyc.evidence import services as evidence
from kyc.registry.models import ModelVersion
from kyc.verifications import queries
from kyc.verifications.models import Verification

EVENTS = "audit/events.jsonl"
MODEL = ("id", "role", "name", "version", "sha256", "licence")
README = """\
Evidence of one verification by Vouch.

verification.json  the case: kind, state, dates, and what became of its images
checks.json        each question asked, the answer, the score and what it means, which model answered
decisions.json     what was decided, by whom, on which grounds
policies.json      the rules in force, version by version
models.json        the models by SHA-256; calibration/ says what their scores mean
images/            the images as they were judged, where they are still kept
timeline.json      what happened when, for reading
audit/             the same from the audit log, each event with the proof that it is in the log

Check it without us:  vouch-verify THIS.tar --key audit.pub --archive CHECKPOINTS
Decide it again:      manage.py replay THIS.tar
"""


def write(out: IO[bytes], *, verification_id: str, signer: Signer, now: datetime) -> dict[str, Any]:
    """Write the archive; returns its manifest's `about`. Outside a transaction, in the tenant's scope.

    Reading the images is noted in the audit log. Raises NotFound; Unavailable (retry) when the evidence store or
    the key service does not answer.
    """
    with atomic():
        case = queries.verification(verification_id)
        files = _records(case)
        events = list(export.lines(case.tenant_id, Selection(objects=_objects(case))))
    images, kept = _images(case)
    files |= images
    files["verification.json"] = _json(_case(case) | {"images": kept})
    files[EVENTS] = b"".join(events)
    files["timeline.json"] = _json(timeline(events))
    files["README.txt"] = README.encode()
    about = {"verification": case.pk, "tenant": case.tenant_id, "state": case.state, "made_at": now.isoformat()}
    bundle.write(out, files=files, about=about, signer=signer)
    return about


def timeline(lines: list[bytes]) -> list[dict[str, Any]]:
    """The events of an export, as a story."""
    told = []
    for line in lines:
        entry = parse_entry(line)
        if entry is None or entry.event is None:
            continue
        event = json.loads(entry.event)
        told.append({name: event[name] for name in ("at", "actor", "action", "object_id", "changes", "detail")})
    return sorted(told, key=lambda event: event["at"])


def _records(case: Verification) -> dict[str, bytes]:
    checks, decisions = list(case.checks.all()), list(case.decisions.all())
    policies = {p.pk: p for p in [case.policy, *(d.policy for d in decisions)]}
    models = {c.model.pk: c.model for c in checks if c.model}
    rules = ("name", "version", "rules", "created_by", "created_at", "approved_by")
    files = {
        "checks.json": _json([_check(c) for c in checks]),
        "decisions.json": _json([_decision(d) for d in decisions]),
        "policies.json": _json({pk: _plain(p, *rules) for pk, p in policies.items()}),
        "models.json": _json([_plain(m, *MODEL) for m in models.values()]),
    }
    return files | {calibration_name(m): _json(m.calibration) for m in models.values() if m.calibration}


def calibration_name(model: ModelVersion) -> str:
    return f"calibration/{model.sha256[:16]}.json"


def _images(case: Verification) -> tuple[dict[str, bytes], dict[str, str]]:
    """The images that can still be opened, and for each what became of it."""
    files, kept = {}, {}
    for kind in ("selfie", "id_portrait"):
        media_id = getattr(case, f"{kind}_id")
        if media_id is None:
            continue
        try:
            files[f"images/{kind}.jpg"] = evidence.read(media_id, purpose="evidence_bundle")
        except Problem as e:
            if e.retryable:
                raise
            kept[kind] = f"{media_id}: {e.code}"  # shredded by retention or erasure: the bundle says so
        else:
            kept[kind] = f"{media_id}: images/{kind}.jpg"
    return files, kept


def _objects(case: Verification) -> tuple[str, ...]:
    """The ids whose events tell this case's story."""
    consents = [c.detail.get("consent") for c in case.checks.all() if c.name == "consent"]
    ids = [case.pk, case.applicant_id, case.selfie_id, case.id_portrait_id, case.policy_id, *consents]
    ids += [row.pk for row in (*case.checks.all(), *case.decisions.all())]
    return tuple(dict.fromkeys(i for i in ids if i))


def _case(case: Verification) -> dict[str, Any]:
    return _plain(
        case, "id", "tenant_id", "applicant_id", "kind", "state", "state_since", "submission", "reasons",
        "sandbox_outcome", "created_at", "submitted_at", "decided_at", "policy_id",
    )  # fmt: skip


def _check(row: Any) -> dict[str, Any]:
    return _plain(
        row, "id", "submission", "position", "name", "result", "reasons", "score", "fmr", "threshold",
        "threshold_id", "detail", "milliseconds",
    ) | {"model_sha256": row.model.sha256 if row.model else ""}  # fmt: skip


def _decision(row: Any) -> dict[str, Any]:
    """Without the reviewer's note: it may name the person, and is not part of the grounds."""
    return _plain(row, "id", "number", "submission", "outcome", "reasons", "decided_by", "second_by", "policy_id",
                  "evidence", "at")  # fmt: skip


def _plain(row: Any, *names: str) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


def _json(value: Any) -> bytes:
    """In the order that it has in the database: reasons are listed in the order of the rules that were broken."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
