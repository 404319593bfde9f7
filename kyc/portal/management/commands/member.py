import json

from django.core.management.base import BaseCommand, CommandError

from kyc.core import clock
from kyc.core.scope import Scope, acting, acting_for, atomic
from kyc.portal import services
from kyc.tenants.models import Membership, Tenant


class Command(BaseCommand):
    help = "Let a person sign in to a bank's portal; prints their first password, once."

    def add_arguments(self, parser):
        parser.add_argument("tenant")
        parser.add_argument("username")
        parser.add_argument("--role", choices=Membership.Role.values, default=Membership.Role.REVIEWER)

    def handle(self, *, tenant, username, role, **_):
        with acting(Scope(None, "operator:member")):
            with acting_for(tenant), atomic():
                found = Tenant.objects.filter(pk=tenant).first()
            if found is None:
                raise CommandError("There is no such tenant.")
            password = services.add_member(tenant=found, username=username, role=role, now=clock.now())
        self.stdout.write(json.dumps({"user": username, "password": password}))
