"""python -m ml packs, as an operator types it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ml.__main__ import main
from ml.packs.store import active


@pytest.fixture
def root(packs_root: Path, tmp_path: Path) -> Path:
    shutil.copytree(packs_root, tmp_path / "packs")
    return tmp_path / "packs"


def packs(root: Path, *words: str) -> int:
    return main(["packs", "--root", str(root), *words])


def test_list_shows_what_is_in_use_and_what_could_be(root: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(root, "list") == 0
    lines = {line[1:].split()[0]: line for line in capsys.readouterr().out.splitlines() if line.split()}
    assert lines["yunet-2023mar"].startswith("*") and lines["yunet-2023mar"].endswith("in use")
    assert lines["mtcnn"].endswith("installed")
    assert lines["sface-2021dec"].endswith("pull")
    assert lines["auraface-r100"].endswith("pull --sha256 (none published)")


def test_verify_names_the_broken_pack_and_fails(root: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(root, "verify") == 0
    (root / "mtcnn" / "onet.onnx").write_bytes(b"changed")
    assert packs(root, "verify") == 1
    out = capsys.readouterr().out
    assert "REFUSED mtcnn" in out and "onet.onnx" in out
    assert packs(root, "verify", "yunet-2023mar") == 0


def test_a_broken_manifest_does_not_hide_the_others(root: Path, capsys: pytest.CaptureFixture[str]):
    (root / "mtcnn" / "pack.toml").write_text("name = ")
    assert packs(root, "list") == 0
    out = capsys.readouterr().out
    assert "REFUSED" in out and "yunet-2023mar" in out


def test_use_selects_and_refuses_in_a_sentence(root: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(root, "use", "detector", "mtcnn") == 0
    assert active(root)["detector"] == ("mtcnn",)
    assert packs(root, "use", "detector", "dlib-resnet-v1") == 1
    assert "dlib-resnet-v1 is a recogniser, not a detector (pack_invalid)" in capsys.readouterr().err
    assert active(root)["detector"] == ("mtcnn",)


def test_show_prints_the_manifest_with_licence_and_source(root: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(root, "show", "dlib-resnet-v1") == 0
    assert 'licence = "CC0-1.0"' in capsys.readouterr().out
    assert packs(root, "show", "sface-2021dec") == 0
    assert capsys.readouterr().out.startswith("# not installed: pull")


def test_a_pack_travels_by_tar(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(root, "export", "yunet-2023mar", "--to", str(tmp_path / "y.tar")) == 0
    assert packs(tmp_path / "elsewhere", "import", str(tmp_path / "y.tar")) == 0
    assert "yunet-2023mar 1: detector, MIT" in capsys.readouterr().out
    assert packs(tmp_path / "elsewhere", "verify") == 0


def test_the_environment_decides_on_licences(root: Path, monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]):  # fmt: skip
    monkeypatch.setenv("VOUCH_ALLOWED_LICENCES", "MIT")
    assert packs(root, "use", "recogniser", "dlib-resnet-v1") == 1
    assert "pack_licence" in capsys.readouterr().err


def test_pull_without_a_known_hash_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(tmp_path, "pull", "auraface-r100") == 1
    assert "give the one you trust with --sha256" in capsys.readouterr().err


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert packs(tmp_path, "import", "facenet") == 1
    assert "mobilefacenet-foamliu" in capsys.readouterr().err
