"""The evidence bundle: everything about one decision in one signed archive.

A tar that is the same bytes for the same content: members sorted, times and owners zero. First member
`manifest.json` (canonical JSON: each file's SHA-256 and size), second `manifest.note`, a signed note of the
manifest's digest. Nothing is ever extracted to disk, so a hostile archive has nowhere to write.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from kyc.audit import note
from kyc.audit.canonical import NotCanonical, canonical, strict_loads

VERSION = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.note"
HEADLINE = "vouch evidence bundle"
MAX_BYTES = 512 * 2**20  # a bundle holds a handful of photographs; anything larger is not one


class BadBundle(ValueError):
    """Not a bundle, or its parts are not what its signed manifest lists."""


@dataclass(frozen=True, slots=True)
class Bundle:
    manifest: dict[str, Any]
    files: dict[str, bytes]
    signed_by: note.Verifier

    def json(self, name: str) -> Any:
        return strict_loads(self.files[name])


def write(out: IO[bytes], *, files: Mapping[str, bytes], about: Mapping[str, Any], signer: note.Signer) -> None:
    """`about` goes into the manifest: what the bundle is of, when it was made. JSON values only."""
    listed = {name: {"sha256": sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    manifest = canonical({"vouch_bundle": VERSION, "about": dict(about), "files": listed})
    signature = note.sign(f"{HEADLINE}\nsha256 {sha256(manifest).hexdigest()}\n", signer)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, MANIFEST, manifest)
        _add(archive, SIGNATURE, signature.encode())
        for name in sorted(files):
            _add(archive, name, files[name])


def read(source: IO[bytes], *, verifiers: Sequence[note.Verifier]) -> Bundle:
    """Every byte checked against the signed manifest. Raises BadBundle, note.BadNote, note.BadSignature."""
    parts = _parts(source)
    if MANIFEST not in parts or SIGNATURE not in parts:
        raise BadBundle("the archive has no signed manifest")
    raw = parts.pop(MANIFEST)
    try:
        text, signed_by = note.open_note(parts.pop(SIGNATURE).decode(), verifiers)
        manifest = strict_loads(raw)
        listed = {str(name): (entry["sha256"], entry["bytes"]) for name, entry in manifest["files"].items()}
        version = manifest["vouch_bundle"]
    except (NotCanonical, KeyError, TypeError, AttributeError, UnicodeDecodeError) as e:
        raise BadBundle("the manifest cannot be read") from e
    if text != f"{HEADLINE}\nsha256 {sha256(raw).hexdigest()}\n":
        raise BadBundle("the manifest was changed after it was signed")
    if version != VERSION:
        raise BadBundle(f"a bundle of version {version!r}; this program reads {VERSION}")
    _compare(listed, parts)
    return Bundle(manifest, parts, signed_by)


def looks_like_bundle(path: Path) -> bool:
    with path.open("rb") as f:
        return f.read(len(MANIFEST)) == MANIFEST.encode()  # a tar begins with its first member's name


def _compare(listed: Mapping[str, tuple[str, int]], parts: Mapping[str, bytes]) -> None:
    if absent := sorted(listed.keys() - parts.keys()):
        raise BadBundle(f"missing from the bundle: {', '.join(absent)}")
    if strange := sorted(parts.keys() - listed.keys()):
        raise BadBundle(f"not in the signed manifest: {', '.join(strange)}")
    for name, (digest, size) in listed.items():
        if len(parts[name]) != size or sha256(parts[name]).hexdigest() != digest:
            raise BadBundle(f"{name} was changed after the bundle was signed")


def _parts(source: IO[bytes]) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=source, mode="r:") as archive:
            for member in archive:
                total += member.size
                if not member.isreg() or total > MAX_BYTES:
                    raise BadBundle(f"{member.name}: not a plain file, or too large")
                if member.name in parts:
                    raise BadBundle(f"{member.name} is there twice")
                content = archive.extractfile(member)
                parts[member.name] = content.read() if content else b""
    except (tarfile.TarError, EOFError) as e:
        raise BadBundle("not a tar archive") from e
    return parts


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o444
    archive.addfile(member, io.BytesIO(data))
