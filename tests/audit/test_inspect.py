"""The attacker is PostgreSQL's superuser, then the operator with the signing key. `audit verify` tells on both."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import call_command

from kyc.audit.inspect import verify_store
from kyc.audit.leaf import COLUMNS, hash_of_row
from kyc.audit.verify.findings import Exit
from kyc.core.scope import acting_as_system
from tests.audit.logs import note_events, publish, seal

pytestmark = pytest.mark.usefixtures("empty_log", "vault_of_its_own")
LOG = "tnt_attacked"
COUNT = 60


@pytest.fixture
def attacker(superuser):
    """A log of 60 events, sealed and published; then somebody who may switch triggers off."""
    note_events(LOG, 40)
    seal()
    publish()
    note_events(LOG, 20)
    seal()
    publish()
    for table in ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_publication"):
        superuser.execute(f"alter table {table} disable trigger append_only")
    return superuser


def judge():
    with acting_as_system("examiner"):
        [report] = verify_store([LOG])
    return report


def found(report):
    return [(f.code, f.index) for f in report.findings]


def reseal(attacker):
    """Let the sealer itself make leaves, nodes and checkpoint anew from the doctored events."""
    attacker.execute("truncate audit_leaf, audit_node, audit_head; update audit_horizon set mark = 0, candidate = 0")
    seal()


def test_an_untouched_log_is_verified(attacker):
    assert judge().exit == Exit.VERIFIED


@pytest.mark.parametrize("index", [0, 39, 40, 59])
def test_an_edited_event_is_named(attacker, index):
    attacker.execute(
        "update audit_event e set actor = 'user:innocent' from audit_leaf l where l.event_id = e.id and l.index = %s",
        [index],
    )
    assert found(judge()) == [("edited", index)]


@pytest.mark.parametrize("column", ["at", "before", "changes", "detail", "object_id", "request_id", "action", "txid"])
def test_no_column_can_be_edited_unnoticed(attacker, column):
    new = {"at": "at + interval '1 microsecond'", "before": "'\\x00'", "changes": "'{\"a\": [1, 2]}'",
           "detail": "'{\"a\": 1}'", "txid": "txid + 1"}.get(column, f"{column} || 'x'")  # fmt: skip
    attacker.execute(f"update audit_event set {column} = {new} where id = (select min(id) from audit_event)")
    assert found(judge()) == [("edited", 0)]


def test_a_deleted_event_leaves_its_trace(attacker):
    attacker.execute("delete from audit_event where id = (select event_id from audit_leaf where index = 17)")
    assert found(judge()) == [("deleted", 17)]


def test_an_event_moved_to_another_tenant_is_missed(attacker):
    attacker.execute("update audit_event set tenant_id = 'tnt_other' where id = (select min(id) from audit_event)")
    assert judge().exit == Exit.TAMPERED


def test_an_event_deleted_with_its_leaf_is_missing(attacker):
    attacker.execute("delete from audit_event where id = (select event_id from audit_leaf where index = 17)")
    attacker.execute("delete from audit_leaf where index = 17")
    assert judge().exit == Exit.TAMPERED


def test_two_exchanged_events_are_recognised(attacker):
    attacker.execute("""
        with a as (select event_id, leaf_hash from audit_leaf where index = 3),
             b as (select event_id, leaf_hash from audit_leaf where index = 9)
        select event_id, leaf_hash from a union all select event_id, leaf_hash from b""")
    (first, first_hash), (second, second_hash) = attacker.fetchall()
    attacker.execute("update audit_leaf set event_id = -1, leaf_hash = %s where index = 3", [second_hash])
    attacker.execute("update audit_leaf set event_id = %s, leaf_hash = %s where index = 9", [first, first_hash])
    attacker.execute("update audit_leaf set event_id = %s where index = 3", [second])
    assert found(judge()) == [("reordered", 3)]


def test_a_truncated_log_is_found(attacker):
    attacker.execute("delete from audit_event where id in (select event_id from audit_leaf where index >= 50)")
    attacker.execute("delete from audit_leaf where index >= 50; update audit_head set size = 50")
    assert judge().exit == Exit.TAMPERED


def test_a_truncation_back_to_an_older_checkpoint_is_found_outside(attacker):
    """Everything after the first checkpoint gone, the second checkpoint too: inside, nothing is missing."""
    attacker.execute("truncate audit_publication; delete from audit_checkpoint where tree_size = 60")
    attacker.execute("delete from audit_event where id in (select event_id from audit_leaf where index >= 40)")
    attacker.execute("delete from audit_leaf where index >= 40; delete from audit_node where (index + 1) << level > 40")
    attacker.execute("update audit_head set size = 40, signed_size = 40")
    report = judge()
    assert report.exit == Exit.TAMPERED and found(report) == [("truncated", 40)]


def test_everything_truncated_is_found_outside(attacker):
    attacker.execute("truncate audit_event, audit_leaf, audit_node, audit_head, audit_publication, audit_checkpoint")
    assert judge().exit == Exit.TAMPERED


def test_an_event_edited_together_with_its_hash_is_located(attacker):
    attacker.execute("update audit_event set actor = 'user:innocent' where id = (select event_id from audit_leaf where"
                     " index = 20)")  # fmt: skip
    row = attacker.execute(f"select {COLUMNS} from audit_event e where e.id ="
                           " (select event_id from audit_leaf where index = 20)").fetchone()  # fmt: skip
    attacker.execute("update audit_leaf set leaf_hash = %s where index = 20", [hash_of_row(row)])
    report = judge()
    assert found(report) == [("rewritten", 16)] and report.findings[0].last_index == 31


def test_a_wholesale_rewriting_with_the_real_key_is_found_outside(attacker):
    """The operator: doctors an event, lets the sealer build a new tree, signs it. Only the outside remembers."""
    attacker.execute("update audit_event set actor = 'user:innocent' where id = (select min(id) from audit_event)")
    attacker.execute("truncate audit_publication, audit_checkpoint")
    reseal(attacker)
    report = judge()
    assert report.exit == Exit.TAMPERED and found(report) == [("rewritten", 0)]


def test_a_smuggled_event_is_found(attacker):
    """Put in behind the horizon, where the sealer no longer looks."""
    note_events(LOG, 1)
    seal()
    seal()
    attacker.execute("""
        insert into audit_event (id, tenant_id, actor, action, object_type, object_id, changes, detail, request_id,
            txid, at) overriding system value
        select -5, tenant_id, 'user:innocent', action, object_type, object_id, changes, detail, request_id, txid, at
        from audit_event limit 1""")
    report = judge()
    assert found(report) == [("inserted", None)] and report.findings[0].event_id == -5


def test_a_forged_published_checkpoint_is_not_believed(attacker, vault_of_its_own):
    place = next((vault_of_its_own / "worm" / LOG).glob("*.checkpoint"))
    place.chmod(0o644)
    place.write_text(place.read_text().replace("\n40\n", "\n41\n").replace("\n60\n", "\n61\n"))
    assert judge().exit == Exit.BAD_SIGNATURE


def test_the_command_says_it_in_words_and_by_its_status(attacker, capsys):
    attacker.execute("update audit_event set actor = 'user:innocent' where id = (select min(id) from audit_event)")
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "verify")
    assert ended.value.code == Exit.TAMPERED
    out = capsys.readouterr().out
    assert "TAMPERED WITH" in out and "Event 0 (id 1) is not what was sealed: it was edited." in out
    assert settings.AUDIT_ORIGIN in out
