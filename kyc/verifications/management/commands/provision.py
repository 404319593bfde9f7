import json

from django.core.management.base import BaseCommand

from kyc.core import clock
from kyc.core.scope import Scope, acting
from kyc.verifications import provision


class Command(BaseCommand):
    help = "Make a bank: a live and a sandbox tenant, each with the default policy and an API key (shown once)."

    def add_arguments(self, parser):
        parser.add_argument("name")
        parser.add_argument("--json", action="store_true")

    def handle(self, *, name, **options):
        with acting(Scope(None, "operator:provision")):
            made = provision.bank(name=name, now=clock.now())
        keys = {mode: {"tenant": p.tenant.pk, "key": p.secret} for mode, p in made.items()}
        lines = [f"{mode:8} {k['tenant']}  {k['key']}" for mode, k in keys.items()]
        self.stdout.write(json.dumps(keys) if options["json"] else "\n".join(lines))
