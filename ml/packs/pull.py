"""Ready packs whose weights no package ships: by URL, or from a copy that the operator brings."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

from ml.errors import PackError
from ml.packs.build import build
from ml.packs.download import Progress, download
from ml.packs.licences import require
from ml.packs.manifest import Manifest, Origin
from ml.packs.pack import Pack, read_verified
from ml.packs.ready import ready_manifest
from ml.packs.sources import from_file, from_package

_DOWNLOADS = ".downloads"  # under the packs' root; kept while a download is incomplete


def pull(
    name: str,
    *,
    root: Path,
    allowed_licences: Collection[str],
    files: Sequence[Path] = (),
    sha256: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Pack:
    """Build a ready pack from local copies (`files`), else installed packages, else its URLs.

    `sha256` is for origins that publish none; it cannot replace a pinned one.
    """
    return pull_manifest(
        ready_manifest(name), root=root, allowed_licences=allowed_licences, files=files, sha256=sha256,
        progress=progress,
    )  # fmt: skip


def pull_manifest(
    manifest: Manifest,
    *,
    root: Path,
    allowed_licences: Collection[str],
    files: Sequence[Path] = (),
    sha256: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Pack:
    # before a byte is fetched: a licence that is refused later would have cost 250 MB
    require(manifest.licence, allowed=allowed_licences, what=manifest.name)
    pinned = tuple(_pinned(one, sha256, manifest.name) for one in manifest.origin)
    manifest = dataclasses.replace(manifest, origin=pinned)
    local = _local(manifest, files)
    fetched: list[Path] = []
    origins: dict[str, bytes] = {}
    for origin in manifest.origin:
        data = local.get(origin.file) if files else from_package(origin)
        if data is None:
            fetched.append(_download(origin, manifest.name, root / _DOWNLOADS, progress))
            data = read_verified(fetched[-1], str(origin.sha256))
        origins[origin.file] = data
    pack = build(manifest, origins, root=root, allowed_licences=allowed_licences)
    for path in fetched:
        path.unlink(missing_ok=True)
    return pack


def _pinned(origin: Origin, given: str | None, name: str) -> Origin:
    if origin.sha256 is None and given is None:
        raise PackError(
            "pack_source",
            f"{name}: its origin publishes no SHA-256 of {origin.file}; give the one you trust with --sha256",
        )
    if origin.sha256 is not None and given not in (None, origin.sha256):
        raise PackError("pack_source", f"{name}: {origin.file} is pinned to {origin.sha256}, not {given}")
    return dataclasses.replace(origin, sha256=origin.sha256 or given)


def _local(manifest: Manifest, files: Sequence[Path]) -> dict[str, bytes]:
    """Copies are told apart by their hash, so their names do not matter."""
    by_hash = {str(one.sha256): one.file for one in manifest.origin}
    found = (from_file(path, expected=tuple(by_hash)) for path in files)
    return {by_hash[digest]: data for digest, data in found}


def _download(origin: Origin, name: str, folder: Path, progress: Progress) -> Path:
    if origin.url is None:
        raise PackError("pack_source", f"{name}: {origin.file} has no URL and no installed package ships it")
    return download(origin.url, sha256=str(origin.sha256), folder=folder, progress=progress)
