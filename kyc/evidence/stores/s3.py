"""Sealed boxes in a bucket of Amazon S3, or of what speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kyc.evidence.errors import StorageUnavailable

MISSING = {"NoSuchKey", "404", "NotFound"}


class S3Store:
    def __init__(self, bucket: str, *, prefix: str = "", endpoint: str | None = None, region: str | None = None):
        """Credentials come from boto3's own chain. An endpoint of one's own is addressed in path style."""
        self._bucket, self._endpoint, self._region = bucket, endpoint, region
        self._prefix = prefix.rstrip("/") + "/" if prefix else ""

    @cached_property
    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self._endpoint,
            region_name=self._region,
            config=Config(
                connect_timeout=2,
                read_timeout=15,
                retries={"total_max_attempts": 3, "mode": "standard"},
                s3={"addressing_style": "path" if self._endpoint else "auto"},
            ),
        )  # seconds: an upload waits for this, and its client for the upload

    def put(self, key: str, box: bytes) -> None:
        with _translated():
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=box,
                ChecksumAlgorithm="SHA256",
                ContentType="application/octet-stream",
            )

    def get(self, key: str) -> bytes | None:
        with _translated():
            try:
                return self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()
            except ClientError as e:
                if _is_missing(e):
                    return None
                raise

    def exists(self, key: str) -> bool:
        with _translated():
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as e:
                if _is_missing(e):
                    return False
                raise
            return True

    def delete(self, key: str) -> None:
        with _translated():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def older_than(self, moment: datetime) -> Iterator[str]:
        with _translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for found in page.get("Contents", ()):
                    if found["LastModified"] < moment:
                        yield found["Key"].removeprefix(self._prefix)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as e:
        code = e.response.get("Error", {}).get("Code", "") if isinstance(e, ClientError) else type(e).__name__
        raise StorageUnavailable(f"The evidence store failed: {code}.") from e


def _is_missing(e: ClientError) -> bool:
    return e.response.get("Error", {}).get("Code") in MISSING
