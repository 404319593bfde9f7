"""Which checkpoints are signed, which of them come from outside, and how each relates to the export's tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from kyc.audit.checkpoint import Checkpoint, open_checkpoint
from kyc.audit.format import Header, hash_of
from kyc.audit.merkle import BadProof, Hash, verify_consistency
from kyc.audit.note import BadNote, BadSignature, Verifier
from kyc.audit.verify.findings import Report

Key = tuple[int, Hash]  # (size, root): what a checkpoint says, whoever holds it


@dataclass(slots=True)
class Trust:
    """`required` checkpoints the export must reach; those of an `archive` may be newer than the export."""

    inside: Checkpoint | None = None  # in the export, signed, and of the export's tree
    all: dict[Key, Checkpoint] = field(default_factory=dict)
    required: set[Key] = field(default_factory=set)
    archive: set[Key] = field(default_factory=set)

    @property
    def checkpoints(self) -> list[Checkpoint]:
        return sorted(self.all.values(), key=lambda c: c.size)

    def outside(self, c: Checkpoint) -> bool:
        return key_of(c) in self.required or key_of(c) in self.archive


def key_of(c: Checkpoint) -> Key:
    return c.size, c.root


def establish(
    header: Header, *, verifiers: Sequence[Verifier], required: Sequence[str], archive: Sequence[str], report: Report
) -> Trust:
    """Open every note; what is not signed by a known key is a finding, what is for another log is left aside."""
    trust, signed = Trust(), Counter[str]()
    for where, notes in (("in the export", [header.checkpoint]), ("given", required), ("in the archive", archive)):
        for note in notes:
            try:
                c, key = open_checkpoint(note, verifiers)
            except (BadSignature, BadNote) as e:
                report.add("bad_signature", f"A checkpoint {where} is not to be trusted: {e}.")
                continue
            if c.log == header.log:
                signed[f"{key.name} ({key.key_id})"] += key_of(c) not in trust.all
                _place(trust, c, where, header, report)
            elif where == "in the export":
                report.add("wrong_log", f"The checkpoint in the export is for {c.log}, not {header.log}.")
    for key_name, count in signed.items():
        report.checked.append(f"{key_name} signed {count} checkpoint{'s' * (count > 1)} of this log")
    return trust


def _place(trust: Trust, c: Checkpoint, where: str, header: Header, report: Report) -> None:
    c = trust.all.setdefault(key_of(c), c)
    if where == "given":
        trust.required.add(key_of(c))
    elif where == "in the archive":
        trust.archive.add(key_of(c))
    elif c.size == header.tree_size:
        trust.inside = c
    else:
        report.add("malformed", "The export's own checkpoint is for a tree of another size.")


def relate(header: Header, trust: Trust, report: Report, *, given: Sequence[str], proofs: Sequence[dict]) -> None:
    """Checkpoints whose size the events themselves do not reproduce need a proof, or show that events are missing."""
    from_start = header.kind == "range" and header.first == 0
    attested, newest = False, None
    for c in trust.checkpoints:
        if c is trust.inside or (from_start and c.size <= header.end) or _settled(c, trust, header, report, proofs):
            attested |= trust.outside(c)
        elif key_of(c) not in trust.required:
            newest = c if c.size > header.tree_size else newest
        elif c.size > header.tree_size and from_start and header.end == header.tree_size:
            report.add("truncated", f"The log had {c.size} events at {c.at}; this export knows only {header.tree_size}:"
                       f" events {header.tree_size} to {c.size - 1} are missing.",
                       index=header.tree_size, last_index=c.size - 1)  # fmt: skip
        else:
            old, new = sorted((c.size, header.tree_size))
            report.add("unproven", f"Nothing relates the checkpoint of {c.size} events to this export's tree of"
                       f" {header.tree_size}: ask for the consistency proof from {old} to {new}.")  # fmt: skip
    if newest:
        report.notes.append(f"The log has grown since: {newest.size} events were signed at {newest.at}.")
    if not given:
        report.notes.append(
            "No checkpoint from outside was given: whoever holds both the database and the signing key could have"
            " rewritten everything, its checkpoint included."
        )
    elif not attested and not report.findings:
        report.add("unproven", "None of the checkpoints from outside could be related to this export.")


def _settled(c: Checkpoint, trust: Trust, header: Header, report: Report, proofs: Sequence[dict]) -> bool:
    """Is the relation between `c` and the export's own checkpoint known, for good or bad?"""
    inside = trust.inside
    if inside is None:
        return False
    if c.size == inside.size:
        report.add("rewritten", f"Two signed roots for the same {c.size} events: the log was forked or rewritten.")
        return True
    old, new = sorted((c, inside), key=lambda x: x.size)
    found = header.consistency.get(str(old.size)) if new is inside else None
    for proof in proofs:
        if (proof.get("log"), proof.get("old_size"), proof.get("new_size")) == (header.log, old.size, new.size):
            found = proof["proof"]
    if found is None:
        return False
    try:
        verify_consistency(old=old.size, old_root=old.root, new=new.size, new_root=new.root,
                           proof=[hash_of(h) for h in found])  # fmt: skip
    except (BadProof, ValueError, TypeError) as e:
        report.add("rewritten", f"The log of {new.size} events does not continue the log of {old.size}: {e}.")
    else:
        report.checked.append(f"the tree of {new.size} continues the tree of {old.size}")
    return True
