"""A pack as one file, to carry it to a machine without network."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from ml.errors import PackError
from ml.packs.manifest import Manifest, parse
from ml.packs.pack import MANIFEST, Pack, read_manifest, read_verified
from ml.packs.write import sha256

_LIMIT = 4 * 1024**3  # bytes of one member


def export_tar(pack: Pack, target: Path) -> None:
    """Write pack.toml and the listed files; the same pack gives the same bytes (no times, no owners)."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, MANIFEST, (pack.directory / MANIFEST).read_bytes())
            for name in sorted(pack.manifest.files):
                _add(tar, name, pack.read(name))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_tar(source: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Manifest and listed files of an exported pack, each matched against its hash. Nothing is unpacked to disk."""
    try:
        with tarfile.open(source, "r:") as tar:
            manifest = parse(_member(tar, MANIFEST).decode(), f"{source}:{MANIFEST}")
            contents = {name: _member(tar, name) for name in manifest.files}
    except (tarfile.TarError, UnicodeDecodeError, EOFError) as error:
        raise PackError("pack_source", f"{source} is no exported pack: {error}") from error
    check_contents(manifest, contents, str(source))
    return manifest, contents


def read_directory(source: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The same from a directory that somebody made by hand."""
    manifest, _ = read_manifest(source)
    return manifest, {name: read_verified(source / name, digest) for name, digest in manifest.files.items()}


def check_contents(manifest: Manifest, contents: dict[str, bytes], where: str) -> None:
    for name, data in contents.items():
        if sha256(data) != manifest.files[name]:
            raise PackError("pack_corrupt", f"{where}: {name} has SHA-256 {sha256(data)}, its manifest says otherwise")


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    try:
        entry = tar.getmember(name)
    except KeyError as error:
        raise PackError("pack_source", f"the archive has no {name}") from error
    stream = tar.extractfile(entry) if entry.isreg() and entry.size <= _LIMIT else None
    if stream is None:
        raise PackError("pack_source", f"{name} in the archive is no plain file")
    return stream.read()
