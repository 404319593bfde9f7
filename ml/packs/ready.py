"""The manifests that ship with Vouch: what can be imported or pulled by name."""

from __future__ import annotations

from pathlib import Path

from ml.errors import PackError
from ml.packs.manifest import Manifest, parse

_FOLDER = Path(__file__).parent / "manifests"

# One of each role that the default pipeline needs, all built from files that installed packages ship.
DEFAULT = ("yunet-2023mar", "mtcnn", "dlib-resnet-v1")


def ready() -> dict[str, Manifest]:
    return {path.stem: parse(path.read_text(), path.name) for path in sorted(_FOLDER.glob("*.toml"))}


def ready_manifest(name: str) -> Manifest:
    path = _FOLDER / f"{name}.toml"
    if path.parent != _FOLDER or not path.is_file():
        raise PackError("pack_missing", f"no ready manifest '{name}', there are: {', '.join(ready())}")
    return parse(path.read_text(), path.name)


def shipped_calibration(name: str) -> bytes | None:
    """The calibration that ships for these weights, if one was measured."""
    path = _FOLDER / f"{name}.calibration.json"
    return path.read_bytes() if path.is_file() else None
