"""A few seconds of the fuzzer in every run, and every file that it ever found."""

from pathlib import Path

import pytest

from tests.fuzz import upload

FOUND = sorted((Path(__file__).parent / "found").glob("*"))


def test_damaged_images_break_nothing(tmp_path):
    outcomes = upload.blind(3, tmp_path, seed=7)
    assert outcomes.get("accepted") and len(outcomes) >= 5


def test_what_was_found_once_stays_fixed():
    for file in FOUND:
        upload.one(file.read_bytes())


def test_the_fuzzer_notices_an_escaping_error(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "normalise", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        upload.blind(30, tmp_path, seed=7)
    assert list(tmp_path.glob("crash-*"))
