"""Data keys in PostgreSQL: sealing, moving, destroying and rotating, under row-level security."""

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from kyc.core import clock
from kyc.core.scope import NoScope, Scope, acting, acting_as_system, acting_for, atomic
from kyc.vault import fields, queries, services
from kyc.vault.boxes import Box
from kyc.vault.cache import CachedKey
from kyc.vault.errors import BoxTampered, KekRefused, KeyDestroyed, NoDataKey
from kyc.vault.models import DataKey
from kyc.vault.wrappers import Wrapped
from kyc.vault.wrappers.local import LocalKeyFile, create_key_file
from tests.support.worlds import a_bank, an_applicant, within

pytestmark = pytest.mark.usefixtures("committed_db")
KIND = "test.thing:1"


@pytest.fixture(scope="module")
def banks(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        return a_bank(), a_bank()


@pytest.fixture
def bank(banks):
    return banks[0]


@pytest.fixture(autouse=True)
def cold_cache():
    services._keys.clear()


@pytest.fixture
def own_keks(tmp_path, monkeypatch):
    """Key-encryption keys of this test alone, on an empty database."""
    create_key_file(tmp_path / "kek.json")
    keys = LocalKeyFile(tmp_path / "kek.json")
    monkeypatch.setattr(services, "wrapper", lambda: keys)
    return keys


def test_what_was_sealed_opens_after_a_restart(bank):
    person = an_applicant(bank)
    with within(bank):
        box = services.seal(person.pk, KIND, 1, b"Ada")
        services._keys.clear()
        assert services.open_sealed(person.pk, KIND, 1, box) == b"Ada"


def test_a_box_moved_anywhere_else_does_not_open(banks):
    here, there = banks
    person, other, foreigner = an_applicant(here), an_applicant(here), an_applicant(there)
    with within(here):
        box = services.seal(person.pk, KIND, 1, b"Ada")
        for owner, kind, version in [
            (other.pk, KIND, 1),
            (person.pk, "test.thing:2", 1),
            (person.pk, KIND, 2),
            (f"tenant:{here.tenant.pk}", KIND, 1),
        ]:
            with pytest.raises(BoxTampered):
                services.open_sealed(owner, kind, version, box)
    with within(there):
        with pytest.raises(BoxTampered):
            services.open_sealed(foreigner.pk, KIND, 1, box)
        with pytest.raises(NoDataKey):
            services.open_sealed(person.pk, KIND, 1, box)


def test_a_data_key_copied_to_another_persons_row_does_not_unwrap(bank, owner):
    """A thief who may write the table still cannot open one person's boxes through another's row."""
    person, other = an_applicant(bank), an_applicant(bank)
    with within(bank):
        taken = DataKey.objects.get(owner=f"applicant:{person.pk}")
    owner.execute("select set_config('vouch.actor', 'test:thief', false)")
    theirs = f"applicant:{other.pk}"
    owner.execute("update vault_datakey set wrapped = %s where owner = %s", [bytes(taken.wrapped), theirs])
    with within(bank), pytest.raises(BoxTampered):
        services.seal(other.pk, KIND, 1, b"anything")


def test_sealing_needs_a_tenant():
    with acting(Scope(None, "test:nobody")), pytest.raises(NoScope):
        services.seal("tenant:tnt_00000000000000000000000000", KIND, 1, b"x")


def test_an_unknown_owner_is_not_found(bank):
    with within(bank), pytest.raises(NoDataKey) as missing:
        services.seal("applicant:app_00000000000000000000000000", KIND, 1, b"x")
    assert missing.value.status == 404


@pytest.mark.parametrize("nonsense", ["", "Ada", "vrf_01jd0000000000000000000000", "person:app_x", "applicant:"])
def test_only_applicants_and_tenants_own_keys(bank, nonsense):
    with within(bank), pytest.raises(ValueError, match="owns no data key"):
        services.seal(nonsense, KIND, 1, b"x")


def test_a_destroyed_key_opens_nothing_and_stays_destroyed(bank, owner):
    person = an_applicant(bank)
    with within(bank):
        box = services.seal(person.pk, KIND, 1, b"Ada")
        assert services.destroy(person.pk, now=clock.now()) is True
        for attempt in (
            lambda: services.open_sealed(person.pk, KIND, 1, box),
            lambda: services.seal(person.pk, KIND, 1, b"again"),
        ):
            with pytest.raises(KeyDestroyed) as gone:
                attempt()
            assert gone.value.code == "key_destroyed"
        assert services.destroy(person.pk, now=clock.now()) is False
        services.ensure(person.pk, now=clock.now())
        with pytest.raises(KeyDestroyed):
            services.warm(person.pk)
    row = owner.execute(
        "select wrapped, kek_id, destroyed_at from vault_datakey where owner = %s", [f"applicant:{person.pk}"]
    ).fetchone()
    assert row[:2] == (b"", "") and row[2]


def test_nobody_gives_an_erased_owner_a_new_key(bank, owner):
    person = an_applicant(bank)
    with within(bank):
        services.destroy(person.pk, now=clock.now())
    for attempt in (
        "update vault_datakey set destroyed_at = null, wrapped = 'x' where owner = %s",
        "delete from vault_datakey where owner = %s",
    ):
        with within(bank), pytest.raises(DatabaseError, match="tombstone stays"), atomic():
            DataKey.objects.raw(attempt, [f"applicant:{person.pk}"])._fetch_all()
    with within(bank), pytest.raises(DatabaseError), atomic():
        services.new_data_key(person.pk, now=clock.now())


def test_another_process_may_hold_a_destroyed_key_until_its_time_is_over(bank, monkeypatch):
    """The documented limit: the bound is the cache's time to live."""
    person = an_applicant(bank)
    with within(bank):
        box = services.seal(person.pk, KIND, 1, b"Ada")
        DataKey.objects.filter(owner=f"applicant:{person.pk}").update(  # as another process's destroy() does
            wrapped=b"", kek_id="", destroyed_at=clock.now()
        )
        assert services.open_sealed(person.pk, KIND, 1, box) == b"Ada"
        monkeypatch.setattr(services._keys, "_clock", lambda: 1e12)
        with pytest.raises(KeyDestroyed):
            services.open_sealed(person.pk, KIND, 1, box)


def test_a_rolled_back_key_is_not_remembered(bank):
    """A box sealed under a key that no row holds could never be opened again."""
    owner = f"tenant:{a_tenant_without_key(bank)}"
    with within_tenant(owner):
        services.new_data_key(owner, now=clock.now())
        transaction.set_rollback(True)
    with within_tenant(owner), pytest.raises(NoDataKey):
        services.seal(owner, KIND, 1, b"x")


def test_many_callers_at_once_make_one_key(bank):
    owner, derived = f"tenant:{a_tenant_without_key(bank)}", []

    def one():
        from django.db import connections

        with within_tenant(owner):
            services.ensure(owner, now=clock.now())
        with within_tenant(owner):
            services._keys.clear()
            derived.append(services.derive(owner, "test"))
        connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(derived) == 6 and len(set(derived)) == 1


def a_tenant_without_key(bank) -> str:
    from kyc.tenants import services as tenants
    from tests.support.worlds import unique

    with acting(Scope(None, "test:world")):
        return tenants.create_tenant(name=unique("bare"), mode="live", now=clock.now()).pk


def within_tenant(owner: str):
    from contextlib import ExitStack

    stack = ExitStack()
    stack.enter_context(acting(Scope(None, "test:someone")))
    stack.enter_context(acting_for(owner.partition(":")[2]))
    stack.enter_context(atomic())
    return stack


def test_derived_secrets_are_the_owners_alone_and_stable(banks):
    here, there = banks
    with within(here):
        first = services.derive(here.tenant.pk, "rotation")
        services._keys.clear()
        assert services.derive(here.tenant.pk, "rotation") == first != services.derive(here.tenant.pk, "other")
    with within(there):
        assert services.derive(there.tenant.pk, "rotation") != first


def test_one_tenant_sees_no_key_of_another(banks):
    here, there = banks
    person = an_applicant(here)
    with within(there):
        assert not DataKey.objects.filter(owner=f"applicant:{person.pk}").exists()


def test_every_change_of_a_key_is_audited_without_the_key(bank, owner):
    person = an_applicant(bank)
    with within(bank):
        services.destroy(person.pk, now=clock.now())
        key_id = DataKey.objects.get(owner=f"applicant:{person.pk}").pk
    query = "select action, changes::text from audit_event where object_id = %s order by id"
    events = owner.execute(query, [key_id]).fetchall()
    assert [action.split(".")[-1] for action, _ in events] == ["insert", "update"]
    assert not any("wrapped" in changes for _, changes in events)


# --- sealed fields ------------------------------------------------------------------------------------


def test_a_sealed_field_refuses_what_was_not_sealed(bank):
    from kyc.applicants.models import Applicant

    person = an_applicant(bank, given_name="Ada")
    for plain in ("Ada", b"Ada"):
        person.personal = plain
        with within(bank), pytest.raises(TypeError, match="must be sealed first"), atomic():
            person.save()
    with within(bank):
        assert isinstance(Applicant.objects.get(pk=person.pk).personal, Box)


def test_a_sealed_cell_copied_to_another_row_does_not_open(bank):
    one, other = an_applicant(bank, given_name="Ada"), an_applicant(bank, given_name="Grace")
    with within(bank):
        assert fields.get(one, "personal", owner=one.pk) == {"personal": {"given_name": "Ada"}}
        other.personal = one.personal
        for owner_id in (one.pk, other.pk):
            with pytest.raises(BoxTampered):
                fields.get(other, "personal", owner=owner_id)


def test_a_list_opens_nothing_unless_asked(bank, monkeypatch):
    from kyc.applicants.models import Applicant

    an_applicant(bank, given_name="Ada")
    monkeypatch.setattr(services, "open_sealed", lambda *a: pytest.fail("opened"))
    with within(bank):
        assert len(list(Applicant.objects.all())) >= 1


# --- rotation -----------------------------------------------------------------------------------------


def boxes_of(people, bank):
    with within(bank):
        return [services.seal(person.pk, KIND, 1, person.pk.encode()) for person in people]


def all_open(people, boxes, bank):
    services._keys.clear()
    with within(bank):
        return all(services.open_sealed(p.pk, KIND, 1, b) == p.pk.encode() for p, b in zip(people, boxes, strict=True))


def test_rotation_rewraps_every_key_in_batches_and_opens_all_at_every_moment(fresh_db, own_keks):
    bank = a_bank()
    people = [an_applicant(bank) for _ in range(7)]
    boxes = boxes_of(people, bank)
    old = own_keks.current()
    own_keks.add_key()
    seen = []
    with acting_as_system("vault"):
        done, failed = services.rotate(
            batch=3, progress=lambda d, f: seen.append((d, f, all_open(people, boxes, bank)))
        )
        assert queries.count_by_kek() == {own_keks.current(): 8}  # seven people and their bank
    assert (done, failed) == (8, 0)
    assert [d for d, *_ in seen] == [3, 6, 8] and all(opened for *_, opened in seen)
    own_keks.forget_key(old)
    assert all_open(people, boxes, bank)


def test_a_rotation_that_was_cut_off_goes_on_where_it_stopped(fresh_db, own_keks):
    bank = a_bank()
    people = [an_applicant(bank) for _ in range(5)]
    own_keks.add_key()

    def cut(done, failed):
        raise KeyboardInterrupt

    with acting_as_system("vault"):
        with pytest.raises(KeyboardInterrupt):
            services.rotate(batch=2, progress=cut)
        assert services.rotate(batch=2) == (4, 0)
        assert services.rotate(batch=2) == (0, 0)
    assert all_open(people, boxes_of(people, bank), bank)


def test_rotation_never_revives_a_key_destroyed_meanwhile(fresh_db, own_keks, monkeypatch):
    bank = a_bank()
    person = an_applicant(bank)
    own_keks.add_key()
    rewrap = own_keks.rewrap

    def destroy_first(wrapped: Wrapped, context):
        if context.owner == f"applicant:{person.pk}":
            with acting_for(bank.tenant.pk, system=True):
                services.destroy(person.pk, now=clock.now())
        return rewrap(wrapped, context)

    monkeypatch.setattr(own_keks, "rewrap", destroy_first)
    with acting_as_system("vault"):
        assert services.rotate() == (1, 0)  # the bank's own
    with within(bank), pytest.raises(KeyDestroyed):
        services.warm(person.pk)


def test_one_damaged_key_does_not_stop_the_rotation(fresh_db, own_keks, owner):
    bank = a_bank()
    hurt, sound = an_applicant(bank), an_applicant(bank)
    owner.execute("select set_config('vouch.actor', 'test:cosmic ray', false)")
    owner.execute("update vault_datakey set wrapped = wrapped || '\\x00' where owner = %s", [f"applicant:{hurt.pk}"])
    own_keks.add_key()
    with acting_as_system("vault"):
        assert services.rotate() == (2, 1)
    with within(bank):
        services.warm(sound.pk)


def test_the_command_tells_its_progress_and_retires_only_unused_keys(fresh_db, own_keks):
    bank = a_bank()
    people = [an_applicant(bank) for _ in range(3)]
    boxes, old = boxes_of(people, bank), own_keks.current()
    call_command("vault", "new-kek", stdout=io.StringIO())
    with pytest.raises(CommandError, match="4 data keys are still under"):
        call_command("vault", "retire", old)
    out = io.StringIO()
    call_command("vault", "rotate", "--batch", "2", stdout=out)
    assert "2 re-wrapped" in out.getvalue() and "4 data keys re-wrapped" in out.getvalue()
    call_command("vault", "retire", old, stdout=io.StringIO())
    call_command("vault", "status", stdout=out)
    assert old not in out.getvalue() and "(current)" in out.getvalue()
    assert all_open(people, boxes, bank)


def test_a_key_file_that_lost_a_key_is_named_not_guessed(fresh_db, own_keks):
    bank = a_bank()
    old = own_keks.current()
    own_keks.add_key()
    own_keks.forget_key(old)
    services._keys.clear()
    with within(bank), pytest.raises(KekRefused, match=old):
        services.warm(bank.tenant.pk)


def test_the_web_login_cannot_rotate_across_tenants(banks):
    """Row-level security: a web process that tried would see its own tenant's keys only."""
    here, _ = banks
    with within(here):
        owners = set(DataKey.objects.values_list("tenant_id", flat=True))
    assert owners == {here.tenant.pk}


def test_a_cached_key_is_found_without_database_or_key_service(bank, monkeypatch):
    person = an_applicant(bank)
    with within(bank):
        services.warm(person.pk)
        monkeypatch.setattr(queries, "living", lambda **k: pytest.fail("asked the database"))
        assert services.seal(person.pk, KIND, 1, b"x")
    assert isinstance(services._keys.get((bank.tenant.pk, f"applicant:{person.pk}")), CachedKey)
