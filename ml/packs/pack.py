"""A verified pack on disk. Bytes are hashed first and parsed after, and it is the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from ml.errors import PackError
from ml.packs.licences import require
from ml.packs.manifest import Manifest, parse
from ml.types import ModelRef

MANIFEST = "pack.toml"
_TOML_LIMIT = 64 * 1024  # bytes; a manifest is two pages, anything longer is not one


@dataclass(frozen=True, slots=True)
class Pack:
    """Made by `open_pack` only: the licence is allowed and every listed file matched its hash."""

    manifest: Manifest
    directory: Path
    manifest_sha256: str

    @property
    def ref(self) -> ModelRef:
        m = self.manifest
        return ModelRef(role=m.role, name=m.name, version=m.version, sha256=m.files[m.weights])

    def read(self, name: str) -> bytes:
        """The bytes of a listed file, hashed on this very read, so a swap after opening is caught too."""
        expected = self.manifest.files.get(name)
        if expected is None:
            raise PackError("pack_invalid", f"{self.manifest.name} does not list '{name}'")
        return read_verified(self.directory / name, expected)

    def tensors(self) -> dict[str, torch.Tensor]:
        """All weights on the CPU, by name."""
        return parse_tensors(self.read(self.manifest.weights), self.manifest.weights)

    def calibration(self) -> dict[str, Any] | None:
        """The score-to-FMR table, or None when the pack has none."""
        name = self.manifest.calibration
        return None if name is None else json.loads(self.read(name))


def parse_tensors(data: bytes, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file; PackError(pack_corrupt) when it is none."""
    try:
        return load_safetensors(data)
    except SafetensorError as error:
        raise PackError("pack_corrupt", f"{name} is no safetensors file: {error}") from error


def open_pack(directory: Path, *, allowed_licences: Collection[str]) -> Pack:
    """Verify the whole pack: PackError(pack_missing | pack_invalid | pack_licence | pack_corrupt)."""
    manifest, digest = read_manifest(directory)
    require(manifest.licence, allowed=allowed_licences, what=manifest.name)
    if manifest.weights not in manifest.files:
        raise PackError("pack_invalid", f"{manifest.name}: '{manifest.weights}' has no SHA-256 under [files]")
    for name, expected in manifest.files.items():
        verify(directory / name, expected)
    return Pack(manifest, directory, digest)


def read_manifest(directory: Path) -> tuple[Manifest, str]:
    """pack.toml and its SHA-256; no other file is looked at."""
    path = directory / MANIFEST
    try:
        with path.open("rb") as stream:
            data = stream.read(_TOML_LIMIT + 1)
    except OSError as error:
        raise PackError("pack_missing", f"no pack at {directory}: {error.strerror}") from error
    if len(data) > _TOML_LIMIT:
        raise PackError("pack_invalid", f"{path} is longer than {_TOML_LIMIT} bytes")
    try:
        return parse(data.decode(), str(path)), hashlib.sha256(data).hexdigest()
    except UnicodeDecodeError as error:
        raise PackError("pack_invalid", f"{path} is not UTF-8") from error


def read_verified(path: Path, expected: str) -> bytes:
    """The whole file, once its SHA-256 matched."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackError("pack_missing", f"{path}: {error.strerror}") from error
    _match(path, hashlib.sha256(data).hexdigest(), expected)
    return data


def verify(path: Path, expected: str) -> None:
    _match(path, sha256_of(path), expected)


def sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PackError("pack_missing", f"{path}: {error.strerror}") from error


def _match(path: Path, actual: str, expected: str) -> None:
    if actual != expected:
        raise PackError(
            "pack_corrupt", f"{path} has SHA-256 {actual}, its manifest says {expected}: refused, import it again"
        )
