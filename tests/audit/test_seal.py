"""Sealing: everything once, nothing stepped over, whatever the order of commits."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kyc.audit import keys, queries, services, worm
from kyc.audit.checkpoint import open_checkpoint
from kyc.audit.merkle import consistency_ranges, inclusion_ranges, verify_consistency, verify_inclusion
from kyc.core import clock
from kyc.core.scope import acting_as_system, atomic
from tests.audit.logs import look, note_events, publish, seal, verifiers

pytestmark = pytest.mark.usefixtures("empty_log", "vault_of_its_own")
LOG = "tnt_sealed"


class Client:
    """A connection of the application's login, whose transactions the test holds open."""

    def __init__(self, url: str):
        self.connection = psycopg.connect(url)

    def write(self) -> None:
        self.connection.execute("select set_config('vouch.actor', 'user:x', true)")
        self.connection.execute("select set_config('vouch.tenant', %s, true)", [LOG])
        self.connection.execute("select audit_note('media.read', 'media', 'med_1', '{}')")

    def commit(self) -> None:
        self.connection.commit()


def sealed_ids() -> list[int]:
    return [i for (i,) in look("select event_id from audit_leaf where log = %s order by index", [LOG])]


def all_ids() -> set[int]:
    return {i for (i,) in look("select id from audit_event where tenant_id = %s", [LOG])}


def test_everything_is_sealed_once_and_in_order():
    note_events(LOG, 50)
    assert seal(limit=20) == 50 and seal() == 0
    assert sealed_ids() == sorted(all_ids())
    assert look("select array_agg(index order by index) from audit_leaf") == [(list(range(50)),)]


def test_each_tenant_has_a_log_of_its_own():
    note_events("tnt_a", 3)
    note_events("tnt_b", 4)
    with acting_as_system("test"):
        services.note(action="key.rotated", object_type="key", object_id="kek_1")  # belongs to nobody
    seal()
    found = look("select log, count(*), max(index) from audit_leaf group by log order by log")
    assert found == [("platform", 1, 0), ("tnt_a", 3, 2), ("tnt_b", 4, 3)]


def test_a_late_commit_with_an_early_number_is_not_stepped_over(empty_log):
    early, late = Client(empty_log.database), Client(empty_log.database)
    early.write()
    late.write()
    late.commit()
    for _ in range(4):  # enough for the horizon to move, were it to move wrongly
        seal()
        note_events(LOG, 1)
    early.commit()
    seal()
    assert sorted(sealed_ids()) == sorted(all_ids()) and len(sealed_ids()) == 6


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["write", "commit", "seal"])), min_size=4, max_size=30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_interleaving_loses_an_event(empty_log, steps):
    clients = [Client(empty_log.database) for _ in range(4)]
    for who, what in steps:
        seal(limit=2) if what == "seal" else getattr(clients[who], what)()
    for client in clients:
        client.commit()
        client.connection.close()
    seal(limit=3)
    seal()
    assert sorted(sealed_ids()) == sorted(all_ids())


def test_the_search_does_not_start_at_the_beginning_for_ever():
    """The mark waits for every transaction of the server, other databases' too: hence the patience."""
    note_events(LOG, 40)
    patience = time.monotonic() + 60
    while look("select mark from audit_horizon") == [(0,)] and time.monotonic() < patience:
        seal()
        time.sleep(0.1)
    [(mark, last)] = look("select mark, (select max(id) from audit_event) from audit_horizon")
    assert mark == last


def test_after_a_restore_into_another_server_the_search_starts_over(superuser):
    note_events(LOG, 5)
    seal()
    superuser.execute("update audit_horizon set candidate_xid = candidate_xid + 1000000000, candidate = 999999")
    note_events(LOG, 5)
    assert seal() == 5
    [(mark,)] = look("select mark from audit_horizon")
    seal()
    assert mark < 999999 and len(sealed_ids()) == 10


def test_a_second_sealer_leaves_the_first_alone(superuser):
    note_events(LOG, 3)
    superuser.execute("select pg_advisory_lock(%s)", [services.LOCK])
    with acting_as_system("second"):
        assert services.seal(now=clock.now()).busy
    superuser.execute("select pg_advisory_unlock(%s)", [services.LOCK])
    assert seal() == 3


def test_four_sealers_at_once_seal_everything_once():
    note_events(LOG, 400)

    def work():
        for _ in range(20):
            with acting_as_system("sealer"):
                services.seal(now=clock.now(), limit=50)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    seal()
    assert sealed_ids() == sorted(all_ids()) and len(sealed_ids()) == 400


def test_requests_do_not_wait_for_the_sealer(empty_log):
    """The point of sealing beside the requests: a writer commits while a sealer is in the middle."""
    note_events(LOG, 3)
    writer = Client(empty_log.database)
    writer.connection.execute("set lock_timeout = '2s'")
    with acting_as_system("sealer"), atomic():
        services.seal(now=clock.now())
        writer.write()
        writer.commit()
    assert seal() == 1


