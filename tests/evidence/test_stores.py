"""A directory and a bucket keep the same promises; the bucket through boto3 over real HTTP."""

import os
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest

from kyc.evidence.errors import StorageUnavailable
from kyc.evidence.stores import from_url, new_key
from kyc.evidence.stores.files import FileStore
from tests.support.doubles import S3, serving

BOX = b"\x01sealed" * 5000


@pytest.fixture
def files(tmp_path):
    return from_url(f"file://{tmp_path}/evidence")


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with serving(S3()) as double:
        store = from_url(f"s3://evidence/live?endpoint={double.url}&region=eu-central-1")
        store.double = double
        yield store


@pytest.fixture(params=["files", "bucket"])
def store(request):
    return request.getfixturevalue(request.param)


def test_what_was_put_comes_back_until_it_is_deleted(store):
    key = new_key()
    assert store.get(key) is None and not store.exists(key)
    store.put(key, BOX)
    assert store.get(key) == BOX and store.exists(key)
    store.delete(key)
    assert store.get(key) is None and not store.exists(key)
    store.delete(key)  # twice is fine


def test_putting_twice_leaves_the_second(store):
    key = new_key()
    store.put(key, BOX)
    store.put(key, b"other")
    assert store.get(key) == b"other"


def test_old_objects_are_listed_page_by_page(store):
    keys = sorted(new_key() for _ in range(5))
    for key in keys:
        store.put(key, BOX)
    assert sorted(store.older_than(datetime.now(UTC) + timedelta(minutes=1))) == keys
    assert list(store.older_than(datetime(2020, 1, 1, tzinfo=UTC))) == []


def test_keys_are_random_and_say_nothing():
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100 and all(len(k) == 38 and k[:2] == k[6:8] and k[3:5] == k[8:10] for k in keys)


def test_files_are_for_their_user_only(files, tmp_path):
    key = new_key()
    files.put(key, BOX)
    path = tmp_path / "evidence" / key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == [path.name]  # no temporary file left


def test_a_reader_never_sees_half_a_file(files):
    key, seen, stop = new_key(), set(), threading.Event()
    files.put(key, b"a" * 2_000_000)

    def watch():
        while not stop.is_set():
            seen.add(len(files.get(key)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(10):
        files.put(key, b"b" * 3_000_000)
        files.put(key, b"a" * 2_000_000)
    stop.set()
    watcher.join()
    assert seen <= {2_000_000, 3_000_000}


def test_what_a_killed_write_left_is_found_and_deleted(files, tmp_path):
    key = new_key()
    files.put(key, BOX)
    path = tmp_path / "evidence" / key
    path.rename(path.with_name(path.name + ".part"))
    assert list(files.older_than(datetime.now(UTC) + timedelta(minutes=1))) == [key]
    files.delete(key)
    assert not any(p.is_file() for p in (tmp_path / "evidence").rglob("*"))


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "aa/../../x"])
def test_no_key_leaves_the_directory(files, key):
    with pytest.raises(ValueError, match="not a key"):
        files.put(key, BOX)


def test_a_full_or_forbidden_disk_can_be_retried(tmp_path):
    (tmp_path / "evidence").write_text("a file where the directory should be")
    with pytest.raises(StorageUnavailable) as failure:
        FileStore(tmp_path / "evidence").put(new_key(), BOX)
    assert failure.value.retryable


def test_a_bucket_that_fails_can_be_retried(bucket):
    bucket.double.failing = (503, b"<Error><Code>SlowDown</Code></Error>")
    with pytest.raises(StorageUnavailable, match="SlowDown") as failure:
        bucket.put(new_key(), BOX)
    assert failure.value.retryable and len(bucket.double.calls) == 0


def test_a_bucket_that_is_not_there_is_unavailable_not_empty(monkeypatch):
    """An outage must never read as "the image is gone"."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(StorageUnavailable):
        from_url("s3://evidence?endpoint=http://127.0.0.1:9&region=eu-central-1").get(new_key())
    with serving(S3(bucket="another")) as double:
        store = from_url(f"s3://evidence?endpoint={double.url}&region=eu-central-1")
        with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
            store.get(new_key())


def test_the_bucket_checks_what_it_received(bucket):
    """boto3 sends a checksum, so a byte that changes on the way is refused and not stored."""
    key = new_key()
    bucket.put(key, BOX)
    headers = {name.lower() for name in bucket.double.headers[f"live/{key}"]}
    assert "x-amz-checksum-sha256" in headers or "x-amz-trailer" in headers
