"""Every write leaves an event, however it was written; nobody of ours can take one back."""

from __future__ import annotations

import hashlib

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from kyc.applicants.models import Consent
from kyc.audit import services
from kyc.audit.models import Event
from kyc.core import clock
from kyc.core.scope import Scope, acting, acting_as_system, acting_for, atomic
from kyc.tenants.models import ApiKey, Tenant
from tests.support.worlds import a_bank, an_applicant, within

# each with a column of its own
TABLES = {"audit_event": "actor", "audit_leaf": "log", "audit_node": "log", "audit_checkpoint": "note",
          "audit_publication": "target"}  # fmt: skip


def newest(count: int = 1) -> list[Event]:
    return list(Event.objects.order_by("-id")[:count])[::-1]


def test_an_event_says_who_did_what_to_what_for_whom(committed_db):
    world = a_bank()
    with acting(Scope(world.tenant.pk, "user:ada", "req_7")), atomic():
        Tenant.objects.filter(pk=world.tenant.pk).update(mode="sandbox")
        [event] = newest()
        assert (event.actor, event.request_id, event.tenant_id) == ("user:ada", "req_7", world.tenant.pk)
        assert (event.action, event.object_id) == ("tenants_tenant.update", world.tenant.pk)
        assert event.changes == {"mode": ["live", "sandbox"]}
        assert event.before != event.after and abs((clock.now() - event.at).total_seconds()) < 60


def test_a_mass_update_leaves_an_event_per_row(committed_db):
    world = a_bank()
    for _ in range(3):
        an_applicant(world)
    with within(world, "user:ada"):
        rows = Consent.objects.update(withdrawn_at=clock.now())
        events = newest(rows)
        assert rows == 3 and {e.action for e in events} == {"applicants_consent.update"}
        assert len({e.object_id for e in events}) == 3


def test_bulk_create_leaves_an_event_per_row(committed_db):
    world = a_bank()
    with within(world, "user:ada"):
        ApiKey.objects.bulk_create(
            ApiKey(tenant=world.tenant, name=f"k{i}", prefix="x", secret_sha256=hashlib.sha256(b"%d" % i
                   + world.tenant.pk.encode()).digest(), scopes=["audit:read"], created_at=clock.now())
            for i in range(5)
        )  # fmt: skip
        assert [e.action for e in newest(5)] == ["tenants_apikey.insert"] * 5


def test_raw_sql_leaves_an_event(committed_db):
    world = a_bank()
    with within(world, "user:ada"), connection.cursor() as cursor:
        cursor.execute("update tenants_apikey set prefix = 'raw' where tenant_id = %s", [world.tenant.pk])
        [event] = newest()
        assert event.action == "tenants_apikey.update" and event.changes["prefix"][1] == "raw"


def test_a_delete_leaves_an_event_with_what_was_there(committed_db):
    world = a_bank()
    person = an_applicant(world)
    with within(world, "user:ada"):
        consent = Consent.objects.get(applicant=person)
        key = consent.pk
        Consent.objects.filter(pk=key).delete()
        [event] = newest()
        assert (event.action, event.object_id, event.after) == ("applicants_consent.delete", key, None)
        assert len(event.before) == 32


def test_a_superusers_write_is_recorded_too(committed_db, superuser):
    world = a_bank()
    superuser.execute("select set_config('vouch.actor', 'dba:eve', false)")
    superuser.execute("update tenants_tenant set mode = 'sandbox' where id = %s", [world.tenant.pk])
    with within(world):
        assert newest()[0].actor == "dba:eve"


@pytest.mark.parametrize("role", ["app", "superuser"])
def test_a_write_without_an_actor_is_refused(committed_db, superuser, role):
    world = a_bank()
    if role == "app":
        superuser.execute("set role vouch_app")
    superuser.execute("select set_config('vouch.tenant', %s, false)", [world.tenant.pk])
    with pytest.raises(psycopg.Error, match="without an actor") as refused:
        superuser.execute("update tenants_tenant set mode = 'sandbox' where id = %s", [world.tenant.pk])
    assert refused.value.sqlstate == "VA001"


def test_a_write_that_is_rolled_back_leaves_nothing(committed_db):
    world = a_bank()
    with within(world):
        before = Event.objects.count()
    with within(world):
        Tenant.objects.filter(pk=world.tenant.pk).update(mode="sandbox")
        transaction.set_rollback(True)
    with within(world):
        assert Event.objects.count() == before


