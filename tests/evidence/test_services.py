"""Images at rest, on a real database and real stores."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from kyc.core import clock
from kyc.core.errors import LostRace, NotFound, Problem
from kyc.core.scope import Scope, acting, acting_as_system, acting_for, atomic
from kyc.evidence import janitor, queries, services
from kyc.evidence.errors import MediaLost, MediaShredded, Polyglot, StorageUnavailable
from kyc.evidence.models import Media
from kyc.evidence.stores.files import FileStore
from kyc.vault import services as vault
from kyc.vault.errors import BoxTampered, KeyDestroyed
from tests.evidence import corpus
from tests.support.doubles import S3, serving
from tests.support.worlds import a_bank, an_applicant

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(scope="module")
def bank(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        return a_bank()


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path / "evidence")


@pytest.fixture
def acting_bank(bank):
    with acting(Scope(bank.tenant.pk, "test:someone")):
        yield bank


@pytest.fixture
def person(bank):
    return an_applicant(bank)


def a_picture(seed: int = 0) -> bytes:
    """A picture of its own: 64 random cells, so that no two are near each other."""
    import random

    cells = Image.frombytes("L", (8, 8), random.Random(seed).randbytes(64))
    return corpus.encoded(cells.resize((320, 320), Image.Resampling.BICUBIC).convert("RGB"), quality=95)


def stored(person, store, data=None, kind="selfie", now=None) -> Media:
    now = now or clock.now()
    return services.store(applicant_id=person.pk, kind=kind, data=data or a_picture(), now=now, into=store)


def objects(store: FileStore) -> set[str]:
    return {str(p.relative_to(store.root)) for p in store.root.rglob("*") if p.is_file()}


def rows_of(person) -> list[Media]:
    with atomic():
        return list(Media.objects.filter(applicant=person).order_by("id"))


def test_a_stored_image_comes_back_normalised(acting_bank, person, store):
    row = stored(person, store, corpus.oriented(6))
    jpeg = services.read(row.pk, purpose="test", stored_in=store)
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.size == (row.width, row.height) == (corpus.WIDTH, corpus.HEIGHT)
    assert row.state == "stored" and row.source["orientation"] == 6


def test_only_sealed_boxes_lie_in_the_store(acting_bank, person, store):
    row = stored(person, store)
    jpeg = services.read(row.pk, purpose="test", stored_in=store)
    box = store.get(row.object_key)
    assert len(box) == row.size > len(jpeg)
    assert jpeg[200:260] not in box and b"JFIF" not in box
    assert person.pk not in row.object_key and row.pk not in row.object_key


def test_a_box_swapped_with_another_images_does_not_open(acting_bank, person, store):
    """Of the same person and kind, too: an attacker with the store could else change who is compared with whom."""
    selfie, other = stored(person, store, a_picture(1)), stored(person, store, a_picture(2))
    box = store.get(other.object_key)
    store.put(selfie.object_key, box)
    with pytest.raises(BoxTampered):
        services.read(selfie.pk, purpose="test", stored_in=store)


def test_an_image_that_vanished_is_lost_not_absent(acting_bank, person, store):
    row = stored(person, store)
    store.delete(row.object_key)
    with pytest.raises(MediaLost) as lost:
        services.read(row.pk, purpose="test", stored_in=store)
    assert lost.value.status == 500


def test_reading_an_image_is_noted(acting_bank, person, store, owner):
    row = stored(person, store)
    services.read(row.pk, purpose="review", stored_in=store)
    found = owner.execute(
        "select actor, detail->>'purpose' from audit_event where object_id = %s and action = 'media.read'", [row.pk]
    ).fetchall()
    assert found == [("test:someone", "review")]


def test_the_audit_log_holds_no_trace_of_the_picture(acting_bank, person, store, owner):
    row = stored(person, store)
    events = owner.execute("select action, changes::text from audit_event where object_id = %s", [row.pk]).fetchall()
    assert len(events) == 2  # announced, stored
    for secret in ("original_digest", "phash", row.object_key):
        assert not any(secret in changes for _, changes in events)


def test_a_refused_image_leaves_nothing(acting_bank, person, store):
    for name, (data, _) in corpus.bad().items():
        with pytest.raises(Problem):
            stored(person, store, data or b"x")
        assert not rows_of(person) and not objects(store), name


@pytest.mark.parametrize("name", sorted(set(corpus.bad()) - {"PNG with broken pixels"}))
def test_rejected_formats_never_reach_a_decoder(acting_bank, person, store, name, monkeypatch):
    seen = []
    monkeypatch.setattr("kyc.evidence.cage.helper.Helper.normalise", lambda self, data, header: seen.append(header))
    with pytest.raises(Problem):
        stored(person, store, corpus.bad()[name][0] or b"x")
    assert seen == []


def test_another_banks_applicant_does_not_exist(acting_bank, store):
    foreigner = an_applicant(a_bank())
    with pytest.raises(NotFound):
        stored(foreigner, store)
    assert not objects(store)


def test_another_bank_sees_no_image_of_ours(acting_bank, person, store):
    row = stored(person, store)
    with acting(Scope(a_bank().tenant.pk, "test:stranger")):
        with pytest.raises(NotFound):
            services.read(row.pk, purpose="theft", stored_in=store)
        with pytest.raises(NotFound):
            services.shred(media_id=row.pk, now=clock.now())


def test_a_polyglot_is_refused_by_name(acting_bank, person, store):
    with pytest.raises(Polyglot):
        stored(person, store, corpus.jpeg() + corpus.zip_file())


# --- reuse --------------------------------------------------------------------------------------------


def test_the_same_file_twice_is_recognised(acting_bank, person, store):
    selfie, portrait = stored(person, store, a_picture(3)), stored(person, store, a_picture(3), kind="id_portrait")
    fresh = stored(person, store, a_picture(4), kind="id_portrait")
    with atomic():
        assert queries.same_original(selfie.pk, portrait.pk)
        assert not queries.same_original(selfie.pk, fresh.pk)


def test_a_picture_saved_again_smaller_is_recognised(acting_bank, person, store):
    with Image.open(io.BytesIO(a_picture(5))) as image:
        again = corpus.encoded(image.resize((200, 200)), quality=60)
    one, two = stored(person, store, a_picture(5)), stored(person, store, again, kind="id_portrait")
    assert bytes(one.original_digest) != bytes(two.original_digest)
    with atomic():
        assert queries.same_original(one.pk, two.pk)


def test_a_picture_that_another_applicant_brought_is_named(acting_bank, bank, person, store):
    accomplice, stranger = an_applicant(bank), an_applicant(bank)
    stored(accomplice, store, a_picture(6))
    stored(stranger, store, a_picture(7))
    mine = stored(person, store, a_picture(6))
    with atomic():
        assert queries.seen_with_others(mine.pk) == (accomplice.pk,)


def test_reuse_is_never_looked_for_across_banks(acting_bank, person, store):
    elsewhere = a_bank()
    with acting(Scope(elsewhere.tenant.pk, "test:other")):
        theirs = stored(an_applicant(elsewhere), store, a_picture(8))
    mine = stored(person, store, a_picture(8))
    assert bytes(mine.original_digest) != bytes(theirs.original_digest) and mine.phash != theirs.phash
    with atomic():
        assert queries.seen_with_others(mine.pk) == ()


def test_a_missing_image_was_seen_with_nobody(acting_bank):
    with atomic():
        assert queries.seen_with_others(None) == () and not queries.same_original("med_a", "med_b")


# --- shredding ----------------------------------------------------------------------------------------


def test_a_shredded_image_is_gone_and_its_row_says_so(acting_bank, person, store):
    row = stored(person, store)
    services.shred(media_id=row.pk, now=clock.now())
    services.delete_shredded(media_id=row.pk, stored_in=store)
    with pytest.raises(MediaShredded):
        services.read(row.pk, purpose="test", stored_in=store)
    assert not objects(store)
    (left,) = rows_of(person)
    assert left.state == "shredded" and left.object_key is None and left.phash is not None
    services.shred(media_id=row.pk, now=clock.now())  # twice is fine
    services.delete_shredded(media_id=row.pk, stored_in=store)


def test_forgetting_drops_what_would_recognise_the_picture(acting_bank, person, store):
    row = stored(person, store)
    services.shred(media_id=row.pk, now=clock.now())
    services.shred(media_id=row.pk, now=clock.now(), forget=True)
    (left,) = rows_of(person)
    assert (left.original_digest, left.phash, left.source) == (None, None, {})


def test_an_erased_persons_image_does_not_open_even_from_a_copy(acting_bank, person, store):
    row = stored(person, store)
    copy = store.get(row.object_key)
    with atomic():
        vault.destroy(person.pk, now=clock.now())
    store.put(row.object_key, copy)
    with pytest.raises(KeyDestroyed):
        services.read(row.pk, purpose="test", stored_in=store)


def test_an_erased_person_cannot_be_given_images(acting_bank, person, store):
    with atomic():
        vault.destroy(person.pk, now=clock.now())
    with pytest.raises(KeyDestroyed):
        stored(person, store)
    assert not rows_of(person) and not objects(store)


def test_an_upload_that_the_erasure_overtook_does_not_finish(acting_bank, person, store):
    row = services.upload(applicant_id=person.pk, kind="selfie", data=a_picture(), now=clock.now(), into=store)
    services.shred(media_id=row.pk, now=clock.now(), forget=True)
    with pytest.raises(LostRace):
        services.finish(row, now=clock.now())
    services.delete_shredded(media_id=row.pk, stored_in=store)
    assert not objects(store)


# --- the janitor --------------------------------------------------------------------------------------


def swept(store, *, later=timedelta(0)):
    with acting_as_system("janitor"):
        done = janitor.sweep(now=clock.now() + later, store=store)
        strays = janitor.sweep_strays(now=clock.now() + later, store=store).strays
    return replace(done, strays=strays)


def test_a_store_that_refuses_leaves_no_row(acting_bank, person, tmp_path):
    (tmp_path / "evidence").write_text("not a directory")
    with pytest.raises(StorageUnavailable):
        stored(person, FileStore(tmp_path / "evidence"))
    assert [r.state for r in rows_of(person)] in ([], ["uploading"])  # nothing that a reader would see
    with atomic():
        assert not queries.of_applicant(person.pk).exists()


def test_a_fresh_upload_is_left_alone(acting_bank, person, store):
    row = services.upload(applicant_id=person.pk, kind="selfie", data=a_picture(), now=clock.now(), into=store)
    swept(store)
    assert services.finish(row, now=clock.now()).state == "stored"
    assert objects(store) == {row.object_key}


def test_an_upload_given_up_can_no_longer_finish(acting_bank, person, store):
    row = services.upload(applicant_id=person.pk, kind="selfie", data=a_picture(), now=clock.now(), into=store)
    assert swept(store, later=timedelta(minutes=16)).unfinished >= 1
    assert not rows_of(person) and not objects(store)
    with pytest.raises(LostRace):
        services.finish(row, now=clock.now())


def test_an_object_written_after_its_row_was_given_up_is_a_stray(acting_bank, person, store):
    row = services.upload(applicant_id=person.pk, kind="selfie", data=a_picture(), now=clock.now(), into=store)
    box = store.get(row.object_key)
    swept(store, later=timedelta(minutes=16))
    store.put(row.object_key, box)  # the slow uploader's write arrives
    assert swept(store, later=timedelta(hours=23)).strays == 0 and objects(store)
    assert swept(store, later=timedelta(hours=25)).strays == 1 and not objects(store)


def test_the_janitor_finishes_a_shredding(acting_bank, person, store):
    row = stored(person, store)
    services.shred(media_id=row.pk, now=clock.now())
    assert objects(store)
    assert swept(store).shredded >= 1
    assert not objects(store) and rows_of(person)[0].object_key is None


def test_the_janitor_never_touches_a_stored_image(acting_bank, person, store):
    row = stored(person, store)
    swept(store, later=timedelta(days=4000))
    assert services.read(row.pk, purpose="test", stored_in=store)


DYING_UPLOAD = """
    import os, signal, sys
    import django
    django.setup()
    from pathlib import Path
    from django.conf import settings
    from kyc.core import clock
    from kyc.core.scope import Scope, acting
    from kyc.evidence import services
    from kyc.evidence.models import Media
    from kyc.evidence.stores.files import FileStore
    from kyc.evidence.stores import files
    tenant, person, root, picture, point = sys.argv[1:]

    def die(*a, **k):
        os.kill(os.getpid(), signal.SIGKILL)

    class Dying(FileStore):
        def put(self, key, box):
            if point == "before the object":
                die()
            if point == "half an object":
                files.os.replace = die
            super().put(key, box)
            if point == "after the object":
                die()

        def delete(self, key):
            if point == "after shredding, before the deletion":
                die()
            super().delete(key)
            if point == "after the deletion":
                die()

    with acting(Scope(tenant, "test:doomed")):
        store = Dying(Path(root))
        data = Path(picture).read_bytes()
        row = services.store(applicant_id=person, kind="selfie", data=data, now=clock.now(), into=store)
        services.shred(media_id=row.pk, now=clock.now())
        services.delete_shredded(media_id=row.pk, stored_in=store)
