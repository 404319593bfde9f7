"""The searcher finds what it is meant to find, in each form; else its silence would mean nothing."""

import base64
import json

import numpy as np
import pytest

from tests.security.leaks import Bytes, Picture, Vector, search

NAME = b"Zenobia Quillfeather"
JPEG = np.random.default_rng(1).bytes(20_000)


def unit(seed: int, d: int = 128):
    v = np.random.default_rng(seed).standard_normal(d)
    return (v / np.linalg.norm(v)).astype(np.float32)


def planted(tmp_path, content: bytes, needle):
    (tmp_path / "some").mkdir(exist_ok=True)
    (tmp_path / "some" / "file").write_bytes(b"\x07" * 1001 + content + b"\x08" * 77)
    return search(tmp_path, [needle])


@pytest.mark.parametrize(
    "form",
    [
        NAME,
        NAME.upper(),
        NAME.decode().encode("utf-16-le"),
        NAME.hex().encode(),
        NAME.hex().upper().encode(),
        *(base64.b64encode(b"x" * n + NAME + b"y" * n) for n in range(4)),
        *(base64.urlsafe_b64encode(b"x" * n + NAME + b"y" * n) for n in range(4)),
        json.dumps({"name": NAME.decode()}).encode(),
    ],
    ids=range(14),
)
def test_a_name_is_found_in_any_form(tmp_path, form):
    assert planted(tmp_path, form, Bytes("name", NAME, fold=True))


@pytest.mark.parametrize("form", [lambda j: j, lambda j: j[6000:], lambda j: j.hex().encode(), base64.b64encode])
def test_an_image_is_found_whole_in_part_and_encoded(tmp_path, form):
    assert planted(tmp_path, form(JPEG), Picture("image", JPEG))


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8", "<f2", ">f2"])
def test_a_vector_is_found_as_numbers_of_any_kind(tmp_path, kind):
    found = planted(tmp_path, unit(1).astype(kind).tobytes(), Vector("vector", unit(1)))
    assert kind[0] + {"2": "float16", "4": "float32", "8": "float64"}[kind[2]] in {leak.form for leak in found}


@pytest.mark.parametrize("write", [lambda v: json.dumps([float(x) for x in v]), lambda v: str(v.tolist()),
                                   lambda v: "[" + ",".join(f"{x:g}" for x in v) + "]",
                                   lambda v: "\n".join(f"{x:.6f}" for x in v)])  # fmt: skip
def test_a_vector_is_found_as_decimals(tmp_path, write):
    assert planted(tmp_path, write(unit(1)).encode(), Vector("vector", unit(1)))


def test_a_vector_recomputed_with_other_last_bits_is_found(tmp_path):
    nearly = unit(1) + np.random.default_rng(2).standard_normal(128).astype(np.float32) * 1e-6
    assert planted(tmp_path, nearly.tobytes(), Vector("vector", unit(1)))


def test_another_persons_vector_and_noise_are_not_found(tmp_path):
    noise = unit(2).tobytes() + json.dumps(unit(3).tolist()).encode() + np.random.default_rng(4).bytes(5_000_000)
    needles = [Vector("vector", unit(1)), Picture("image", JPEG), Bytes("name", NAME, fold=True)]
    assert not [leak for needle in needles for leak in planted(tmp_path, noise, needle)]
