"""Packs for the engine's tests: made from the installed packages once, and again when how they are made changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ml.packs import PERMISSIVE, Pack, load_pack
from ml.packs.build import import_default
from ml.packs.pull import pull
from ml.packs.store import locked
from tests.data import REPOSITORY, data_dir

LOCAL = {  # ready packs whose weights are only in the local data
    "mobilefacenet-foamliu": "packs/mobilefacenet/mobilefacenet.pt",
    "minifasnet-v2": "packs/minifasnet/2.7_80x80_MiniFASNetV2.pth",
    "minifasnet-v1se": "packs/minifasnet/4_0_0_80x80_MiniFASNetV1SE.pth",
}


@pytest.fixture(scope="session")
def packs_root() -> Path:
    """A packs directory with the default packs in use. Shared by all tests: read it only."""
    root = REPOSITORY / "var" / "test-packs" / _recipe()
    import_default(root=root, allowed_licences=PERMISSIVE)
    return root


@pytest.fixture(scope="session")
def yunet(packs_root: Path) -> Pack:
    return load_pack("yunet-2023mar", root=packs_root, allowed_licences=PERMISSIVE)


@pytest.fixture(scope="session")
def mtcnn(packs_root: Path) -> Pack:
    return load_pack("mtcnn", root=packs_root, allowed_licences=PERMISSIVE)


@pytest.fixture(scope="session")
def dlib_resnet(packs_root: Path) -> Pack:
    return load_pack("dlib-resnet-v1", root=packs_root, allowed_licences=PERMISSIVE)


@pytest.fixture(scope="session")
def local_packs(packs_root: Path) -> dict[str, Pack]:
    """The packs of `LOCAL` by name; skips without the local data. Mark such tests `data`."""
    data = data_dir()
    if data is None:
        pytest.skip("VOUCH_DATA names no local data")
    root = packs_root.with_name(f"{packs_root.name}-local")
    with locked(root, "local"):
        for name, path in LOCAL.items():
            if not (root / name).exists():
                pull(name, root=root, allowed_licences=PERMISSIVE, files=[data / path])
    return {name: load_pack(name, root=root, allowed_licences=PERMISSIVE) for name in LOCAL}


def _recipe() -> str:
    """Changes with the code that makes packs, so that no test runs on packs of yesterday."""
    digest = hashlib.sha256()
    for folder in ("nets", "packs", "runtime"):
        for path in sorted((REPOSITORY / "ml" / folder).rglob("*.*")):
            if path.suffix in (".py", ".toml", ".json"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