def test_a_number_that_no_double_holds_does_not_stop_the_sealer():
    note_events(LOG, 1, detail='{"n": 123456789012345678901234567890, "huge": 1e400, "f": 0.1}')
    assert seal() == 1


@pytest.mark.parametrize("count", [1, 16, 17, 300])
def test_every_proof_from_the_database_holds(count):
    note_events(LOG, count)
    seal()
    with acting_as_system("test"), atomic():
        root = queries.root(LOG, count)
        leaves = queries.hashes((LOG, 0, i) for i in range(count))
        for index in {0, count // 2, count - 1}:
            proof = queries.proof(LOG, inclusion_ranges(index, count))
            verify_inclusion(leaf=leaves[LOG, 0, index], index=index, size=count, proof=proof, root=root)
        for old in {1, count // 2 or 1, count}:
            proof = queries.proof(LOG, consistency_ranges(old, count))
            verify_consistency(old=old, old_root=queries.root(LOG, old), new=count, new_root=root, proof=proof)


def test_checkpoints_are_signed_and_continue_each_other():
    for count in (3, 20):
        note_events(LOG, count)
        seal()
    notes = [note for (note,) in look("select note from audit_checkpoint where log = %s order by tree_size", [LOG])]
    first, second = (open_checkpoint(note, verifiers())[0] for note in notes)
    assert (first.size, second.size) == (3, 23)
    with acting_as_system("test"), atomic():
        proof = queries.proof(LOG, consistency_ranges(3, 23))
    verify_consistency(old=3, old_root=first.root, new=23, new_root=second.root, proof=proof)


def test_nothing_is_signed_more_often_than_asked():
    note_events(LOG, 1)
    seal()
    note_events(LOG, 1)
    with acting_as_system("sealer"):
        services.seal(now=clock.now(), sign_every=timedelta(minutes=1))
        assert look("select count(*) from audit_checkpoint") == [(1,)]
        services.seal(now=clock.now() + timedelta(minutes=2), sign_every=timedelta(minutes=1))
    assert look("select max(tree_size) from audit_checkpoint") == [(2,)]


def test_subscribers_learn_of_a_checkpoint_in_its_transaction():
    heard = []

    def listen(sender, checkpoint, now, **_):
        heard.append((checkpoint.pk, checkpoint.log, checkpoint.tree_size))

    services.checkpoint_signed.connect(listen)
    try:
        note_events(LOG, 2)
        seal()
    finally:
        services.checkpoint_signed.disconnect(listen)
    [(pk, log, size)] = heard
    assert pk and (log, size) == (LOG, 2)


def test_a_lost_signing_key_is_not_replaced_in_silence(vault_of_its_own):
    note_events(LOG, 1)
    seal()
    (vault_of_its_own / "keys" / keys.SECRET).unlink()
    note_events(LOG, 1)
    with pytest.raises(FileNotFoundError, match="keygen"):
        seal()


def test_published_checkpoints_are_the_signed_ones_and_read_only(vault_of_its_own):
    note_events(LOG, 2)
    seal()
    assert publish() == 1 and publish() == 0
    place = worm.Directory(vault_of_its_own / "worm")
    [name] = place.names()
    assert place.get(name).decode() == look("select note from audit_checkpoint")[0][0]
    assert (vault_of_its_own / "worm" / name).stat().st_mode & 0o222 == 0


def test_a_new_place_is_given_everything(vault_of_its_own, settings):
    for _ in range(3):
        note_events(LOG, 2)
        seal()
        publish()
    settings.AUDIT_WORM_URL = f"file://{vault_of_its_own / 'elsewhere'}"
    assert publish() == 3
    assert len(list(worm.Directory(vault_of_its_own / "elsewhere").names())) == 3


def test_a_crash_between_writing_and_noting_it_is_made_good(vault_of_its_own):
    note_events(LOG, 2)
    seal()
    [(note,)] = look("select note from audit_checkpoint")
    worm.Directory(vault_of_its_own / "worm").put(worm.name_of(LOG, 2), note.encode())  # ... and killed
    assert publish() == 1
    assert look("select count(*) from audit_publication") == [(1,)]


def test_another_statement_under_a_published_name_is_an_alarm(vault_of_its_own):
    note_events(LOG, 2)
    seal()
    worm.Directory(vault_of_its_own / "worm").put(worm.name_of(LOG, 2), b"what somebody else says")
    with pytest.raises(worm.AlreadyDifferent):
        publish()


def test_one_size_has_one_checkpoint(superuser):
    note_events(LOG, 2)
    seal()
    with pytest.raises(psycopg.errors.UniqueViolation):
        superuser.execute(
            "insert into audit_checkpoint (log, tree_size, root, at, key_id, note)"
            " select log, tree_size, '\\x00', at, key_id, note from audit_checkpoint"
        )
