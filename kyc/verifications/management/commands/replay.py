"""`manage.py replay BUNDLE`: verify the archive, decide again, compare. Exit status 1 when anything differs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kyc.audit import bundle, keys
from kyc.audit.note import BadNote, BadSignature
from kyc.audit.verify.cli import read_keys
from kyc.verifications.replay import Replayed, replay


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("bundle", type=Path)
        parser.add_argument("--key", action="append", default=[], help="a public key (default: this deployment's)")

    def handle(self, *, key: list[str], **options: Any) -> None:
        verifiers = read_keys(key) if key else keys.verifiers(Path(settings.AUDIT_KEYS))
        try:
            with options["bundle"].open("rb") as file:
                found = bundle.read(file, verifiers=verifiers)
            decisions = replay(found)
        except (bundle.BadBundle, BadNote, BadSignature, OSError) as e:
            raise CommandError(f"cannot replay: {e}", returncode=2) from e
        self.stdout.write(f"signed by {found.signed_by.name} ({found.signed_by.key_id}), nothing changed since")
        for decision in decisions:
            self._tell(decision)
        if any(decision.differences for decision in decisions):
            sys.exit(1)

    def _tell(self, decision: Replayed) -> None:
        verdict = decision.skipped or ("DIFFERS" if decision.differences else "the same again")
        self.stdout.write(f"decision {decision.number}: {decision.outcome} by {decision.by}: {verdict}")
        for d in decision.differences:
            self.stdout.write(f"  {d.what}: recorded {d.recorded!r}, replayed {d.replayed!r}")
