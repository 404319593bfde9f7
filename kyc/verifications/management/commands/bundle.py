"""`manage.py bundle VERIFICATION --out FILE`: a case's evidence in one signed archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kyc.audit import keys
from kyc.audit import services as audit
from kyc.core import clock
from kyc.core.scope import acting_as_system, acting_for, atomic
from kyc.verifications import bundle
from kyc.verifications.models import Verification


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("verification", help="vrf_...")
        parser.add_argument("--out", type=Path, help="default: VERIFICATION.tar here")

    def handle(self, *, verification: str, out: Path | None, **_: Any) -> None:
        with acting_as_system("bundle"):
            with atomic():
                tenant = Verification.objects.filter(pk=verification).values_list("tenant_id", flat=True).first()
            if tenant is None:
                raise CommandError(f"there is no verification {verification}")
            audit.seal_all(now=clock.now())  # so that the last of its events are proved too
            target = out or Path(f"{verification}.tar")
            with acting_for(tenant), target.open("wb") as file:
                signer = keys.signer(Path(settings.AUDIT_KEYS))
                bundle.write(file, verification_id=verification, signer=signer, now=clock.now())
        self.stdout.write(str(target))
