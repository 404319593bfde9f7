"""The suite's own ground: who the tests are, and what they leave behind."""

from __future__ import annotations

import pytest
from django.db import connection, connections, transaction


def who(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("select current_user")
        return cursor.fetchone()[0]


def test_tests_are_the_application_and_not_the_owner(db):
    assert who("default") == "vouch_app"
    assert who("system") == "vouch_system"


def test_row_level_security_is_on_for_tests_too(db):
    with connection.cursor() as cursor:
        cursor.execute("select relrowsecurity and relforcerowsecurity from pg_class where relname = 'tenants_apikey'")
        assert cursor.fetchone() == (True,)


def test_what_a_test_wrote_is_rolled_back(db):
    with connection.cursor() as cursor:
        cursor.execute("create temporary table left_behind (id int) on commit preserve rows")


def test_and_is_not_there_for_the_next(db):
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('pg_temp.left_behind')")
        assert cursor.fetchone() == (None,)


def test_a_durable_transaction_may_be_asked_for_in_a_rolled_back_test(db):
    with transaction.atomic(durable=True):
        assert who("default") == "vouch_app"


def test_committed_work_is_seen_by_another_login(committed_db, owner):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_current_xact_id()")
        xid = str(cursor.fetchone()[0])
    owner.execute("select pg_xact_status(%s::xid8)", [xid])
    assert owner.fetchone() == ("committed",)


def test_a_fresh_database_is_migrated_and_empty(fresh_db, owner):
    with connection.cursor() as cursor:
        cursor.execute("select current_database(), count(*) from django_migrations")
        name, migrations = cursor.fetchone()
    assert name == fresh_db.name
    assert migrations > 10


def test_after_a_fresh_database_the_usual_one_is_back(db, stack_urls):
    with connection.cursor() as cursor:
        cursor.execute("select current_database()")
        assert cursor.fetchone() == (stack_urls.name,)


def test_a_test_without_a_database_fixture_has_none():
    with pytest.raises(RuntimeError, match="Database access not allowed"):
        who("default")
