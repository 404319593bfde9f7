"""`manage.py audit keygen|key|seal|export|verify|prove|bench`: the log from the command line, as vouch_system."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.dateparse import parse_date, parse_datetime

from kyc.audit import inspect, keys, page, queries, services, sheet
from kyc.audit.export import Selection, lines
from kyc.audit.merkle import consistency_ranges, inclusion_ranges
from kyc.audit.verify.cli import read_checkpoints, tell
from kyc.core import clock
from kyc.core.scope import acting_as_system, atomic

FORMATS = {"jsonl": lambda found: found, "csv": sheet.as_csv, "html": page.render}


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("key", help="print the public key: what an examiner needs once")
        keygen = verbs.add_parser("keygen", help="make the signing key; --rotate replaces it")
        keygen.add_argument("--rotate", action="store_true")
        verbs.add_parser("seal", help="seal, sign and publish everything now")
        export = verbs.add_parser("export", help="write an export")
        export.add_argument("log", help="a tenant's id, or 'platform'")
        export.add_argument("--format", choices=FORMATS, default="jsonl")
        export.add_argument("--out", type=Path, help="file (default: standard output)")
        export.add_argument("--since", type=moment, help="from this day or time on")
        export.add_argument("--until", type=moment, help="before this day or time")
        for name in ("actor", "action", "object-type", "object-id"):
            export.add_argument(f"--{name}")
        export.add_argument("--against", type=int, metavar="SIZE",
                            help="prove that it continues the checkpoint of this size")  # fmt: skip
        verify = verbs.add_parser("verify", help="compare the database with its checkpoints, the published ones too")
        verify.add_argument("log", nargs="*", help="tenants' ids or 'platform' (default: all)")
        verify.add_argument("--checkpoint", type=Path, action="append", default=[], help="kept outside; repeatable")
        bench = verbs.add_parser("bench", help="measure sealing and verifying, in a database made for it")
        bench.add_argument("--seal", type=int, default=50_000, help="events to write and seal")
        bench.add_argument("--verify", type=int, default=1_000_000, help="events in the export to verify")
        bench.add_argument("--out", type=Path, help="also write JSON here")
        prove = verbs.add_parser("prove", help="a proof as JSON")
        prove.add_argument("kind", choices=["inclusion", "consistency"])
        prove.add_argument("log")
        prove.add_argument("number", type=int, help="inclusion: the event's index; consistency: the older size")

    def handle(self, *args: Any, verb: str, **asked: Any) -> None:
        with acting_as_system("audit-command"):
            status = getattr(self, f"do_{verb}")(**asked)
        if status:
            sys.exit(status)

    def do_key(self, **_: Any) -> None:
        for verifier in keys.verifiers(Path(settings.AUDIT_KEYS)):
            self.stdout.write(str(verifier))

    def do_keygen(self, *, rotate: bool, **_: Any) -> None:
        directory = Path(settings.AUDIT_KEYS)
        key = keys.rotate(directory) if rotate else keys.create(directory, name=settings.AUDIT_ORIGIN)
        self.stdout.write(str(key.verifier))

    def do_seal(self, **_: Any) -> None:
        total = services.seal_all(now=clock.now())
        published = 0
        while some := services.publish(now=clock.now()):
            published += some
        self.stdout.write(f"{total} events sealed, {published} checkpoints published to {settings.AUDIT_WORM_URL}")

    def do_export(self, *, log: str, format: str, out: Path | None, against: int | None, **asked: Any) -> None:
        wanted = Selection(**{name: asked[name] for name in Selection.__slots__ if name in asked})
        with atomic():
            self._write(FORMATS[format](lines(log, wanted, against=against)), out)

    def _write(self, found: Iterable[bytes], out: Path | None) -> None:
        if out is None:
            self.stdout.flush()
            sys.stdout.buffer.writelines(found)
            return
        with out.open("wb") as file:
            file.writelines(found)

    def do_verify(self, *, log: list[str], checkpoint: list[Path], **_: Any) -> int:
        outside = list(read_checkpoints(checkpoint))
        worst = 0
        for report in inspect.verify_store(log or None, outside=outside):
            tell(report, self.stdout)
            worst = max(worst, report.exit)
        return worst

    def do_bench(self, *, seal: int, verify: int, out: Path | None, **_: Any) -> int:
        from kyc.audit import bench

        return 0 if bench.run(seal=seal, verify_=verify, out=self.stdout, result=out) else 1

    def do_prove(self, *, kind: str, log: str, number: int, **_: Any) -> None:
        with atomic():
            size = queries.last_checkpoint(log).tree_size
            inclusion = kind == "inclusion"
            ranges = inclusion_ranges(number, size) if inclusion else consistency_ranges(number, size)
            said = {"index": number, "tree_size": size} if inclusion else {"old_size": number, "new_size": size}
            proof = [h.hex() for h in queries.proof(log, ranges)]
        self.stdout.write(json.dumps({"log": log, **said, "proof": proof}))


def moment(text: str) -> datetime:
    """A day (its midnight) or a time; UTC unless it says otherwise."""
    try:
        found = parse_datetime(text) or ((day := parse_date(text)) and datetime(day.year, day.month, day.day))
    except ValueError as e:
        raise argparse.ArgumentTypeError(str(e)) from e
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a day nor a time")
    return found if found.tzinfo else found.replace(tzinfo=UTC)
