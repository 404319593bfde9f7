"""Exports: a range of the log (proves completeness) or a selection (each event with its proof).

`lines` yields the lines of kyc.audit.format and runs inside core.scope.atomic(). An export reaches up to the last
checkpoint, so that everything in it is signed for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from kyc.audit import queries
from kyc.audit.format import BLOCK, Entry, Header, trailer_line
from kyc.audit.leaf import COLUMNS, leaf_of
from kyc.audit.merkle import consistency_ranges, inclusion_ranges, subtrees
from kyc.audit.models import Checkpoint

PROVED_AT_ONCE = 500  # events whose proofs share two queries

ROWS = f"""
    select l.index, l.leaf_hash, {COLUMNS} from audit_leaf l left join audit_event e on e.id = l.event_id
    where l.log = %(log)s and l.index >= %(first)s and l.index < %(end)s
"""  # noqa: S608  (COLUMNS is a constant)


@dataclass(frozen=True, slots=True)
class Selection:
    """What to export; everything if nothing is said. `since` <= event < `until`."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    action: str | None = None
    objects: tuple[str, ...] = ()  # any of these object ids

    @property
    def scattered(self) -> bool:
        """Does it pick single events, where a period takes a piece of the log?"""
        return any((self.actor, self.object_type, self.object_id, self.action, self.objects))

    def words(self) -> dict[str, str]:
        said = {name: getattr(self, name) for name in self.__slots__ if name != "objects"}
        found = {k: v.isoformat() if isinstance(v, datetime) else v for k, v in said.items() if v}
        return found | ({"objects": ", ".join(self.objects)} if self.objects else {})

    def where(self) -> tuple[str, dict[str, Any]]:
        said = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        if self.objects:
            said["objects"] = list(self.objects)  # PostgreSQL's array, where a tuple would be a row
        tests = {
            "since": "e.at >= %(since)s",
            "until": "e.at < %(until)s",
            "objects": "e.object_id = any(%(objects)s)",
        }
        return "".join(f" and {tests.get(name, f'e.{name} = %({name})s')}" for name in said), said


def lines(log: str, wanted: Selection | None = None, *, against: int | None = None) -> Iterator[bytes]:
    """The export of one log. `against`: the size of an older checkpoint that it shall be shown to continue.

    Raises core.errors.NotFound when the log has no checkpoint yet.
    """
    wanted = wanted or Selection()
    checkpoint = queries.last_checkpoint(log)
    parts = _selection if wanted.scattered else _range
    return parts(log, wanted, checkpoint, _consistency(log, against, checkpoint.tree_size))


def _range(log: str, wanted: Selection, checkpoint: Checkpoint, consistency: dict) -> Iterator[bytes]:
    size = checkpoint.tree_size
    first, end = _period(log, wanted, size) if wanted.since or wanted.until else (0, size)
    yield Header(
        log, "range", size, checkpoint.note, first, end,
        left=_hex(queries.range_hashes(log, 0, first)), right=_hex(queries.range_hashes(log, end, size)),
        selection=wanted.words(), consistency=consistency,
    ).line()  # fmt: skip
    count = 0
    for row in queries.rows(ROWS + " order by l.index", {"log": log, "first": first, "end": end}):
        yield _entry(row).line()
        count += 1
    yield trailer_line(count=count, blocks=_blocks(log, first, end))


def _selection(log: str, wanted: Selection, checkpoint: Checkpoint, consistency: dict) -> Iterator[bytes]:
    size = checkpoint.tree_size
    yield Header(log, "proofs", size, checkpoint.note, selection=wanted.words(), consistency=consistency).line()
    where, said = wanted.where()
    rows = queries.rows(f"{ROWS} {where} order by l.index", {"log": log, "first": 0, "end": size, **said})
    count = 0
    for batch in _batches(rows, PROVED_AT_ONCE):
        entries = [_entry(row) for row in batch]
        proofs = queries.proofs(log, [inclusion_ranges(entry.index, size) for entry in entries])
        for entry, proof in zip(entries, proofs, strict=True):
            yield Entry(entry.event, entry.index, entry.leaf, tuple(proof)).line()
        count += len(entries)
    yield trailer_line(count=count, blocks=())


def _period(log: str, wanted: Selection, size: int) -> tuple[int, int]:
    """The piece of the log that holds every event of the period. Events are sealed in batches, so that a few
    at its edges may lie outside the period: the price of a piece without holes."""
    where, said = wanted.where()
    [(first, last)] = queries.fetch(  # every piece of this SQL is a constant of this module
        "select min(l.index), max(l.index) from audit_event e join audit_leaf l on l.event_id = e.id"  # noqa: S608
        f" where l.log = %(log)s and l.index < %(size)s and e.tenant_id is not distinct from %(tenant)s{where}",
        {"log": log, "size": size, "tenant": None if log == queries.PLATFORM else log, **said},
    )
    return (0, 0) if first is None else (first, last + 1)


def _consistency(log: str, old: int | None, new: int) -> dict[str, list[str]]:
    if old is None or not 0 < old < new:
        return {}
    return {str(old): list(_hex(queries.proof(log, consistency_ranges(old, new))))}


def _blocks(log: str, first: int, end: int) -> Iterator[bytes]:
    places = [(log, *place) for place in subtrees(first, end, largest=BLOCK)]
    for some in _batches(iter(places), 20_000):
        found = queries.hashes(some)
        yield from (found[place] for place in some)


def _entry(row: tuple) -> Entry:
    index, leaf, *event = row
    return Entry(None if event[0] is None else leaf_of(event), index, bytes(leaf))


def _batches(items: Iterator, size: int) -> Iterator[list]:
    while some := list(islice(items, size)):
        yield some


def _hex(hashes: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(h.hex() for h in hashes)
