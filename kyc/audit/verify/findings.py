"""What the verifier can say, and the exit status that goes with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import IntEnum


class Exit(IntEnum):
    VERIFIED = 0
    TAMPERED = 1  # the export is not what the checkpoint speaks of; the findings say where
    UNUSABLE = 2  # not an export, not a checkpoint, not a key; or wrong arguments
    BAD_SIGNATURE = 3  # a checkpoint that its key did not sign
    UNDECIDED = 4  # the checkpoint cannot be related to this export: a consistency proof is missing


@dataclass(frozen=True, slots=True)
class Finding:
    code: str  # edited, deleted, missing, duplicated, reordered, inserted, removed, truncated, rewritten,
    #            malformed, wrong_log, bad_proof, bad_signature, unproven
    message: str
    index: int | None = None  # in the log, from 0
    event_id: int | None = None
    line: int | None = None  # of the file, from 1
    last_index: int | None = None  # where a finding covers the range index..last_index


@dataclass(slots=True)
class Report:
    log: str
    kind: str
    tree_size: int
    first: int = 0
    end: int = 0
    events: int = 0
    findings: list[Finding] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)  # each a sentence: what was established
    notes: list[str] = field(default_factory=list)  # each a sentence: what was not

    def add(self, code: str, message: str, **where: int | None) -> None:
        self.findings.append(Finding(code, message, **where))

    @property
    def exit(self) -> Exit:
        codes = {f.code for f in self.findings}
        if "bad_signature" in codes:
            return Exit.BAD_SIGNATURE
        if codes - {"unproven"}:
            return Exit.TAMPERED
        return Exit.UNDECIDED if codes else Exit.VERIFIED

    def as_json(self) -> str:
        return json.dumps(
            {
                "verdict": self.exit.name.lower(),
                "log": self.log,
                "kind": self.kind,
                "tree_size": self.tree_size,
                "events": self.events,
                "checked": self.checked,
                "notes": self.notes,
                "findings": [{k: v for k, v in asdict(f).items() if v is not None} for f in self.findings],
            },
            indent=2,
        )
