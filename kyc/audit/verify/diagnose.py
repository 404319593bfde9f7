"""Something is wrong with a range: say what and where, as exactly as signed hashes allow.

Three witnesses, from fine to coarse. (1) Each line carries its leaf's hash. (2) The trailer carries the hashes
of blocks of 16; if they lead to a signed root they are the log's, and every block can be judged alone.
(3) Older checkpoints say up to which size the export still agrees with what was signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kyc.audit.checkpoint import Checkpoint
from kyc.audit.format import Entry
from kyc.audit.merkle import Hash
from kyc.audit.verify.claims import Claims, root_of
from kyc.audit.verify.findings import Report

NAMED = 20  # findings of one kind are named up to this many; more are counted
FARTHEST = 16  # how many removed or inserted events a renumbering is searched for


def name_disorder(claims: Claims, report: Report) -> None:
    """What the line numbers alone betray."""
    for start, end in claims.missing[:NAMED]:
        if end == claims.end:
            report.add("truncated", f"The export ends at event {start - 1}: {_events(start, end)} missing.",
                       index=start, last_index=end - 1)  # fmt: skip
        else:
            report.add("missing", f"{_events(start, end).capitalize()} missing.", index=start, last_index=end - 1)
    for index in claims.displaced[:NAMED]:
        report.add("reordered", f"Event {index} stands after a later one.", index=index)
    for index in claims.duplicated[:NAMED]:
        report.add("duplicated", f"Event {index} appears twice.", index=index)
    for index in claims.beyond[:NAMED]:
        report.add("inserted", f"Event {index} lies outside the range that the export announces.", index=index)
    for code, several in (("missing", claims.missing), ("reordered", claims.displaced),
                          ("duplicated", claims.duplicated), ("inserted", claims.beyond)):  # fmt: skip
        if len(several) > NAMED:
            report.add(code, f"... and {len(several) - NAMED} more like these.")


def name_altered(altered: Sequence[tuple[int, Entry]], report: Report) -> None:
    """The claimed hashes are the log's, so these events, and only these, differ from what was sealed."""
    for line, entry in altered[:NAMED]:
        if entry.event is None:
            report.add("deleted", f"Event {entry.index} was deleted from the store; the log proves it existed.",
                       index=entry.index, line=line)  # fmt: skip
        else:
            report.add("edited", f"Event {entry.index} (id {entry.event_id}) is not what was sealed: it was edited.",
                       index=entry.index, line=line, event_id=entry.event_id)  # fmt: skip
    if len(altered) > NAMED:
        report.add("edited", f"... and {len(altered) - NAMED} more events were edited or deleted.")


def name_departure(
    claims: Claims,
    altered: Sequence[tuple[int, Entry]],
    ids: Mapping[int, int],
    roots: Mapping[int, Hash],
    trusted: Sequence[Checkpoint],
    report: Report,
) -> None:
    """The claimed hashes do not lead to the signed roots."""
    whole = [c for c in trusted if c.size == claims.tree_size and roots.get(c.size) != c.root]
    anchor = next((c for c in whole if claims.blocks_lead_to(c.root)), None)
    if anchor is not None:
        _judge_blocks(claims, altered, ids, report)
    else:
        _judge_prefixes(roots, trusted, report)


def _judge_blocks(claims: Claims, altered: Sequence[tuple[int, Entry]], ids: Mapping[int, int], report: Report) -> None:
    bad = []
    for (level, index), signed in zip(claims.places(), claims.blocks, strict=True):
        start, end = index << level, (index + 1) << level
        if claims.hash_of(start, end) != signed:
            bad.append((start, end, signed))
    inside = [(line, e) for line, e in altered if any(start <= e.index < end for start, end, _ in bad)]
    name_altered([pair for pair in altered if pair not in inside], report)
    if shift := _shift(claims, bad):
        start, end, _ = bad[0]
        what = f"{abs(shift)} removed" if shift < 0 else f"{shift} inserted"
        report.add("removed" if shift < 0 else "inserted",
                   f"Between events {start} and {end - 1}, {what}, and all later events were renumbered.",
                   index=start, last_index=end - 1)  # fmt: skip
        return
    for start, end, signed in bad[:NAMED]:
        _judge_block(claims, start, end, signed, ids, report)
    if len(bad) > NAMED:
        report.add("rewritten", f"... and {len(bad) - NAMED} more blocks differ.")


def _judge_block(claims: Claims, start: int, end: int, signed: Hash, ids: Mapping[int, int], report: Report) -> None:
    leaves = [claims.at(i) for i in range(start, end)]
    if None in leaves:
        return  # named as missing
    by_id = sorted(range(start, end), key=lambda i: ids.get(i, 0))
    if root_of([leaves[i - start] or b"" for i in by_id]) == signed:
        moved = [i for i, was in zip(range(start, end), by_id, strict=True) if i != was]
        report.add("reordered", f"Events {', '.join(map(str, moved[:NAMED]))} have been put in another order.",
                   index=moved[0], last_index=moved[-1])  # fmt: skip
    elif end - start == 1:
        report.add("edited", f"Event {start} (id {ids.get(start)}) was replaced together with its hash.",
                   index=start, event_id=ids.get(start))  # fmt: skip
    else:
        report.add("rewritten", f"Among events {start} to {end - 1} at least one was replaced together with its hash.",
                   index=start, last_index=end - 1)  # fmt: skip


def _shift(claims: Claims, bad: Sequence[tuple[int, int, Hash]]) -> int:
    """Do the blocks after the first bad one reappear a few places off? -1: one event less than there was."""
    if len(bad) < 2:
        return 0
    start, end, signed = bad[1]
    for distance in range(1, FARTHEST + 1):
        for shift in (-distance, distance):
            if claims.hash_of(start, end, shift=shift) == signed:
                return shift
    return 0


def _judge_prefixes(roots: Mapping[int, Hash], trusted: Sequence[Checkpoint], report: Report) -> None:
    comparable = [c for c in trusted if c.size in roots]
    if not comparable:
        if not report.findings:
            report.add("rewritten", "The export's hashes do not lead to the signed root.")
        return
    bad = min((c for c in comparable if roots[c.size] != c.root), key=lambda c: c.size)
    good = max((c.size for c in comparable if roots[c.size] == c.root and c.size < bad.size), default=0)
    resigned = any(roots[c.size] == c.root and c.size >= bad.size for c in comparable)
    kept = f"Events 0 to {good - 1} are as they were signed, but at" if good else "At"
    report.add(
        "rewritten",
        f"The export does not lead to the root of {bad.size} events signed at {bad.at}. {kept} least one event in"
        f" {good} to {bad.size - 1} was changed, removed, added or moved"
        + (", and the log was signed again after that." if resigned else "."),
        index=good,
        last_index=bad.size - 1,
    )


def _events(start: int, end: int) -> str:
    return f"event {start} is" if end - start == 1 else f"events {start} to {end - 1} are"
