"""Verify an export. `verify` is the whole story; `diagnose` says where, once something is wrong.

What is trusted: the public key, and checkpoints it signed, best those kept outside the deployment. Everything
in the export itself is a claim until it leads to a checkpoint's root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kyc.audit.checkpoint import Checkpoint
from kyc.audit.format import Entry, Header, parse_entry, parse_header, parse_trailer
from kyc.audit.merkle import BadProof, Hash, leaf_hash, verify_inclusion
from kyc.audit.note import Verifier
from kyc.audit.verify.claims import Claims
from kyc.audit.verify.diagnose import NAMED, name_altered, name_departure, name_disorder
from kyc.audit.verify.findings import Report
from kyc.audit.verify.trust import establish, relate


@dataclass(slots=True)
class Reading:
    """One pass over the file."""

    header: Header
    indices: list[int] = field(default_factory=list)
    leaves: list[Hash] = field(default_factory=list)  # as the export claims them
    event_ids: list[int | None] = field(default_factory=list)
    altered: list[tuple[int, Entry]] = field(default_factory=list)  # (line, entry): content is not what was hashed
    reformatted: int = 0
    blocks: list[Hash] = field(default_factory=list)
    count: int | None = None  # as the trailer says; None when the file has no end

    def ids(self) -> dict[int, int]:
        """Event ids by index, as far as they can be read."""
        return {i: n for i, n in zip(self.indices, self.event_ids, strict=True) if n is not None}


def verify(
    lines: Iterable[bytes],
    *,
    verifiers: Sequence[Verifier],
    checkpoints: Sequence[str] = (),
    archive: Sequence[str] = (),
    consistency: Sequence[dict] = (),
) -> Report:
    """Check an export (its lines) against signed checkpoints. Raises format.BadExport when it is no export.

    `checkpoints` are notes from outside that the export must reach; those of an `archive` may be newer than it.
    The one inside the export is always checked too. `consistency` are proofs as the API gives them:
    {"log", "old_size", "new_size", "proof"}.
    """
    stream = iter(lines)
    header = parse_header(next(stream, b""))
    report = Report(header.log, header.kind, header.tree_size, header.first, header.end)
    trust = establish(header, verifiers=verifiers, required=checkpoints, archive=archive, report=report)
    reading = Reading(header)
    _read(stream, reading, report, trust.inside)
    report.events = len(reading.leaves)
    if header.kind == "proofs":
        _judge_selection(reading, report)
    else:
        _judge_range(reading, report, trust.checkpoints)
    relate(header, trust, report, given=[*checkpoints, *archive], proofs=consistency)
    return report


def _read(stream: Iterable[bytes], reading: Reading, report: Report, inside: Checkpoint | None) -> None:
    selection = reading.header.kind == "proofs"
    malformed = 0
    for number, line in enumerate(stream, start=2):
        entry = parse_entry(line)
        if entry is None:
            trailer = parse_trailer(line)
            if trailer is not None and reading.count is None:
                reading.count, reading.blocks = trailer
                continue
            malformed += 1
            if malformed <= NAMED:
                report.add("malformed", f"Line {number} is no event that two readers would read alike.", line=number)
            continue
        if reading.count is not None:
            report.add("inserted", f"Line {number} stands after the end of the export.", line=number)
        reading.indices.append(entry.index)
        reading.leaves.append(entry.leaf)
        reading.event_ids.append(entry.event_id)
        reading.reformatted += not entry.exact
        if entry.event is None or leaf_hash(entry.event) != entry.leaf:
            reading.altered.append((number, entry))
        if selection and inside is not None:
            _prove(entry, inside, report, number)
    if malformed > NAMED:
        report.add("malformed", f"{malformed - NAMED} more lines are no events.")


def _prove(entry: Entry, inside: Checkpoint, report: Report, line: int) -> None:
    try:
        verify_inclusion(
            leaf=entry.leaf, index=entry.index, size=inside.size, proof=entry.proof or (), root=inside.root
        )
    except BadProof as e:
        report.add("bad_proof", f"The proof of event {entry.index} fails: {e}.", index=entry.index, line=line,
                   event_id=entry.event_id)  # fmt: skip


def _judge_selection(reading: Reading, report: Report) -> None:
    name_altered(reading.altered, report)
    if reading.count is None or reading.count != len(reading.leaves):
        said = "has no end" if reading.count is None else f"announces {reading.count} events"
        report.add("truncated", f"The export {said}; it holds {len(reading.leaves)}.")
    if not report.findings:
        report.checked.append(f"each of {len(reading.leaves)} events is in the log, unchanged, at its place")
    report.notes.append("A selection proves what it contains, not that nothing was left out; a range proves both.")


def _judge_range(reading: Reading, report: Report, trusted: Sequence[Checkpoint]) -> None:
    claims = Claims.of(reading.header, reading.indices, reading.leaves, reading.blocks)
    name_disorder(claims, report)
    roots = claims.roots({c.size for c in trusted})
    comparable = [c for c in trusted if c.size in roots]
    broken = [c for c in comparable if roots[c.size] != c.root]
    if trusted and not comparable and claims.complete:
        report.add("malformed", "The header's sides do not fit its range: nothing leads to a signed root.")
    elif broken or (trusted and not claims.complete):
        name_departure(claims, reading.altered, reading.ids(), roots, trusted, report)
    else:
        name_altered(reading.altered, report)
    if reading.count is None and claims.complete:
        report.add("truncated", "The export's last line is missing, though all its events are there.")
    if comparable and not report.findings:
        end = claims.end if comparable[-1].size == claims.tree_size else comparable[-1].size
        report.checked.append(
            f"events {claims.first} to {end - 1} are complete, unchanged and in order"
            if end > claims.first
            else "the range is empty, as it was when signed"
        )
    if claims.end - claims.first < claims.tree_size:
        report.notes.append(f"The log had {claims.tree_size} events; this is a part of it.")
    if reading.reformatted:
        report.notes.append(f"{reading.reformatted} lines were reformatted by another program; they say the same.")
