"""From what installed packages ship to a pack."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ml.errors import PackError
from ml.packs import PERMISSIVE, Pack, active, load_pack, ready
from ml.packs.build import attach_calibration, build_from_packages, import_default
from ml.packs.manifest import Origin
from ml.packs.ready import DEFAULT, ready_manifest
from ml.packs.sources import from_package
from ml.runtime.export import PARITY_LIMIT

SHIPPED = ready._FOLDER


def test_the_default_set_is_in_use_and_agrees_with_torch(packs_root: Path):
    chosen = active(packs_root)
    assert chosen == {"detector": ("yunet-2023mar",), "recogniser": ("dlib-resnet-v1",)}
    for name in DEFAULT:
        manifest = load_pack(name, root=packs_root, allowed_licences=PERMISSIVE).manifest
        assert manifest.parity and max(manifest.parity.values()) < PARITY_LIMIT


def test_importing_again_changes_nothing_and_keeps_the_choice(tmp_path: Path):
    import_default(root=tmp_path, allowed_licences=PERMISSIVE)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    import_default(root=tmp_path, allowed_licences=PERMISSIVE)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == before


def test_a_damaged_pack_is_made_again(tmp_path: Path):
    build_from_packages("yunet-2023mar", root=tmp_path, allowed_licences=PERMISSIVE)
    (tmp_path / "yunet-2023mar" / "model.onnx").write_bytes(b"")
    import_default(root=tmp_path, allowed_licences=PERMISSIVE)
    load_pack("yunet-2023mar", root=tmp_path, allowed_licences=PERMISSIVE)


def test_conversion_yields_the_pinned_weights_on_every_machine(yunet: Pack, mtcnn: Pack, dlib_resnet: Pack):
    for pack in (yunet, mtcnn, dlib_resnet):
        pinned = ready_manifest(pack.manifest.name).files["weights.safetensors"]
        assert pack.ref.sha256 == pinned


def test_a_package_file_with_another_hash_refuses_before_conversion():
    shipped = ready_manifest("yunet-2023mar").origin[0]
    with pytest.raises(PackError, match="pack_corrupt"):
        from_package(Origin(shipped.file, "0" * 64, shipped.package, shipped.path))


def test_a_package_is_found_without_being_imported():
    import sys

    assert from_package(ready_manifest("mtcnn").origin[0]) is not None
    assert "mtcnn" not in sys.modules  # it would need TensorFlow
    assert from_package(Origin("x", "0" * 64, "no_such_package", "x")) is None


def test_a_calibration_survives_a_reimport_of_the_same_weights(tmp_path: Path):
    build_from_packages("yunet-2023mar", root=tmp_path, allowed_licences=PERMISSIVE)
    attach_calibration("yunet-2023mar", b'{"a": 1}', root=tmp_path, allowed_licences=PERMISSIVE)
    pack = build_from_packages("yunet-2023mar", root=tmp_path, allowed_licences=PERMISSIVE)
    assert pack.calibration() == json.loads('{"a": 1}')


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path):
    with pytest.raises(PackError, match="no installed package ships"):
        build_from_packages("mobilefacenet-foamliu", root=tmp_path, allowed_licences=PERMISSIVE)
    assert list(tmp_path.iterdir()) == []


def test_a_pack_of_before_the_calibration_was_shipped_receives_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ready, "_FOLDER", tmp_path / "manifests")
    shutil.copytree(SHIPPED, tmp_path / "manifests", ignore=shutil.ignore_patterns("*.json"))
    assert import_default(root=tmp_path / "packs", allowed_licences=PERMISSIVE)[2].calibration() is None
    (tmp_path / "manifests" / "dlib-resnet-v1.calibration.json").write_text('{"points": []}')
    for _ in range(2):
        pack = import_default(root=tmp_path / "packs", allowed_licences=PERMISSIVE)[2]
        assert pack.calibration() == {"points": []}
    attach_calibration("dlib-resnet-v1", b'{"mine": 1}', root=tmp_path / "packs", allowed_licences=PERMISSIVE)
    pack = import_default(root=tmp_path / "packs", allowed_licences=PERMISSIVE)[2]
    assert pack.calibration() == {"mine": 1}  # what the operator measured stays