"""
POINTS = [
    "before the object",
    "half an object",
    "after the object",
    "after shredding, before the deletion",
    "after the deletion",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_leaves_no_orphan(acting_bank, bank, person, store, tmp_path, point):
    (tmp_path / "picture").write_bytes(a_picture())
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(DYING_UPLOAD),
            bank.tenant.pk,
            person.pk,
            str(store.root),
            str(tmp_path / "picture"),
            point,
        ],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "kyc.settings"},
        capture_output=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(rows_of(person)) == 1
    swept(store, later=timedelta(hours=25))
    assert not objects(store)
    assert [r.state for r in rows_of(person)] in ([], ["shredded"])
    assert all(r.object_key is None for r in rows_of(person))


def test_the_whole_path_on_a_bucket(acting_bank, person, monkeypatch):
    from kyc.evidence.stores import from_url

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with serving(S3()) as double:
        bucket = from_url(f"s3://evidence?endpoint={double.url}&region=eu-central-1")
        row = stored(person, bucket)
        assert services.read(row.pk, purpose="test", stored_in=bucket)
        assert list(double.objects) == [row.object_key] and b"JFIF" not in double.objects[row.object_key]
        services.shred(media_id=row.pk, now=clock.now())
        swept(bucket)
        assert not double.objects


def test_no_store_or_key_service_is_asked_inside_a_transaction(acting_bank, person, store, monkeypatch):
    """An outage of the store must not hold database connections."""
    from django.db import connections

    def outside(verb):
        real = getattr(store, verb)

        def checked(*arguments):
            assert not connections["default"].in_atomic_block
            return real(*arguments)

        return checked

    for verb in ("put", "get", "delete"):
        monkeypatch.setattr(store, verb, outside(verb))
    row = stored(person, store)
    services.read(row.pk, purpose="test", stored_in=store)
    services.shred(media_id=row.pk, now=clock.now())
    services.delete_shredded(media_id=row.pk, stored_in=store)


def test_acting_for_another_tenant_changes_what_is_seen(acting_bank, person, store):
    row, other = stored(person, store), a_bank()
    with acting_for(other.tenant.pk), atomic():
        assert not queries.media().filter(pk=row.pk).exists()
