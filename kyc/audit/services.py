"""Writes of the log: notes, sealing, signing, publishing. The sealer needs the system login."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.dispatch import Signal
from psycopg import Cursor

from kyc.audit import checkpoint as checkpoints
from kyc.audit import keys, worm
from kyc.audit.leaf import hash_of_row
from kyc.audit.merkle import Frontier, Hash, subtrees
from kyc.audit.models import Checkpoint, Publication
from kyc.audit.note import Signer
from kyc.audit.queries import PLATFORM, STRIDE, fetch, hashes, roots, unsealed
from kyc.core.scope import alias, atomic

LOCK = 0x41554449  # "AUDI": the advisory lock that makes the sealer one
BATCH = 10_000  # events: 0.3 s of sealing; longer transactions hold back vacuum for everyone
SIGN_EVERY = timedelta(seconds=60)  # the window in which a superuser could rewrite unseen; ADR 0041

log_ = logging.getLogger(__name__)

checkpoint_signed = Signal()  # checkpoint (the row), now: inside the sealer's transaction


@dataclass(slots=True)
class Sealed:
    events: int = 0
    logs: int = 0
    busy: bool = False  # another sealer is at work


@dataclass(slots=True)
class Growth:
    """One log in one batch."""

    log: str
    frontier: Frontier
    leaves: list[tuple[str, int, int, Hash]] = field(default_factory=list)  # log, index, event id, hash
    nodes: list[tuple[str, int, int, Hash]] = field(default_factory=list)  # log, level, index, hash

    def add(self, event_id: int, leaf: Hash) -> None:
        self.leaves.append((self.log, self.frontier.size, event_id, leaf))
        for level, index, h in self.frontier.push(leaf):
            if level % STRIDE == 0:
                self.nodes.append((self.log, level, index, h))


def note(*, action: str, object_type: str, object_id: str, detail: dict | None = None) -> None:
    """Record what is no row change, e.g. that personal data was read. Pseudonyms only, never personal data."""
    with atomic(), connections[alias()].cursor() as cursor:
        cursor.execute(
            "select audit_note(%s, %s, %s, %s::jsonb)",
            [action, object_type, object_id, json.dumps(detail or {})],
        )


def seal(*, now: datetime, limit: int = BATCH, sign_every: timedelta = SIGN_EVERY) -> Sealed:
    """Fold committed events into their logs and sign what is due. One sealer at a time; others return `busy`."""
    with atomic():
        if not fetch("select pg_try_advisory_xact_lock(%s)", [LOCK])[0][0]:
            return Sealed(busy=True)
        outlook = _look_out()
        rows = unsealed(limit)
        grown = _grow(rows)
        _write(grown)
        if len(rows) < limit:  # nothing was left behind
            _remember(outlook)
        _sign_due(now=now, sign_every=sign_every)
    return Sealed(len(rows), len(grown))


def seal_all(
    *, now: datetime, limit: int = BATCH, sign_every: timedelta = timedelta(0), batches: int = 1_000_000
) -> int:
    """Until nothing is left, or so many batches are done. Returns the number of events."""
    total = 0
    for _ in range(batches):
        done = seal(now=now, limit=limit, sign_every=sign_every)
        total += done.events
        if done.events < limit:
            break
    return total


def publish(*, now: datetime, limit: int = 1_000) -> int:
    """Carry signed checkpoints out of the database, in order. No transaction is open while the place is written."""
    place = worm.from_url(settings.AUDIT_WORM_URL)
    with atomic():
        # an id cursor is right here: checkpoints are made by one sealer at a time, so their ids commit in order
        last = Publication.objects.filter(target=place.url).order_by("-checkpoint_id").first()
        waiting = list(Checkpoint.objects.filter(id__gt=last.checkpoint_id if last else 0).order_by("id")[:limit])
    for checkpoint in waiting:
        place.put(worm.name_of(checkpoint.log, checkpoint.tree_size), checkpoint.note.encode())
        with atomic():
            _insert("audit_publication", "checkpoint_id, target, at", "bigint, text, timestamptz",
                    [(checkpoint.pk, place.url, now)], conflict="on conflict do nothing")  # fmt: skip
    return len(waiting)


def _grow(rows: list[tuple]) -> list[Growth]:
    logs = sorted({row[1] or PLATFORM for row in rows})
    grown = {log: Growth(log, frontier) for log, frontier in zip(logs, _frontiers(logs), strict=True)}
    for row in rows:
        grown[row[1] or PLATFORM].add(row[0], hash_of_row(row))
    return list(grown.values())


def _frontiers(logs: list[str]) -> list[Frontier]:
    sizes = dict(fetch("select log, size from audit_head where log = any(%s)", [logs]))
    places = {log: [(log, *p) for p in subtrees(0, sizes.get(log, 0))] for log in logs}
    found = hashes(p for several in places.values() for p in several)
    return [Frontier.of(sizes.get(log, 0), [found[p] for p in places[log]]) for log in logs]


def _write(grown: list[Growth]) -> None:
    _insert("audit_leaf", "log, index, event_id, leaf_hash", "text, bigint, bigint, bytea",
            [leaf for g in grown for leaf in g.leaves])  # fmt: skip
    _insert("audit_node", "log, level, index, hash", "text, smallint, bigint, bytea",
            [node for g in grown for node in g.nodes])  # fmt: skip
    _insert("audit_head", "log, size, signed_size", "text, bigint, bigint",
            [(g.log, g.frontier.size, 0) for g in grown],
            conflict="on conflict (log) do update set size = excluded.size")  # fmt: skip


def _sign_due(*, now: datetime, sign_every: timedelta) -> None:
    due = fetch(
        "select log, size from audit_head where size > signed_size"
        " and (signed_at is null or signed_at <= %s) order by log for update",
        [now - sign_every],
    )
    if not due:
        return
    signer = _signer()
    signed = [_signed(log, size, root, signer, now) for (log, size), root in zip(due, roots(due), strict=True)]
    for row in Checkpoint.objects.bulk_create(signed):
        checkpoint_signed.send(Checkpoint, checkpoint=row, now=now)
    _insert("audit_head", "log, size, signed_size, signed_at", "text, bigint, bigint, timestamptz",
            [(log, size, size, now) for log, size in due],
            conflict="on conflict (log) do update set signed_size = excluded.signed_size,"
            " signed_at = excluded.signed_at")  # fmt: skip


def _signed(log: str, size: int, root: Hash, signer: Signer, now: datetime) -> Checkpoint:
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    statement = checkpoints.Checkpoint(checkpoints.origin_of(signer.name, log), size, root, at)
    return Checkpoint(
        log=log,
        tree_size=size,
        root=root,
        at=now,
        key_id=signer.verifier.key_id,
        note=checkpoints.sign(statement, signer),
    )


def _signer() -> Signer:
    """A new deployment makes its key; one that has signed before and cannot find its key must not make another."""
    directory = Path(settings.AUDIT_KEYS)
    try:
        return keys.signer(directory)
    except FileNotFoundError:
        if Checkpoint.objects.exists():
            raise
        return keys.create(directory, name=settings.AUDIT_ORIGIN)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Taken before the search: what may be concluded if the search then finds everything."""

    mark: int  # nothing unsealed can appear at or below this id
    candidate: int  # the same will hold for this id...
    xid: int  # ...once every transaction numbered below this one has ended


