"""Places that keep what they were given: a directory, and S3 with Object Lock."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from kyc.audit import worm
from kyc.audit.worm import AlreadyDifferent, Directory, LockedBucket, from_url, name_of
from tests.support.doubles import S3, serving

NAME = name_of("tnt_1", 7)


@pytest.fixture
def s3():
    with serving(S3("checkpoints")) as double:
        yield double


def client_of(s3):
    return boto3.client(
        "s3", endpoint_url=s3.url, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.fixture(params=["directory", "bucket"])
def place(request, tmp_path):
    if request.param == "directory":
        return Directory(tmp_path / "worm")
    s3 = request.getfixturevalue("s3")
    return LockedBucket("checkpoints", "vouch/audit", timedelta(days=10), client_of(s3))


def test_what_was_put_is_there(place):
    place.put(NAME, b"signed")
    assert list(place.names()) == [NAME] and place.get(NAME) == b"signed"


def test_the_same_again_is_fine(place):
    place.put(NAME, b"signed")
    place.put(NAME, b"signed")
    assert place.get(NAME) == b"signed"


def test_something_else_under_the_name_is_an_alarm_and_changes_nothing(place):
    place.put(NAME, b"signed")
    with pytest.raises(AlreadyDifferent):
        place.put(NAME, b"another story")
    assert place.get(NAME) == b"signed"


def test_names_sort_by_size(place):
    for size in (100, 9, 10):
        place.put(name_of("tnt_1", size), b"x")
    assert [int(name[6:22]) for name in place.names()] == [9, 10, 100]


def test_a_file_is_complete_or_absent_and_nobody_may_write_it(tmp_path):
    place = Directory(tmp_path)
    place.put(NAME, b"signed")
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o444
    assert os.listdir(tmp_path / "tnt_1") == [NAME.partition("/")[2]]  # nothing half-written beside it


def test_a_killed_writers_leftover_is_in_nobodys_way(tmp_path):
    place = Directory(tmp_path)
    (tmp_path / "tnt_1").mkdir()
    (tmp_path / "tnt_1" / f".{NAME.partition('/')[2]}.{os.getpid()}").write_bytes(b"hal")
    place.put(NAME, b"signed")
    assert place.get(NAME) == b"signed" and list(place.names()) == [NAME]


def test_an_object_is_locked_in_compliance_mode_until_its_time(s3):
    LockedBucket("checkpoints", "vouch", timedelta(days=10), client_of(s3)).put(NAME, b"signed")
    headers = {name.lower(): value for name, value in s3.headers[f"vouch/{NAME}"].items()}
    assert headers["x-amz-object-lock-mode"] == "COMPLIANCE" and headers["if-none-match"] == "*"
    until = datetime.fromisoformat(headers["x-amz-object-lock-retain-until-date"].replace("Z", "+00:00"))
    assert timedelta(days=9, hours=23) < until - datetime.now(UTC) <= timedelta(days=10)
    with pytest.raises(ClientError, match="AccessDenied"):
        client_of(s3).delete_object(Bucket="checkpoints", Key=f"vouch/{NAME}")


def test_a_place_is_named_by_its_address(tmp_path):
    assert from_url(f"file://{tmp_path}") == Directory(tmp_path)
    bucket = from_url("s3://bank-worm/vouch?days=30")
    assert bucket.url == "s3://bank-worm/vouch" and bucket.keep == timedelta(days=30)
    assert from_url("s3://bank-worm").keep == timedelta(days=worm.KEEP_DAYS)
    with pytest.raises(ValueError, match="file:///"):
        from_url("/just/a/path")
