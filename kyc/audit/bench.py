"""`manage.py audit bench`: how fast events are written, sealed, exported and verified. Table and JSON.

It works on a tenant of its own name in whatever database it is given: point it at one made for the purpose, for
what an append-only log has taken it never gives back.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connections

from kyc.audit import export, keys, services
from kyc.audit.canonical import canonical
from kyc.audit.checkpoint import Checkpoint, origin_of, sign
from kyc.audit.format import BLOCK, Entry, Header, trailer_line
from kyc.audit.merkle import Frontier, fold, leaf_hash, subtrees
from kyc.audit.note import Signer
from kyc.audit.queries import fetch
from kyc.audit.verify.export import verify
from kyc.audit.verify.findings import Exit
from kyc.core import clock
from kyc.core.scope import acting_for, atomic

LOG = "tnt_bench"
SEALED_PER_SECOND = 5_000  # the promise, on two cores
MILLION_WITHIN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Measured:
    what: str
    events: int
    seconds: float
    cpu: float  # seconds of this process; PostgreSQL's own come on top

    @property
    def rate(self) -> float:
        return self.events / self.seconds


def run(*, seal: int, verify_: int, out: IO[str], result: Path | None) -> bool:
    """True when both promises are kept. `seal`: events through the database; `verify_`: in the offline export."""
    measured = [*_through_database(seal), *_offline(verify_)]
    out.write(f"{'':44}{'events':>10}{'seconds':>10}{'our CPU':>10}{'per second':>12}\n")
    for m in measured:
        out.write(f"{m.what:44}{m.events:>10,}{m.seconds:>10.2f}{m.cpu:>10.2f}{m.rate:>12,.0f}\n")
    by_name = {m.what: m for m in measured}
    sealing = by_name["sealed, signed"].rate
    million = 1_000_000 / by_name["export verified offline"].rate
    kept = sealing >= SEALED_PER_SECOND and million <= MILLION_WITHIN
    out.write(f"sealing: {sealing:,.0f} events/s (promise {SEALED_PER_SECOND:,}); "
              f"a million verified in {million:.1f} s (promise {MILLION_WITHIN:.0f} s); "
              f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}\n")  # fmt: skip
    if result:
        result.write_text(json.dumps(_described(measured, kept), indent=2) + "\n")
    return kept


def _described(measured: list[Measured], kept: bool) -> dict:
    return {
        "at": clock.now().isoformat(),
        "machine": {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
                    "load_1m": os.getloadavg()[0]},
        "promises_kept": kept,
        "measured": [asdict(m) | {"per_second": round(m.rate)} for m in measured],
    }  # fmt: skip


def _through_database(count: int) -> Iterator[Measured]:
    services.seal_all(now=clock.now())  # whatever else lies there is not ours to measure
    with acting_for(LOG, actor="bench", system=True):
        yield _timed("written by audit_note, one transaction", count, lambda: _write(count))
    yield _timed("sealed, signed", count, lambda: services.seal_all(now=clock.now()))
    directory = Path(settings.AUDIT_KEYS)
    with tempfile.TemporaryFile() as file, atomic():
        size = fetch("select size from audit_head where log = %s", [LOG])[0][0]
        yield _timed("exported from the database", size, lambda: file.writelines(export.lines(LOG)))
        file.seek(0)
        yield _timed("... and verified", size, lambda: _check(file, keys.verifiers(directory)))


def _offline(count: int) -> Iterator[Measured]:
    signer = Signer.generate("bench.example/audit")
    with tempfile.TemporaryFile() as file:
        yield _timed("made: canonical JSON, hashed, tree, written", count, lambda: _make(file, count, signer))
        file.seek(0)
        yield _timed("export verified offline", count, lambda: _check(file, [signer.verifier]))


def _write(count: int) -> None:
    """What a busy tenant leaves: an object, a few shown columns, a request."""
    with atomic(), connections["system"].cursor() as cursor:
        cursor.execute(
            "select count(audit_note('verification.viewed', 'verifications_verification', 'vrf_' || g,"
            " jsonb_build_object('state', 'in_review', 'position', g))) from generate_series(1, %s) g",
            [count],
        )


def _make(file: IO[bytes], count: int, signer: Signer) -> None:
    frontier, leaves, blocks = Frontier(), [], {}
    events = []
    for i in range(count):
        event = _event(i)
        leaf = leaf_hash(event)
        events.append(event)
        leaves.append(leaf)
        for level, index, h in frontier.push(leaf):
            if level <= BLOCK:
                blocks[level, index] = h
    at = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    note = sign(Checkpoint(origin_of(signer.name, LOG), count, frontier.root(), at), signer)
    file.write(Header(LOG, "range", count, note, 0, count).line())
    file.writelines(Entry(event, i, leaf).line() for i, (event, leaf) in enumerate(zip(events, leaves, strict=True)))
    places = subtrees(0, count, largest=BLOCK)
    file.write(trailer_line(count=count, blocks=[blocks[p] if p[0] else fold([leaves[p[1]]]) for p in places]))


def _event(i: int) -> bytes:
    return canonical({
        "v": 1, "id": i + 1, "tenant_id": LOG, "actor": f"job:job_{i:026d}", "action": "verifications_check.insert",
        "object_type": "verifications_check", "object_id": f"chk_{i:026d}", "before": None, "after": "ab" * 32,
        "changes": {"name": [None, "match"], "result": [None, "pass"]}, "detail": {}, "request_id": f"req_{i:026d}",
        "txid": str(i), "at": "2026-01-01T00:00:00.000000Z",
    })  # fmt: skip


def _check(file: IO[bytes], verifiers: list) -> None:
    report = verify(file, verifiers=verifiers)
    if report.exit != Exit.VERIFIED:
        raise AssertionError(report.as_json())


def _timed(what: str, count: int, work: Callable[[], object]) -> Measured:
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return Measured(what, count, time.perf_counter() - started, time.process_time() - cpu)
