from __future__ import annotations

import dataclasses

import pytest

from ml.errors import PackError
from ml.packs.manifest import TEMPLATES, Manifest, Origin, parse
from ml.packs.ready import ready
from ml.packs.write import dump

OWN = """
name = "my-recogniser"
version = "1"
role = "recogniser"
architecture = "onnx"
weights = "model.onnx"
licence = "Apache-2.0"
alignment = "arcface-112"
input = { height = 112, width = 112, colour = "RGB", mean = 127.5, std = 127.5 }
output = { size = 512 }
files = { "model.onnx" = "DIGEST" }
""".replace("DIGEST", "0" * 64)


def test_ten_lines_describe_a_recogniser():
    assert len(OWN.strip().splitlines()) == 10
    manifest = parse(OWN, "pack.toml")
    assert manifest.input.mean == (127.5, 127.5, 127.5)
    assert manifest.template.shape == (5, 2)
    assert manifest.onnx_file() == "model.onnx"


@pytest.mark.parametrize(("line", "instead", "complaint"), [
    ('role = "recogniser"', 'role = "recognizer"', "'role' is 'recognizer', not one of detector, recogniser"),
    ('version = "1"', "", "'version' is missing"),
    ('version = "1"', "version = 1", "'version' has the wrong type"),
    ('version = "1"', 'version = "1"\nlicense = "MIT"', "unknown key 'license'"),
    ('name = "my-recogniser"', 'name = "../elsewhere"', "'name' may not be '../elsewhere'"),
    ('weights = "model.onnx"', 'weights = "/etc/passwd"', "'weights' may not be"),
    ("0" * 64, "0" * 63, "64 hex digits"),
    ("height = 112, ", "", "give both 'height' and 'width'"),
    ("size = 512", "", "declares output.size"),
    ("size = 512", "size = 0", "must be positive"),
    ("std = 127.5", "std = 0.0", "may not be zero"),
    ("mean = 127.5", "mean = nan", "one number or three"),
    ("mean = 127.5", "mean = [1.0, 2.0]", "one number or three"),
    ('alignment = "arcface-112"', "", "declares its alignment"),
    ('alignment = "arcface-112"', "alignment = [[1, 2]]", "five points"),
    ('alignment = "arcface-112"', 'alignment = "ffhq"', "not one of arcface-112, dlib-150"),
    ('role = "recogniser"', 'role = "detector"', "declares output.decoder"),
    ('role = "recogniser"', 'role = "pad"', "declares output.live_class"),
    ('version = "1"', 'version = "1', "pack.toml"),
])  # fmt: skip
def test_a_mistake_is_named(line: str, instead: str, complaint: str):
    assert line in OWN
    with pytest.raises(PackError, match="pack_invalid") as refused:
        parse(OWN.replace(line, instead, 1), "pack.toml")
    assert complaint in refused.value.detail


def test_the_dumped_text_reads_back_as_the_same_manifest():
    for manifest in [*ready().values(), parse(OWN, "own")]:
        assert parse(dump(manifest), "dumped") == manifest


def test_five_points_of_ones_own_survive():
    own = dataclasses.replace(parse(OWN, "own"), alignment=tuple((x + 1.0, y) for x, y in TEMPLATES["dlib-150"]))
    assert parse(dump(own), "dumped") == own


def test_every_ready_pack_is_named_as_its_file_and_has_a_source():
    for name, manifest in ready().items():
        assert manifest.name == name
        assert manifest.source != "not stated" and manifest.licence and manifest.origin
        for origin in manifest.origin:
            assert origin.url or origin.package


def test_only_auraface_has_an_origin_without_a_hash():
    def unpinned(manifest: Manifest) -> list[Origin]:
        return [one for one in manifest.origin if one.sha256 is None]

    assert [name for name, manifest in ready().items() if unpinned(manifest)] == ["auraface-r100"]
