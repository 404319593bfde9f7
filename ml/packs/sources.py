"""Where the bytes of an origin come from: an installed package, a local copy. Hash first, bytes after."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from ml.errors import PackError
from ml.packs.manifest import Origin
from ml.packs.pack import read_verified


def from_package(origin: Origin) -> bytes | None:
    """The file inside an installed package, without importing the package; None when it is not installed."""
    if origin.package is None or origin.path is None or origin.sha256 is None:
        return None
    spec = importlib.util.find_spec(origin.package)
    if spec is None or spec.submodule_search_locations is None:
        return None
    for folder in spec.submodule_search_locations:
        path = Path(folder) / origin.path
        if path.is_file():
            return read_verified(path, origin.sha256)
    return None


def from_file(path: Path, *, expected: tuple[str, ...]) -> tuple[str, bytes]:
    """A local copy whose SHA-256 is one of `expected`: (that hash, its bytes)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackError("pack_source", f"{path}: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest not in expected:
        raise PackError("pack_corrupt", f"{path} has SHA-256 {digest}, expected {' or '.join(expected)}")
    return digest, data
