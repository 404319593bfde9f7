"""Foreign files are read, never run."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import torch

from ml.errors import PackError
from ml.packs.convert import converter
from ml.packs.convert.mtcnn_joblib import read_arrays
from ml.packs.ready import ready_manifest
from ml.packs.sources import from_package


class Runs:
    """Leaves a file behind when somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_program_in_place_of_mtcnns_arrays_is_not_run(tmp_path: Path):
    trap = tmp_path / "ran"
    with pytest.raises(PackError, match="pack_source") as refused:
        read_arrays(lz4.frame.compress(pickle.dumps([Runs(trap)])))
    assert "mkdir" in refused.value.detail
    assert not trap.exists()


@pytest.mark.parametrize("name", ["mobilefacenet", "minifasnet_v2"])
def test_a_program_in_place_of_a_checkpoint_is_not_run(tmp_path: Path, name: str):
    trap = tmp_path / "ran"
    file = io.BytesIO()
    torch.save({"conv1.0.weight": Runs(trap)}, file)
    with pytest.raises(PackError, match="pack_source"):
        converter(name)({"weights": file.getvalue()})
    assert not trap.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a pickle",
        pickle.dumps(1),
        pickle.dumps([1, 2]),
        pickle.dumps({}),
        pickle.dumps([np.zeros(3, np.float32)]),
    ],
)
def test_other_pickles_are_refused(data: bytes):
    with pytest.raises(PackError, match="pack_source"):
        read_arrays(lz4.frame.compress(data))


def test_a_decompression_bomb_is_refused():
    with pytest.raises(PackError, match="decompresses to more"):
        read_arrays(lz4.frame.compress(bytes(64 * 1024 * 1024)))


def test_the_arrays_are_what_joblib_itself_reads(tmp_path: Path):
    joblib = pytest.importorskip("joblib")
    ours = [np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.float32([1.5]), np.zeros((0, 3), np.float32)]
    path = tmp_path / "arrays.lz4"
    joblib.dump(ours, path, compress="lz4")
    for mine, theirs in zip(read_arrays(path.read_bytes()), ours, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("pack", "keep"), [("dlib-resnet-v1", 0.5), ("dlib-resnet-v1", 0.0), ("yunet-2023mar", 0.5)])
def test_a_truncated_origin_is_no_crash(pack: str, keep: float):
    manifest = ready_manifest(pack)
    data = from_package(manifest.origin[0])
    assert data is not None and manifest.converter is not None
    with pytest.raises(PackError):
        converter(manifest.converter)({"x": data[: int(len(data) * keep)]})
