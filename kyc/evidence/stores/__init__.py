"""Where sealed boxes lie: a directory or a bucket. Keys are random; nothing here can be read without the vault.

file:///path                                  a directory of this machine
s3://bucket/prefix?endpoint=...&region=...    Amazon S3 or what speaks its protocol (boto3)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit


class Store(Protocol):
    """Every method may raise StorageUnavailable (retry)."""

    def put(self, key: str, box: bytes) -> None:
        """Whole or not at all; durable when it returns."""

    def get(self, key: str) -> bytes | None:
        """None where there is no such object."""

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Also fine when it is not there."""

    def older_than(self, moment: datetime) -> Iterator[str]:
        """Keys of objects last written before `moment`, and of what broken writes left behind."""


def new_key() -> str:
    """128 random bits, fanned out so that no directory grows long. Says nothing of tenant, person, kind or time."""
    name = os.urandom(16).hex()
    return f"{name[:2]}/{name[2:4]}/{name}"


def from_url(url: str) -> Store:
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    match parts.scheme:
        case "file":
            from kyc.evidence.stores.files import FileStore

            return FileStore(Path(unquote(parts.path)))
        case "s3":
            from kyc.evidence.stores.s3 import S3Store

            return S3Store(parts.netloc, prefix=unquote(parts.path.lstrip("/")), **options)
    raise ValueError(f"unknown evidence store {parts.scheme!r}: use file or s3")
