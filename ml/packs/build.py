"""From foreign weights to a pack: convert once, export to ONNX, compare the two, write."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors.torch import save as save_safetensors

from ml.errors import PackError
from ml.packs.convert import converter
from ml.packs.licences import require
from ml.packs.manifest import ONNX, Manifest, Origin
from ml.packs.pack import Pack, open_pack, parse_tensors, read_manifest
from ml.packs.ready import DEFAULT, ready_manifest, shipped_calibration
from ml.packs.sources import from_package
from ml.packs.store import active, locked, use
from ml.packs.write import sha256, write_pack

CALIBRATION = "calibration.json"


def build(manifest: Manifest, origins: Mapping[str, bytes], *, root: Path, allowed_licences: Collection[str]) -> Pack:
    """Make `root/<name>` from the bytes of its origins (file name -> bytes, hashes already matched)."""
    require(manifest.licence, allowed=allowed_licences, what=manifest.name)
    contents, parity = _contents(manifest, origins)
    calibration = _kept_calibration(root / manifest.name, contents[manifest.weights])
    calibration = calibration or shipped_calibration(manifest.name)
    if calibration is not None:
        contents[CALIBRATION] = calibration
    made = dataclasses.replace(manifest, parity=parity, calibration=CALIBRATION if calibration else None)
    return open_pack(write_pack(root=root, manifest=made, contents=contents), allowed_licences=allowed_licences)


def build_from_packages(name: str, *, root: Path, allowed_licences: Collection[str]) -> Pack:
    """Make a ready pack from the files that installed packages ship; PackError(pack_source) if one is missing."""
    manifest = ready_manifest(name)
    return build(
        manifest, {one.file: _shipped(name, one) for one in manifest.origin}, root=root,
        allowed_licences=allowed_licences,
    )  # fmt: skip


def adopt(manifest: Manifest, contents: Mapping[str, bytes], *, root: Path, allowed_licences: Collection[str]) -> Pack:
    """Install a finished pack: somebody's own model, or an exported one (contents already matched their hashes).

    A foreign graph is inspected first. For an architecture of ours the ONNX is exported again here, so that
    nobody's claim about it has to be believed.
    """
    require(manifest.licence, allowed=allowed_licences, what=manifest.name)
    if manifest.weights not in contents:
        raise PackError("pack_invalid", f"{manifest.name}: '{manifest.weights}' has no SHA-256 under [files]")
    kept = dict(contents)
    parity: dict[str, float] = {}
    if manifest.architecture == ONNX:
        _inspect(kept[manifest.weights], manifest)
    else:
        graphs, parity = _exported(manifest, parse_tensors(kept[manifest.weights], manifest.weights))
        kept |= graphs
    made = dataclasses.replace(manifest, parity=parity)
    return open_pack(write_pack(root=root, manifest=made, contents=kept), allowed_licences=allowed_licences)


def import_default(*, root: Path, allowed_licences: Collection[str]) -> list[Pack]:
    """Detectors YuNet and MTCNN and the recogniser dlib; selected where no choice was made yet.

    Packs already there and whole are left alone, so a second run costs only their hashing.
    """
    with locked(root, "import"):
        packs = [_present_or_built(name, root=root, allowed_licences=allowed_licences) for name in DEFAULT]
        for pack in packs:
            role = pack.manifest.role
            if role not in active(root):
                use(role=role, names=[pack.manifest.name], root=root, allowed_licences=allowed_licences)
    return packs


def attach_calibration(name: str, data: bytes, *, root: Path, allowed_licences: Collection[str]) -> Pack:
    """Put a calibration (JSON) into a pack and into its manifest, both or neither."""
    pack = open_pack(root / name, allowed_licences=allowed_licences)
    contents = {file: pack.read(file) for file in pack.manifest.files} | {CALIBRATION: data}
    manifest = dataclasses.replace(pack.manifest, calibration=CALIBRATION)
    return open_pack(write_pack(root=root, manifest=manifest, contents=contents), allowed_licences=allowed_licences)


def _shipped(name: str, origin: Origin) -> bytes:
    data = from_package(origin)
    if data is None:
        raise PackError("pack_source", f"{name}: no installed package ships {origin.file}; pull it, or give a copy")
    return data


def _present_or_built(name: str, *, root: Path, allowed_licences: Collection[str]) -> Pack:
    try:
        pack = open_pack(root / name, allowed_licences=allowed_licences)
    except PackError as error:
        if error.code == "pack_licence":
            raise
        return build_from_packages(name, root=root, allowed_licences=allowed_licences)
    ready = ready_manifest(name)
    if pack.manifest.version != ready.version or pack.ref.sha256 != ready.files.get(ready.weights, pack.ref.sha256):
        return build_from_packages(name, root=root, allowed_licences=allowed_licences)
    shipped = shipped_calibration(name)
    if pack.manifest.calibration is None and shipped is not None:
        return attach_calibration(name, shipped, root=root, allowed_licences=allowed_licences)
    return pack


def _contents(manifest: Manifest, origins: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, float]]:
    if manifest.architecture == ONNX:
        (graph,) = origins.values()
        _inspect(graph, manifest)
        contents, parity = {manifest.weights: graph}, dict[str, float]()
    else:
        if manifest.converter is None:
            raise PackError("pack_invalid", f"{manifest.name} names no converter")
        state = converter(manifest.converter)(dict(origins))
        graphs, parity = _exported(manifest, state)
        contents = {manifest.weights: save_safetensors(state)} | graphs
    _expected(manifest, contents)
    return contents, parity


# torch's exporter and onnx are for packing: a server that only opens packs never imports them
def _inspect(graph: bytes, manifest: Manifest) -> None:
    from ml.runtime.inspect import check_graph

    check_graph(graph, manifest)


def _exported(manifest: Manifest, state: Mapping[str, torch.Tensor]) -> tuple[dict[str, bytes], dict[str, float]]:
    from ml.runtime.export import export

    exported = export(manifest, state)
    return {name: one.graph for name, one in exported.items()}, {name: one.parity for name, one in exported.items()}


def _expected(manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """A ready manifest may pin what conversion must yield: calibrations hold for those very weights."""
    for name, digest in manifest.files.items():
        if name in contents and sha256(contents[name]) != digest:
            raise PackError("pack_corrupt", f"{manifest.name}: made a {name} whose SHA-256 is not {digest}")


def _kept_calibration(directory: Path, weights: bytes) -> bytes | None:
    """The calibration measured here survives a re-import of the same weights, and only of the same."""
    try:
        manifest, _ = read_manifest(directory)
        if manifest.calibration is None or manifest.files.get(manifest.weights) != sha256(weights):
            return None
        data = (directory / manifest.calibration).read_bytes()
        return data if sha256(data) == manifest.files[manifest.calibration] else None
    except (PackError, OSError):
        return None
