import json

from django.core.management.base import BaseCommand
from django.db import Error

from kyc.core.scope import Scope, acting
from kyc.operations.health import findings
from kyc.operations.views import measured


class Command(BaseCommand):
    help = "Is Vouch well? Every figure with its limit, and what to do. Exit status 1 when something is not well."

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true")

    def handle(self, **options):
        try:
            with acting(Scope(None, "operator:doctor")):
                found = findings(measured())
        except Error as e:
            self.stderr.write(
                f"PostgreSQL does not answer: {e}\nStart it, or correct DATABASE_URL; nothing else can be told."
            )
            raise SystemExit(2) from e
        self.stdout.write(as_json(found) if options["json"] else as_text(found))
        if not all(f.well for f in found):
            raise SystemExit(1)


def as_text(found) -> str:
    lines = []
    for f in found:
        value = "nothing there" if f.value is None else f"{f.value:g} {f.limit.unit}"
        mark = "ok  " if f.well else "BAD "
        lines.append(f"{mark} {value:>16}  {f.limit.says} (at most {f.limit.most:g})")
        if not f.well:
            lines.append(f"{'':22}-> {f.limit.advice}")
    return "\n".join(lines)


def as_json(found) -> str:
    return json.dumps({f.limit.figure: {"value": f.value, "well": f.well} for f in found})
