"""Bring your own ONNX: the manifest of docs/models.md, graphs exported from our own networks."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from ml.errors import PackError
from ml.packs import PERMISSIVE, Pack, load_pack
from ml.packs.archive import export_tar, read_directory, read_tar
from ml.packs.build import adopt
from ml.runtime import load, prepare
from tests.data import REPOSITORY

DOCS = REPOSITORY / "docs" / "models.md"


def a_recogniser(folder: Path, graph: bytes, **lines: str) -> Path:
    """A directory with the manifest printed in the documentation, adapted to our 150 px, 128-d graph."""
    text = documented("my-recogniser")
    for old, new in {
        "height = 112, width = 112": "height = 150, width = 150", "arcface-112": "dlib-150", "size = 512": "size = 128",
        "0" * 64: hashlib.sha256(graph).hexdigest(), **lines,
    }.items():  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    return a_directory(folder, text, graph)


def a_detector(folder: Path, graph: bytes) -> Path:
    return a_directory(folder, documented("my-detector").replace("0" * 64, hashlib.sha256(graph).hexdigest()), graph)


def a_directory(folder: Path, manifest: str, graph: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "pack.toml").write_text(manifest)
    (folder / "model.onnx").write_bytes(graph)
    return folder


def documented(name: str) -> str:
    """The manifest of that name, as a reader would copy it."""
    blocks = [block.split("```")[0] for block in DOCS.read_text().split("```toml\n")[1:]]
    return next(block for block in blocks if f'name = "{name}"' in block)


def install(folder: Path, root: Path) -> Pack:
    return adopt(*read_directory(folder), root=root, allowed_licences=PERMISSIVE)


def test_the_documented_manifest_has_ten_lines():
    assert len(documented("my-recogniser").strip().splitlines()) == 10


def test_an_own_recogniser_gives_the_same_vectors(dlib_resnet: Pack, tmp_path: Path):
    pack = install(a_recogniser(tmp_path / "mine", dlib_resnet.read("model.onnx")), tmp_path / "packs")
    crops = np.random.default_rng(0).integers(0, 256, (3, 150, 150, 3), np.uint8)
    ours = load(pack, threads=1)(prepare(crops, pack.manifest.input))
    theirs = load(dlib_resnet, threads=1)(prepare(crops, pack.manifest.input))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_an_own_detector_runs_by_its_declared_decoder(yunet: Pack, tmp_path: Path):
    pack = install(a_detector(tmp_path / "mine", yunet.read("model.onnx")), tmp_path / "packs")
    assert pack.manifest.output.decoder == "yunet"
    assert len(load(pack, threads=1)(np.zeros((2, 3, 64, 96), np.float32))) == 12


def test_torch_cannot_run_a_foreign_graph(dlib_resnet: Pack, tmp_path: Path):
    pack = install(a_recogniser(tmp_path / "mine", dlib_resnet.read("model.onnx")), tmp_path / "packs")
    with pytest.raises(PackError, match="torch has no network 'onnx'"):
        load(pack, runtime="torch")


def test_a_graph_exported_for_one_image_takes_many(tmp_path: Path):
    graph = a_graph(batch=1)
    pack = install(a_recogniser(tmp_path / "mine", graph, **{"size = 128": "size = 3"}), tmp_path / "packs")
    batch = np.random.default_rng(0).random((4, 3, 150, 150), np.float32)
    np.testing.assert_allclose(load(pack, threads=1)(batch), batch.mean((2, 3)), atol=1e-5)


@pytest.mark.parametrize(("graph", "complaint"), [
    ("external", "weights outside the file are refused"),
    ("domain", "operators of evil.example are not known"),
    ("two inputs", "2 inputs"),
    ("small", r"wants \[112, 112\]"),
    ("nonsense", "not an ONNX file"),
])  # fmt: skip
def test_a_graph_that_reaches_out_or_contradicts_its_manifest_refuses(graph: str, complaint: str, tmp_path: Path):
    data = {
        "external": lambda: a_graph(external="../../../etc/passwd"),
        "domain": lambda: a_graph(domain="evil.example"),
        "two inputs": lambda: a_graph(inputs=2),
        "small": lambda: a_graph(size=112),
        "nonsense": lambda: b"\xff\xff not a graph",
    }[graph]()
    folder = a_recogniser(tmp_path / "mine", data, **{"size = 128": "size = 3"})
    with pytest.raises(PackError, match=complaint):
        install(folder, tmp_path / "packs")
    assert not (tmp_path / "packs" / "my-recogniser").exists()


def test_a_scrfd_detector_needs_its_nine_outputs(yunet: Pack, tmp_path: Path):
    graph = yunet.read("model.onnx")
    folder = a_detector(tmp_path / "mine", graph)
    manifest = folder / "pack.toml"
    manifest.write_text(manifest.read_text().replace('"yunet"', '"scrfd"'))
    with pytest.raises(PackError, match="12 outputs, 9 are needed"):
        install(folder, tmp_path / "packs")


def test_a_wrong_hash_tells_the_right_one(dlib_resnet: Pack, tmp_path: Path):
    graph = dlib_resnet.read("model.onnx")
    folder = a_recogniser(tmp_path / "mine", graph)
    (folder / "model.onnx").write_bytes(graph + b"\0")
    with pytest.raises(PackError, match=hashlib.sha256(graph + b"\0").hexdigest()):
        install(folder, tmp_path / "packs")


def test_own_weights_for_our_architecture_are_exported_here(mtcnn: Pack, tmp_path: Path):
    """What fine-tuning hands over: safetensors only."""
    weights = mtcnn.read("weights.safetensors")
    text = (mtcnn.directory / "pack.toml").read_text().replace('name = "mtcnn"', 'name = "tuned"')
    kept = [line for line in text.split("[parity]")[0].splitlines() if ".onnx" not in line]
    folder = tmp_path / "tuned"
    folder.mkdir()
    (folder / "pack.toml").write_text("\n".join(kept))
    (folder / "weights.safetensors").write_bytes(weights)
    pack = install(folder, tmp_path / "packs")
    assert set(pack.manifest.parity) == {"pnet.onnx", "rnet.onnx", "onet.onnx"}


def test_an_exported_pack_is_the_same_bytes_each_time_and_comes_back_whole(yunet: Pack, tmp_path: Path):
    export_tar(yunet, tmp_path / "a.tar")
    export_tar(yunet, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    adopt(*read_tar(tmp_path / "a.tar"), root=tmp_path / "packs", allowed_licences=PERMISSIVE)
    again = load_pack("yunet-2023mar", root=tmp_path / "packs", allowed_licences=PERMISSIVE)
    assert again.ref == yunet.ref


def test_an_archive_with_a_link_or_a_changed_file_refuses(yunet: Pack, tmp_path: Path):
    export_tar(yunet, tmp_path / "good.tar")
    data = bytearray((tmp_path / "good.tar").read_bytes())
    data[200_000] ^= 1
    (tmp_path / "flipped.tar").write_bytes(data)
    with pytest.raises(PackError, match="pack_corrupt"):
        read_tar(tmp_path / "flipped.tar")
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        entry = tarfile.TarInfo("pack.toml")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(PackError, match="no plain file"):
        read_tar(tmp_path / "link.tar")


def a_graph(*, batch: int | None = None, size: int = 150, inputs: int = 1, external: str | None = None,
            domain: str = "") -> bytes:  # fmt: skip
    """Mean over the pixels: (N, 3, size, size) -> (N, 3)."""
    shape = ["n" if batch is None else batch, 3, size, size]
    names = [f"input{i}" for i in range(inputs)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    if external is not None:
        zero.ClearField("float_data")
        zero.data_location = TensorProto.EXTERNAL
        zero.external_data.add(key="location", value=external)
    nodes = [
        helper.make_node("ReduceMean", [names[0]], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["mean", "zero"], ["output"], domain=domain),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n" if batch is None else batch, 3])
    graph = helper.make_graph(nodes, "g", values, [output], [zero])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
