"""Sealed boxes as files of mode 0600 under one directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from kyc.evidence.errors import StorageUnavailable

PART = ".part"  # a write under way, or what a killed one left


class FileStore:
    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, box: bytes) -> None:
        """Temporary file, fsync, rename, fsync of the directory: after a crash there is the whole object or none."""
        final = self._path(key)
        part = final.with_name(final.name + PART)
        with _translated():
            final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as f:
                f.write(box)
                f.flush()
                os.fsync(f.fileno())
            os.replace(part, final)
            _sync(final.parent)

    def get(self, key: str) -> bytes | None:
        with _translated():
            try:
                return self._path(key).read_bytes()
            except FileNotFoundError:
                return None

    def exists(self, key: str) -> bool:
        with _translated():
            return self._path(key).exists()

    def delete(self, key: str) -> None:
        with _translated():
            self._path(key).unlink(missing_ok=True)
            part = self._path(key)
            part.with_name(part.name + PART).unlink(missing_ok=True)

    def older_than(self, moment: datetime) -> Iterator[str]:
        with _translated():
            for path in self.root.glob("??/??/*"):
                if path.stat().st_mtime < moment.timestamp():
                    yield str(path.relative_to(self.root)).removesuffix(PART)

    def _path(self, key: str) -> Path:
        """Keys come from our own rows, but a key that leaves the directory is refused all the same."""
        path = self.root / key
        if ".." in path.parts or not path.is_relative_to(self.root) or key.startswith("/"):
            raise ValueError("not a key of this store")
        return path


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StorageUnavailable(f"The evidence store failed: {e.strerror}.") from e


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
