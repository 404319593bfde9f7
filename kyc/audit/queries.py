"""Reads of the log. Every function runs inside core.scope.atomic(): a tenant sees its own log, the system all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connections

from kyc.audit.leaf import COLUMNS
from kyc.audit.merkle import Hash, Place, Range, fold, places_of, prove, subtrees
from kyc.audit.models import Checkpoint
from kyc.core.errors import NotFound
from kyc.core.scope import alias

PLATFORM = "platform"  # the log of what belongs to no tenant
STRIDE = 4  # levels: keeping one in four needs a fifteenth of the rows of all, and at most 8 reads more per proof

# Ids commit out of order, so "after the last id I saw" would step over a late one for ever. Instead: whatever has
# no leaf. The search starts at a mark below which, provably, nothing can still appear (services._look_out).
UNSEALED = f"""
    select {COLUMNS} from audit_event e
    where e.id > (select mark from audit_horizon)
      and not exists (select from audit_leaf l where l.event_id = e.id)
    order by e.id limit %s
"""  # noqa: S608  (COLUMNS is a constant)


def fetch(sql: str, parameters: Any = None) -> list[tuple]:
    with connections[alias()].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def unsealed(limit: int) -> list[tuple]:
    """Committed events without a leaf, oldest first, as leaf.COLUMNS."""
    return fetch(UNSEALED, [limit])


def size(log: str) -> int:
    """Events sealed into this log."""
    [(last,)] = fetch("select max(index) from audit_leaf where log = %s", [log])
    return 0 if last is None else last + 1


def hashes(places: Iterable[tuple[str, int, int]]) -> dict[tuple[str, int, int], Hash]:
    """The hashes of complete subtrees (log, level, index), two queries for all of them. NotFound if one is absent."""
    wanted = list(places)
    kept = {place for log, level, index in wanted for place in _kept(log, level, index)}
    found = _read(
        [p for p in kept if p[1] == 0],
        "select w.log, 0, l.index, l.leaf_hash from %s join audit_leaf l on l.log = w.log and l.index = w.index",
    )
    found |= _read([p for p in kept if p[1]], "select w.log, n.level, n.index, n.hash from %s join audit_node n"
                   " on n.log = w.log and n.level = w.level and n.index = w.index")  # fmt: skip
    if len(found) < len(kept):
        raise NotFound("The log has no such part.", next_step="Ask for indices below the last checkpoint's size.")
    return {place: fold_even([found[k] for k in _kept(*place)]) for place in wanted}


def range_hashes(log: str, start: int, end: int) -> list[Hash]:
    """The hashes at merkle.subtrees(start, end)."""
    places = [(log, level, index) for level, index in subtrees(start, end)]
    found = hashes(places)
    return [found[p] for p in places]


def root(log: str, tree_size: int) -> Hash:
    return roots([(log, tree_size)])[0]


def roots(trees: Sequence[tuple[str, int]]) -> list[Hash]:
    """The roots of many logs (log, size) at the cost of two queries."""
    places = [[(log, *place) for place in subtrees(0, tree_size)] for log, tree_size in trees]
    found = hashes(p for several in places for p in several)
    return [fold([found[p] for p in several]) for several in places]


def proof(log: str, ranges: Sequence[Range]) -> list[Hash]:
    """The hashes of merkle.inclusion_ranges or merkle.consistency_ranges."""
    return proofs(log, [ranges])[0]


def proofs(log: str, many: Sequence[Sequence[Range]]) -> list[list[Hash]]:
    """Many proofs at the cost of two queries."""
    places: set[Place] = {place for ranges in many for place in places_of(ranges)}
    found = hashes((log, level, index) for level, index in places)
    return [prove(ranges, lambda level, index: found[(log, level, index)]) for ranges in many]


def last_checkpoint(log: str) -> Checkpoint:
    latest = Checkpoint.objects.filter(log=log).order_by("-tree_size").first()
    if latest is None:
        raise NotFound(
            "This log has no checkpoint yet.", next_step="Wait for the sealer, or run `manage.py audit seal`."
        )
    return latest


def logs() -> list[str]:
    return [log for (log,) in fetch("select log from audit_head order by log")]


def rows(sql: str, parameters: Any, *, chunk: int = 2000) -> Iterator[tuple]:
    """A server-side cursor: an export of millions is never in memory."""
    connection = connections[alias()]
    connection.ensure_connection()
    with connection.connection.cursor(name="audit_export") as cursor:
        cursor.itersize = chunk
        cursor.execute(sql, parameters)
        yield from cursor


def fold_even(row: Sequence[Hash]) -> Hash:
    """The hash over 2**n adjacent subtrees of equal size."""
    while len(row) > 1:
        row = [fold(row[i : i + 2]) for i in range(0, len(row), 2)]
    return row[0]


def _kept(log: str, level: int, index: int) -> list[tuple[str, int, int]]:
    """The stored subtrees that make up this one."""
    down = level % STRIDE
    return [(log, level - down, (index << down) + i) for i in range(1 << down)]


def _read(places: list[tuple[str, int, int]], sql: str) -> dict[tuple[str, int, int], Hash]:
    if not places:
        return {}
    wanted = "unnest(%s::text[], %s::int[], %s::bigint[]) as w(log, level, index)"
    found = fetch(sql.replace("%s", wanted, 1), [list(column) for column in zip(*places, strict=True)])
    return {(log, level, index): bytes(h) for log, level, index, h in found}