def test_values_of_undeclared_columns_stay_out_of_the_log(committed_db):
    world = a_bank()
    with within(world):
        Tenant.objects.filter(pk=world.tenant.pk).update(name="A name that nobody declared")
        [event] = newest()
        assert event.changes == {} and event.before != event.after


def test_a_digest_can_be_recomputed_from_the_row(committed_db, superuser):
    """docs/audit.md: SHA-256 of to_jsonb(row)::text under fixed settings."""
    world = a_bank()
    with within(world):
        Tenant.objects.filter(pk=world.tenant.pk).update(mode="sandbox")
        [event] = newest()
    superuser.execute("set timezone = 'Asia/Tokyo'")  # the trigger does not care
    superuser.execute("set timezone = 'UTC'; set bytea_output = 'hex'; set intervalstyle = 'iso_8601'")
    text = superuser.execute("select to_jsonb(t)::text from tenants_tenant t where id = %s", [world.tenant.pk])
    assert bytes(event.after) == hashlib.sha256(text.fetchone()[0].encode()).digest()


def test_a_digest_does_not_depend_on_the_sessions_settings(committed_db):
    world = a_bank()
    digests = set()
    for zone, output in (("UTC", "hex"), ("Asia/Tokyo", "escape")):
        with within(world), connection.cursor() as cursor:
            cursor.execute(f"set local timezone = '{zone}'; set local bytea_output = '{output}'")
            cursor.execute("update tenants_apikey set prefix = prefix where tenant_id = %s", [world.tenant.pk])
            digests |= {bytes(e.after) for e in newest()}
    assert len(digests) == 1


def ways_to_take_back(table: str) -> list[str]:
    return [f"update {table} set {TABLES[table]} = 'x'", f"delete from {table}", f"truncate {table} cascade"]


@pytest.mark.parametrize("alias", ["default", "system"])
@pytest.mark.parametrize("table", TABLES)
def test_no_login_of_ours_can_take_anything_back(db, alias, table):
    scope = acting_as_system("test") if alias == "system" else acting(Scope(None, "test"))
    with scope, atomic(), connections[alias].cursor() as cursor:
        for way in ways_to_take_back(table):
            with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(using=alias):
                cursor.execute(way)


@pytest.mark.parametrize("table", TABLES)
def test_not_even_the_owner_can_by_accident(committed_db, owner, table):
    for way in ways_to_take_back(table):
        with pytest.raises(psycopg.Error, match="refused"):
            owner.execute(way)


def test_replication_mode_does_not_switch_the_guard_off(committed_db, superuser):
    superuser.execute("set session_replication_role = replica")
    with pytest.raises(psycopg.Error, match="refused"):
        superuser.execute("delete from audit_event")


def test_the_application_cannot_write_events_of_its_own(db):
    with acting(Scope("tnt_x", "user:mallory")), atomic(), connection.cursor() as cursor:
        for forged in (
            "insert into audit_event (actor) values ('user:innocent')",
            "select audit_append('tnt_x', 'a', 'b', 'c', null, null, '{}', '{}')",
            "select audit_note('tenants_tenant.update', 'b', 'c', '{}')",
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                cursor.execute(forged)


def test_a_note_is_written_for_what_is_no_row_change(committed_db):
    world = a_bank()
    with within(world, "user:ada"):
        services.note(action="media.read", object_type="media", object_id="med_1", detail={"purpose": "review"})
        [event] = newest()
        assert (event.actor, event.action, event.detail) == ("user:ada", "media.read", {"purpose": "review"})
        assert event.tenant_id == world.tenant.pk and event.before is event.after is None


def test_a_tenant_sees_its_own_events_only(committed_db):
    mine, yours = a_bank(), a_bank()
    with within(mine):
        assert set(Event.objects.values_list("tenant_id", flat=True)) == {mine.tenant.pk}
        assert not Event.objects.filter(tenant_id=yours.tenant.pk).exists()
    with acting_as_system("test"), atomic():
        assert Event.objects.filter(tenant_id=yours.tenant.pk).exists()


def test_a_system_process_writes_into_the_log_of_the_rows_tenant(committed_db):
    world = a_bank()
    with acting_as_system("schedule"), atomic():
        Tenant.objects.filter(pk=world.tenant.pk).update(mode="sandbox")
        event = Event.objects.filter(object_id=world.tenant.pk).latest("id")
        assert (event.tenant_id, event.actor) == (world.tenant.pk, "system:schedule")
    with acting_for(world.tenant.pk, actor="test"), atomic():
        assert Event.objects.filter(pk=event.pk).exists()
