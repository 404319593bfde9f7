"""Where the signing key lives: one file that only the sealer's user may read."""

from __future__ import annotations

import os
from pathlib import Path

from kyc.audit.note import Signer, Verifier

SECRET, PUBLIC = "audit.key", "audit.pub"


def signer(directory: Path) -> Signer:
    """The key in `directory`. Raises FileNotFoundError with the command that makes one."""
    path = directory / SECRET
    try:
        return Signer.parse(path.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing: `manage.py audit keygen` makes it") from None


def create(directory: Path, *, name: str) -> Signer:
    """Write a new key pair; the key that is there already is kept and returned."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Signer.generate(name)
    try:
        _write_new(directory / SECRET, key.secret_text(), 0o600)
    except FileExistsError:
        key = signer(directory)
    _write_public(directory, key.verifier)
    return key


def verifiers(directory: Path) -> list[Verifier]:
    """Every public key that has signed here: the present one, and those it replaced (`*.pub`)."""
    return [Verifier.parse(path.read_text()) for path in sorted(directory.glob("*.pub"))]


def rotate(directory: Path, *, name: str | None = None) -> Signer:
    """Retire the present key, keeping its public half so that older checkpoints still verify."""
    old = signer(directory)
    (directory / PUBLIC).replace(directory / f"audit-{old.verifier.key_id}.pub")
    new = Signer.generate(name or old.name)
    staged = directory / f"{SECRET}.new"
    staged.unlink(missing_ok=True)
    _write_new(staged, new.secret_text(), 0o600)
    staged.replace(directory / SECRET)  # one step: a crash leaves the old key or the new one, never none
    _write_public(directory, new.verifier)
    return new


def _write_public(directory: Path, verifier: Verifier) -> None:
    path = directory / PUBLIC
    if not path.exists():
        path.write_text(f"{verifier}\n")


def _write_new(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as f:
        f.write(text + "\n")
        f.flush()
        os.fsync(f.fileno())
