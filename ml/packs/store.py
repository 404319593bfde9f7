"""Where packs live, and which of them are in use."""

from __future__ import annotations

import fcntl
import os
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

import tomli_w

from ml.errors import PackError
from ml.packs.manifest import Manifest, Role
from ml.packs.pack import MANIFEST, Pack, open_pack, read_manifest

ACTIVE = "active.toml"
_REPOSITORY = Path(__file__).resolve().parents[2]


def default_root() -> Path:
    """$VOUCH_PACKS, else $VOUCH_HOME/packs, else var/packs of the checkout."""
    if packs := os.environ.get("VOUCH_PACKS"):
        return Path(packs)
    return Path(os.environ.get("VOUCH_HOME") or _REPOSITORY / "var") / "packs"


def installed(root: Path) -> list[Manifest]:
    """Manifests of every pack under `root`, by name; nothing else is read."""
    return [read_manifest(root / name)[0] for name in present(root)]


def present(root: Path) -> list[str]:
    """Directories under `root` that hold a manifest, whole or not."""
    found = (path.parent.name for path in root.glob(f"*/{MANIFEST}"))
    return sorted(name for name in found if not name.startswith("."))


def load_pack(name: str, *, root: Path, allowed_licences: Collection[str]) -> Pack:
    """Open `root/name`, verified."""
    if name != Path(name).name or name.startswith("."):
        raise PackError("pack_missing", f"'{name}' is not the name of a pack")
    pack = open_pack(root / name, allowed_licences=allowed_licences)
    if pack.manifest.name != name:
        raise PackError("pack_invalid", f"{root / name} holds a pack that calls itself '{pack.manifest.name}'")
    return pack


def active(root: Path) -> dict[Role, tuple[str, ...]]:
    """Which packs serve which role. Roles without a choice are absent."""
    path = root / ACTIVE
    if not path.exists():
        return {}
    try:
        table = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackError("pack_invalid", f"{path}: {error}") from error
    for role, names in table.items():
        if role not in get_args(Role) or not isinstance(names, list):
            raise PackError("pack_invalid", f"{path}: '{role}' should be a role with a list of packs")
    return {cast(Role, role): tuple(names) for role, names in table.items()}


def open_active(role: Role, *, root: Path, allowed_licences: Collection[str]) -> tuple[Pack, ...]:
    """The packs in use for a role: one detector, one recogniser, any number for pad and quality."""
    return tuple(load_pack(name, root=root, allowed_licences=allowed_licences) for name in active(root).get(role, ()))


def use(*, role: Role, names: Sequence[str], root: Path, allowed_licences: Collection[str]) -> None:
    """Select packs for a role; each is opened first, so a broken one is never selected.

    No names: the role is left empty, which only pad and quality may be.
    """
    if role in ("detector", "recogniser") and len(names) != 1:
        raise PackError("pack_invalid", f"a {role} is exactly one pack, {len(names)} were given")
    for name in names:
        pack = load_pack(name, root=root, allowed_licences=allowed_licences)
        if pack.manifest.role != role:
            raise PackError("pack_invalid", f"{name} is a {pack.manifest.role}, not a {role}")
    with locked(root, "active"):
        chosen = active(root) | {role: tuple(names)}
        text = tomli_w.dumps({key: list(value) for key, value in sorted(chosen.items()) if value})
        write_atomically(root / ACTIVE, text.encode())


@contextmanager
def locked(root: Path, what: str) -> Iterator[None]:
    """One process at a time does `what` under `root`; the kernel lets go when the process dies."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{what}.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the old bytes or the new ones, also after a crash."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