def _look_out() -> Outlook:
    """The order matters, each line a snapshot of its own. A transaction takes its number before its events' ids
    (audit_append). So whoever holds an id up to `last` has a number below the one that we take afterwards; and
    when all those have ended, the search that follows sees every such event.
    """
    [(last,)] = fetch("select coalesce(max(id), 0) from audit_event")
    [(mark, candidate, waited_for, oldest, mine)] = fetch("""
        select mark, candidate, candidate_xid, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
               pg_current_xact_id()::text::bigint from audit_horizon""")
    if waited_for > mine:  # restored into another server, whose numbers are lower: start over
        return Outlook(mark, last, mine)
    return Outlook(candidate, last, mine) if waited_for <= oldest else Outlook(mark, candidate, waited_for)


def _remember(seen: Outlook) -> None:
    with connections[alias()].cursor() as cursor:
        cursor.execute(
            "update audit_horizon set mark = %s, candidate = %s, candidate_xid = %s",
            [seen.mark, seen.candidate, seen.xid],
        )


def _insert(table: str, columns: str, types: str, rows: Iterable[tuple], *, conflict: str = "") -> None:
    """One statement for any number of rows (COPY is not for tables with row-level security)."""
    rows = list(rows)
    if not rows:
        return
    arrays = ", ".join(f"%b::{t.strip()}[]" for t in types.split(","))
    # not Django's cursor: it writes values into the SQL text, and for ten thousand rows that is most of the work
    with Cursor(connections[alias()].connection) as cursor:
        cursor.execute(
            f"insert into {table} ({columns}) select * from unnest({arrays}) {conflict}",  # noqa: S608
            [list(column) for column in zip(*rows, strict=True)],
        )
