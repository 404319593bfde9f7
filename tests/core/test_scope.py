"""Forgetting to say for whom fails closed."""

import pytest
from django.db import DatabaseError

from kyc.applicants.models import Applicant
from kyc.core import clock
from kyc.core.checks import refuse_powerful_logins
from kyc.core.scope import NoScope, Scope, acting, acting_for, atomic
from tests.support.worlds import a_bank, an_applicant, within

pytestmark = pytest.mark.usefixtures("committed_db")


def test_without_a_scope_nothing_can_be_asked():
    with pytest.raises(NoScope), atomic():
        pass


def test_without_a_tenant_no_row_is_seen():
    an_applicant(a_bank())
    with acting(Scope(None, "test")), atomic():
        assert not Applicant.objects.exists()


def test_outside_of_a_transaction_no_row_is_seen():
    bank = a_bank()
    an_applicant(bank)
    with acting(Scope(bank.tenant.pk, "test")):
        assert not Applicant.objects.exists()


def test_raw_sql_under_a_tenant_sees_only_its_rows():
    from django.db import connection

    mine, other = a_bank(), a_bank()
    own = an_applicant(mine)
    an_applicant(other)
    with within(mine), connection.cursor() as cursor:
        cursor.execute("select id from applicants_applicant")
        assert cursor.fetchall() == [(own.pk,)]


def test_a_row_cannot_be_written_for_another_tenant():
    mine, other = a_bank(), a_bank()
    with pytest.raises(DatabaseError, match="row-level security"), within(mine):
        Applicant.objects.create(tenant=other.tenant, external_reference="x", created_at=clock.now())


def test_a_row_cannot_be_moved_to_another_tenant():
    mine, other = a_bank(), a_bank()
    an_applicant(mine)
    with pytest.raises(DatabaseError, match="row-level security"), within(mine):
        Applicant.objects.update(tenant=other.tenant)


def test_a_nested_scope_ends_with_its_block():
    mine, other = a_bank(), a_bank()
    own = an_applicant(mine)
    with within(mine):
        with acting_for(other.tenant.pk), atomic():
            assert not Applicant.objects.exists()
        assert Applicant.objects.get() == own


def test_a_write_without_an_actor_is_refused():
    bank = a_bank()
    with pytest.raises(DatabaseError), acting(Scope(bank.tenant.pk, "")), atomic():
        Applicant.objects.create(tenant=bank.tenant, external_reference="x", created_at=clock.now())


def test_the_logins_we_use_are_accepted():
    refuse_powerful_logins()


def test_a_login_that_could_see_every_tenant_is_refused(stack_urls, monkeypatch):
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    from kyc.core import checks, env

    for url, why in ((stack_urls.superuser, "superuser"), (stack_urls.database_owner, "owns tables")):
        connections.databases["powerful"] = connections.databases["default"] | env.database(url)
        monkeypatch.setattr(checks, "RUNTIME", ("powerful",))
        try:
            with pytest.raises(ImproperlyConfigured, match=why):
                refuse_powerful_logins()
        finally:
            connections["powerful"].close()
            del connections["powerful"]  # else the next round would get this connection
            del connections.databases["powerful"]
