"""Verify an evidence bundle: its signature and digests, then the audit events inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kyc.audit import bundle
from kyc.audit.note import BadNote, BadSignature, Verifier
from kyc.audit.verify.export import verify
from kyc.audit.verify.findings import Report

EVENTS = "audit/events.jsonl"


def verify_bundle(
    path: Path,
    *,
    verifiers: Sequence[Verifier],
    checkpoints: Sequence[str] = (),
    archive: Sequence[str] = (),
    consistency: Sequence[dict] = (),
) -> Report:
    """Raises bundle.BadBundle when the archive cannot be read at all."""
    try:
        with path.open("rb") as source:
            found = bundle.read(source, verifiers=verifiers)
    except (BadSignature, BadNote) as e:
        report = Report(str(path), "bundle", 0)
        report.add("bad_signature", f"The bundle's manifest is not to be trusted: {e}.")
        return report
    except bundle.BadBundle as e:
        report = Report(str(path), "bundle", 0)
        report.add("edited", f"The bundle is not as it was signed: {e}.")
        return report
    if EVENTS not in found.files:
        report = Report(str(path), "bundle", 0)
        report.add("missing", "The bundle holds no audit events.")
        return report
    lines = found.files[EVENTS].splitlines(keepends=True)
    report = verify(lines, verifiers=verifiers, checkpoints=checkpoints, archive=archive, consistency=consistency)
    report.checked.insert(0, f"{len(found.files)} files are as {found.signed_by.name} signed them")
    return report
