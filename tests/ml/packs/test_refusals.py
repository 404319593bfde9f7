"""Nothing is parsed before its hash matched, and nothing loads that the operator has not allowed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ml.errors import PackError
from ml.packs import PERMISSIVE, active, from_environment, load_pack, open_active, open_pack, use
from ml.packs.build import CALIBRATION, attach_calibration, import_default
from ml.packs.licences import require
from ml.runtime import load


@pytest.fixture
def root(packs_root: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    shutil.copytree(packs_root, tmp_path / "packs")
    return tmp_path / "packs"


@pytest.mark.parametrize("file", ["weights.safetensors", "model.onnx"])
@pytest.mark.parametrize("place", [0, 8, 5000, -1])
def test_a_flipped_byte_refuses_to_load(root: Path, file: str, place: int):
    flip(root / "yunet-2023mar" / file, place)
    with pytest.raises(PackError, match="pack_corrupt") as refused:
        open_pack(root / "yunet-2023mar", allowed_licences=PERMISSIVE)
    assert file in refused.value.detail and "its manifest says" in refused.value.detail
    assert not refused.value.retryable


@pytest.mark.parametrize(("runtime", "file"), [("torch", "weights.safetensors"), ("onnx", "model.onnx")])
def test_a_byte_flipped_after_opening_is_caught_on_the_read(root: Path, runtime, file: str):
    pack = open_pack(root / "yunet-2023mar", allowed_licences=PERMISSIVE)
    flip(root / "yunet-2023mar" / file, 5000)
    with pytest.raises(PackError, match="pack_corrupt"):
        load(pack, runtime=runtime)


def test_a_missing_file_refuses(root: Path):
    (root / "mtcnn" / "pnet.onnx").unlink()
    with pytest.raises(PackError, match="pack_missing"):
        open_pack(root / "mtcnn", allowed_licences=PERMISSIVE)


def test_a_file_without_a_hash_is_never_read(root: Path):
    (root / "mtcnn" / "extra.onnx").write_bytes(b"anything")
    pack = open_pack(root / "mtcnn", allowed_licences=PERMISSIVE)
    with pytest.raises(PackError, match="pack_invalid"):
        pack.read("extra.onnx")
    with pytest.raises(PackError, match="pack_invalid"):
        pack.read("../yunet-2023mar/model.onnx")


def test_weights_without_a_hash_refuse(root: Path):
    manifest = root / "mtcnn" / "pack.toml"
    lines = [line for line in manifest.read_text().splitlines() if not line.startswith('"weights.safetensors"')]
    manifest.write_text("\n".join(lines))
    with pytest.raises(PackError, match="pack_invalid"):
        open_pack(root / "mtcnn", allowed_licences=PERMISSIVE)


def test_a_licence_that_is_not_allowed_refuses(root: Path):
    with pytest.raises(PackError, match="pack_licence") as refused:
        open_pack(root / "dlib-resnet-v1", allowed_licences={"MIT"})
    assert "'CC0-1.0', which is not allowed here (MIT)" in refused.value.detail
    with pytest.raises(PackError, match="pack_licence"):
        import_default(root=root, allowed_licences={"MIT"})


@pytest.mark.parametrize(("licence", "allowed"), [
    ("MIT", True), ("MIT AND Apache-2.0", True), ("MIT AND CC-BY-NC-4.0", False), ("CC-BY-NC-4.0 OR MIT", True),
    ("CC-BY-NC-4.0", False), ("AGPL-3.0-only", False), ("", False), ("mit", False), ("MIT AND ", False),
])  # fmt: skip
def test_licences_are_spdx_expressions(licence: str, allowed: bool):
    if allowed:
        require(licence, allowed=PERMISSIVE, what="it")
    else:
        with pytest.raises(PackError, match="pack_licence"):
            require(licence, allowed=PERMISSIVE, what="it")


def test_the_environment_replaces_the_allowed_licences(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("VOUCH_ALLOWED_LICENCES", raising=False)
    assert from_environment() == PERMISSIVE
    monkeypatch.setenv("VOUCH_ALLOWED_LICENCES", "MIT, LicenseRef-Ours")
    assert from_environment() == {"MIT", "LicenseRef-Ours"}
    monkeypatch.setenv("VOUCH_ALLOWED_LICENCES", "")
    assert from_environment() == frozenset()


def test_a_broken_or_misplaced_pack_is_never_selected(root: Path):
    before = active(root)
    flip(root / "mtcnn" / "weights.safetensors", 100)
    for role, name in (("detector", "mtcnn"), ("recogniser", "yunet-2023mar"), ("detector", "../packs/yunet-2023mar")):
        with pytest.raises(PackError):
            use(role=role, names=[name], root=root, allowed_licences=PERMISSIVE)
    with pytest.raises(PackError, match="exactly one"):
        use(role="detector", names=[], root=root, allowed_licences=PERMISSIVE)
    assert active(root) == before


def test_a_choice_is_what_opens_next(root: Path):
    use(role="detector", names=["mtcnn"], root=root, allowed_licences=PERMISSIVE)
    (pack,) = open_active("detector", root=root, allowed_licences=PERMISSIVE)
    assert (pack.ref.name, pack.ref.role) == ("mtcnn", "detector")
    assert open_active("pad", root=root, allowed_licences=PERMISSIVE) == ()


def test_a_pack_under_another_name_refuses(root: Path):
    (root / "mtcnn").rename(root / "renamed")
    with pytest.raises(PackError, match="calls itself 'mtcnn'"):
        load_pack("renamed", root=root, allowed_licences=PERMISSIVE)


def test_a_calibration_is_hashed_like_the_weights(root: Path):
    table = {"kind": "score_to_fmr", "points": [{"score": 0.9, "fmr": 0.01, "fmr_upper": 0.02, "fnmr": 0.1}]}
    pack = attach_calibration("dlib-resnet-v1", json.dumps(table).encode(), root=root, allowed_licences=PERMISSIVE)
    assert pack.calibration() == table
    flip(root / "dlib-resnet-v1" / CALIBRATION, 3)
    with pytest.raises(PackError, match="pack_corrupt"):
        open_pack(root / "dlib-resnet-v1", allowed_licences=PERMISSIVE)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
