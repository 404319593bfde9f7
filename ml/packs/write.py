"""pack.toml and the directory around it, written so that a reader sees all of it or nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from ml.packs.manifest import TEMPLATES, InputSpec, Manifest, OutputSpec
from ml.packs.pack import MANIFEST


def write_pack(*, root: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Path:
    """Write `root/<name>` with exactly `contents` and a manifest that lists their hashes; replaces an older one."""
    root.mkdir(parents=True, exist_ok=True)
    listed = dataclasses.replace(manifest, files={name: sha256(data) for name, data in sorted(contents.items())})
    building = Path(tempfile.mkdtemp(dir=root, prefix=f".{manifest.name}."))
    try:
        for name, data in [*contents.items(), (MANIFEST, dump(listed).encode())]:
            _write(building / name, data)
        building.chmod(0o755)
        _replace(building, root / manifest.name)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return root / manifest.name


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def dump(manifest: Manifest) -> str:
    """The text of pack.toml; `parse` reads it back as the same manifest."""
    table: dict[str, Any] = {
        key: value
        for key in ("name", "version", "role", "architecture", "licence", "training_data", "source", "weights",
                    "calibration", "converter", "notes")
        if (value := getattr(manifest, key))
    }  # fmt: skip
    if manifest.alignment is not None:
        names = [name for name, points in TEMPLATES.items() if points == manifest.alignment]
        table["alignment"] = names[0] if names else [list(point) for point in manifest.alignment]
    table["input"] = _spec(manifest.input, InputSpec)
    table["output"] = _spec(manifest.output, OutputSpec)
    table["files"] = dict(manifest.files)
    if manifest.parity:
        table["parity"] = dict(manifest.parity)
    if manifest.origin:
        table["origin"] = [_stated(dataclasses.asdict(one)) for one in manifest.origin]
    return tomli_w.dumps(table)


def _stated(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _spec(spec: Any, kind: Any) -> dict[str, Any]:
    defaults = {one.name: one.default for one in dataclasses.fields(kind)}
    values = {name: getattr(spec, name) for name in defaults}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value != defaults[name]
    }


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(new: Path, place: Path) -> None:
    """A directory cannot be renamed over a full one: the old one steps aside first."""
    aside = None
    if place.exists():
        aside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".old-{place.name}.")) / place.name
        place.rename(aside)
    try:
        new.rename(place)
    except OSError:
        if aside is not None and not place.exists():
            aside.rename(place)
        raise
    if aside is not None:
        shutil.rmtree(aside.parent, ignore_errors=True)
