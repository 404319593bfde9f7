"""Ready packs from URLs and local copies; the graph stands in for published ones that cannot be fetched here."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ml.errors import PackError
from ml.packs import PERMISSIVE, Manifest, Pack, load_pack
from ml.packs.pull import pull, pull_manifest
from ml.packs.ready import ready_manifest
from tests.data import data_dir
from tests.ml.conftest import LOCAL


@pytest.fixture
def published(dlib_resnet: Pack, tmp_path: Path) -> Iterator[Manifest]:
    """AuraFace's manifest, pointed at a server that publishes our own exported graph in its place."""
    (tmp_path / "site").mkdir()
    graph = dlib_resnet.read("model.onnx")
    (tmp_path / "site" / "glintr100.onnx").write_bytes(graph)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "site")))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    ready = ready_manifest("auraface-r100")
    origin = dataclasses.replace(ready.origin[0], url=f"http://127.0.0.1:{http.server_port}/glintr100.onnx")
    yield dataclasses.replace(
        ready, origin=(origin,), output=dataclasses.replace(ready.output, size=128),
        input=dataclasses.replace(ready.input, height=150, width=150),
    )  # fmt: skip
    http.shutdown()
    http.server_close()


def test_an_unknown_hash_refuses_until_the_operator_gives_one(published: Manifest, dlib_resnet: Pack, tmp_path: Path):
    options = {"root": tmp_path / "packs", "allowed_licences": PERMISSIVE}
    with pytest.raises(PackError, match=r"publishes no SHA-256 of glintr100\.onnx; give the one you trust"):
        pull_manifest(published, **options)
    digest = hashlib.sha256(dlib_resnet.read("model.onnx")).hexdigest()
    pack = pull_manifest(published, sha256=digest, **options)
    assert pack.ref.sha256 == digest == pack.manifest.origin[0].sha256
    assert list((tmp_path / "packs" / ".downloads").iterdir()) == []  # 260 MB are not kept twice


def test_a_wrong_hash_leaves_no_pack(published: Manifest, tmp_path: Path):
    with pytest.raises(PackError, match="pack_corrupt"):
        pull_manifest(published, sha256="0" * 64, root=tmp_path / "packs", allowed_licences=PERMISSIVE)
    assert not (tmp_path / "packs" / "auraface-r100").exists()


def test_a_pinned_hash_cannot_be_replaced(tmp_path: Path):
    with pytest.raises(PackError, match="is pinned to 0ba9fbfa"):
        pull("sface-2021dec", sha256="0" * 64, root=tmp_path, allowed_licences=PERMISSIVE)


def test_a_licence_refuses_before_a_byte_is_fetched(published: Manifest, tmp_path: Path):
    with pytest.raises(PackError, match="pack_licence"):
        pull_manifest(published, sha256="0" * 64, root=tmp_path / "packs", allowed_licences={"MIT"})
    assert not (tmp_path / "packs").exists()


def test_a_graph_of_another_size_than_stated_refuses(published: Manifest, dlib_resnet: Pack, tmp_path: Path):
    digest = hashlib.sha256(dlib_resnet.read("model.onnx")).hexdigest()
    wrong = dataclasses.replace(published, output=dataclasses.replace(published.output, size=512))
    with pytest.raises(PackError, match="returns 128 values, the manifest says 512"):
        pull_manifest(wrong, sha256=digest, root=tmp_path, allowed_licences=PERMISSIVE)


def test_a_local_copy_of_something_else_refuses(tmp_path: Path):
    (tmp_path / "mobilefacenet.pt").write_bytes(b"something else")
    with pytest.raises(PackError, match="expected 90a00ba1"):
        pull(
            "mobilefacenet-foamliu",
            files=[tmp_path / "mobilefacenet.pt"],
            root=tmp_path / "packs",
            allowed_licences=PERMISSIVE,
        )


@pytest.mark.data
@pytest.mark.parametrize("name", LOCAL)
def test_a_local_copy_makes_the_pinned_pack(name: str, tmp_path: Path):
    data = data_dir()
    assert data is not None
    pack = pull(name, files=[data / LOCAL[name]], root=tmp_path, allowed_licences=PERMISSIVE)
    assert pack.ref.sha256 == ready_manifest(name).files["weights.safetensors"]
    assert load_pack(name, root=tmp_path, allowed_licences=PERMISSIVE).manifest.parity["model.onnx"] < 1e-4
