"""No table is forgotten: it is audited, or it says here why not."""

from __future__ import annotations

import psycopg
import pytest

from tests.audit.logs import look
from tests.support.worlds import a_bank

NOT_AUDITED = {
    "http_storedresponse": "answers kept for repeated requests; what they did is audited where it happened",
    "outbox_job": "work to do, not a fact; its results are audited",
    "tenants_keyuse": "when a key was last used; not a change",
    "webhooks_event": "a copy of what an audited row already says",
    "webhooks_objectsequence": "a counter of webhooks",
    "webhooks_delivery": "attempts to deliver; delivering has its own record",
    "webhooks_deliveryattempt": "the record of attempts to deliver",
    "webhooks_endpointhealth": "measured, not decided",
    "capture_chunk": "frames on their way in; the session and its attempts are audited",
    "capture_mark": "moments within an audited attempt",
    "audit_event": "the log itself",
}


def tables() -> dict[str, bool]:
    return dict(
        look("""
            select c.relname::text, exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'audited')
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
            where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace""")
    )


def test_every_tenants_table_is_audited_or_says_why_not(db):
    forgotten = {name for name, audited in tables().items() if not audited} - NOT_AUDITED.keys()
    assert not forgotten, f"add Audited(...) in a migration, or a reason here: {sorted(forgotten)}"


def test_no_reason_outlives_its_table(db):
    assert not NOT_AUDITED.keys() - {name for name, audited in tables().items() if not audited}


def test_no_audited_table_can_be_truncated(committed_db, superuser):
    a_bank()
    superuser.execute("set vouch.actor = 'dba:eve'")
    for name in (name for name, audited in tables().items() if audited):
        with pytest.raises(psycopg.Error, match="refused: truncate"):
            superuser.execute(f"truncate {name} cascade")
