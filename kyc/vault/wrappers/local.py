"""Key-encryption keys in a file of mode 0600: for one machine, development and tests.

    {"current": "kek-0b1c7e42", "keys": {"kek-0b1c7e42": "<base64, 32 bytes>", "kek-...": "..."}}

A new key is added beside the old ones; running processes see the changed file at their next use.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kyc.vault.boxes import KEY_BYTES, NONCE_BYTES, pack
from kyc.vault.errors import BoxTampered, KekRefused, KekUnavailable
from kyc.vault.wrappers import Context, Wrapped


@dataclass(frozen=True, slots=True, repr=False)
class KeyRing:
    current: str
    keys: dict[str, bytes]


class LocalKeyFile:
    def __init__(self, path: Path, *, create: bool = False):
        """`create`: make the file at first use. Only for the default location, never where an operator named one."""
        self.path = path
        self._create = create
        self._seen: tuple[int, int] | None = None  # (mtime ns, inode) of what was read
        self._ring: KeyRing | None = None
        self._lock = threading.Lock()

    def current(self) -> str:
        return self._read().current

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        ring = self._read()
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(ring.keys[ring.current]).encrypt(nonce, key, _bound_to(ring.current, context))
        return Wrapped(nonce + sealed, ring.current)

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        kek = self._read().keys.get(wrapped.kek_id)
        if kek is None:
            raise KekRefused(f"The key file has no key {wrapped.kek_id!r}.")
        nonce, sealed = wrapped.blob[:NONCE_BYTES], wrapped.blob[NONCE_BYTES:]
        try:
            return AESGCM(kek).decrypt(nonce, sealed, _bound_to(wrapped.kek_id, context))
        except (InvalidTag, ValueError):
            raise BoxTampered() from None

    def rewrap(self, wrapped: Wrapped, context: Context) -> Wrapped:
        return self.wrap(self.unwrap(wrapped, context), context)

    def add_key(self) -> str:
        """A new current key beside the old ones, which stay for unwrapping. Returns its id."""
        with _locked(self.path):
            ring = self._read()
            name = _new_name()
            _write(self.path, KeyRing(name, {**ring.keys, name: os.urandom(KEY_BYTES)}))
        return name

    def forget_key(self, kek_id: str) -> None:
        """Remove an old key. The caller has made sure that no stored data key is wrapped by it."""
        with _locked(self.path):
            ring = self._read()
            if kek_id == ring.current or kek_id not in ring.keys:
                raise KekRefused(f"{kek_id!r} is the current key or unknown.")
            _write(self.path, KeyRing(ring.current, {k: v for k, v in ring.keys.items() if k != kek_id}))

    def ids(self) -> list[str]:
        return list(self._read().keys)

    def _read(self) -> KeyRing:
        with self._lock:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                if not self._create:
                    raise KekUnavailable(
                        f"There is no key file at {self.path}.",
                        next_step="Restore it, or make one with: manage.py vault init",
                    ) from None
                create_key_file(self.path)
                found = self.path.stat()
            except OSError as e:
                raise KekUnavailable(f"The key file cannot be read: {e.strerror}.") from e
            stamp = (found.st_mtime_ns, found.st_ino)
            if self._ring is None or stamp != self._seen:
                self._ring, self._seen = _load(self.path), stamp
            return self._ring


def create_key_file(path: Path) -> None:
    """A fresh key file; one that exists already (another process was first) is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = _new_name()
    _write(path, KeyRing(name, {name: os.urandom(KEY_BYTES)}), only_if_missing=True)


def _new_name() -> str:
    return f"kek-{secrets.token_hex(4)}"  # random: a number could be given twice after a key was forgotten


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two administrators adding keys at once must not lose one: what it wrapped would be lost with it."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _bound_to(kek_id: str, context: Context) -> bytes:
    return pack(b"vouch-kek", kek_id.encode(), context.tenant_id.encode(), context.owner.encode())


def _load(path: Path) -> KeyRing:
    try:
        with open(path, "rb") as f:
            refuse_readable_by_others(os.fstat(f.fileno()), path)
            raw = json.load(f)
        keys = {name: base64.b64decode(text, validate=True) for name, text in raw["keys"].items()}
        ring = KeyRing(raw["current"], keys)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise KekUnavailable(f"The key file {path} cannot be read: {type(e).__name__}.") from None
    if ring.current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise KekRefused(f"The key file {path} is malformed: a missing current key or a key that is not 32 bytes.")
    return ring


def refuse_readable_by_others(found: os.stat_result, path: Path) -> None:
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise KekRefused(f"The key file {path} is open to others.", next_step=f"chmod 600 {path}")


def _write(path: Path, ring: KeyRing, *, only_if_missing: bool = False) -> None:
    """Atomic and durable: a crash leaves the old file or the new one. mkstemp makes it 0600."""
    keys = {name: base64.b64encode(key).decode() for name, key in ring.keys.items()}
    text = json.dumps({"current": ring.current, "keys": keys})
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kek-")
    try:
        with os.fdopen(handle, "w") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        if only_if_missing:
            try:
                os.link(name, path)  # fails where rename would overwrite
            except FileExistsError:
                return
        else:
            os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
