"""Write once, read many: where checkpoints go so that whoever owns the database cannot take them back.

`file:///path`: a directory, ideally on another machine or an append-only file system (chattr +a).
`s3://bucket/prefix?days=3650`: objects under S3 Object Lock, COMPLIANCE mode: not even the account's root deletes them.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

KEEP_DAYS = 3650  # ten years: the five of the AML directive after the relation ends, and a relation of five


class AlreadyDifferent(RuntimeError):
    """The place holds other bytes under this name: two statements about one thing. Someone must look."""


class Worm(Protocol):
    @property
    def url(self) -> str: ...

    def put(self, name: str, data: bytes) -> None:
        """Write once. The same bytes again are fine (a crash between write and commit); others are not."""

    def names(self) -> Iterator[str]: ...

    def get(self, name: str) -> bytes: ...


def name_of(log: str, tree_size: int) -> str:
    return f"{log}/{tree_size:016d}.checkpoint"  # sorts by size


def from_url(url: str) -> Worm:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Directory(Path(parts.path))
    if parts.scheme == "s3":
        days = int(parse_qs(parts.query).get("days", [str(KEEP_DAYS)])[0])
        return LockedBucket(parts.netloc, parts.path.strip("/"), timedelta(days=days))
    raise ValueError(f"{url}: use file:///directory or s3://bucket/prefix")


@dataclass(frozen=True, slots=True)
class Directory:
    path: Path

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def put(self, name: str, data: bytes) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # complete under another name first: a reader never sees half a checkpoint
        staged = target.with_name(f".{target.name}.{os.getpid()}")
        staged.unlink(missing_ok=True)
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        try:
            os.link(staged, target)  # fails if it exists, where rename would replace
        except FileExistsError:
            if target.read_bytes() != data:
                raise AlreadyDifferent(f"{target} holds another statement") from None
        finally:
            staged.unlink(missing_ok=True)
        _sync_directory(target.parent)

    def names(self) -> Iterator[str]:
        for path in sorted(self.path.glob("*/*.checkpoint")):
            if not path.name.startswith("."):
                yield str(path.relative_to(self.path))

    def get(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


@dataclass(frozen=True, slots=True)
class LockedBucket:
    bucket: str
    prefix: str
    keep: timedelta
    client: Any = None  # a boto3 S3 client; by default the one the environment configures

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def put(self, name: str, data: bytes) -> None:
        s3, key = self._client(), self._key(name)
        try:
            s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=data,
                IfNoneMatch="*",  # create, never replace
                ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
                ObjectLockMode="COMPLIANCE",
                ObjectLockRetainUntilDate=datetime.now(UTC) + self.keep,
            )
        except s3.exceptions.ClientError as e:
            if e.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):  # 409: two writers at once
                raise
            if self.get(name) != data:
                raise AlreadyDifferent(f"{self.url}/{name} holds another statement") from e

    def names(self) -> Iterator[str]:
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.prefix}/")
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"].removeprefix(f"{self.prefix}/")

    def get(self, name: str) -> bytes:
        return self._client().get_object(Bucket=self.bucket, Key=self._key(name))["Body"].read()

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    def _client(self) -> Any:
        if self.client:
            return self.client
        import boto3  # only deployments with S3 load it

        return boto3.client("s3")


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
