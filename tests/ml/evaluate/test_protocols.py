"""Pair lists, folders and zips, folds."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from ml.evaluate.errors import EvaluationError
from ml.evaluate.folds import accuracy, best_threshold
from ml.evaluate.gallery import open_gallery
from ml.evaluate.pairs import read_pairs

NAMES = ("Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Bob/Bob_0001.jpg", "Cy/Cy_0001.png")


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "set" / "notes.txt").write_text("no photograph")
    (tmp_path / "set" / "stray.jpg").write_bytes(b"belongs to nobody")
    return tmp_path / "set"


def test_a_folder_and_a_zip_of_it_are_the_same_gallery(folder, tmp_path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for name in NAMES:
            out.writestr(f"top/{name}", name)
    one, two = open_gallery(folder), open_gallery(archive)
    assert one.people == two.people == ("Ada", "Bob", "Cy")
    assert list(one.label) == list(two.label) == [0, 0, 1, 2]
    assert one.read(2) == two.read(2) == b"Bob/Bob_0001.jpg"


def test_a_changed_photograph_changes_the_fingerprint(folder):
    before = open_gallery(folder).fingerprint()
    (folder / NAMES[0]).write_bytes(b"another face")
    assert open_gallery(folder).fingerprint() != before


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(EvaluationError, match="folder per person"):
        open_gallery(tmp_path)


def test_lfw_view_2_is_read_with_its_folds(folder, tmp_path):
    listed = tmp_path / "pairs.txt"
    listed.write_text("2\t1\nAda\t1\t2\nAda\t1\tBob\t1\nAda\t2\t1\nBob\t1\tCy\t1\n")
    found = read_pairs(listed, open_gallery(folder))
    assert found.pairs == ((0, 1), (0, 2), (1, 0), (2, 3))
    assert found.fold == (0, 0, 1, 1)


def test_a_short_lfw_file_is_refused(folder, tmp_path):
    listed = tmp_path / "pairs.txt"
    listed.write_text("2\t1\nAda\t1\t2\n")
    with pytest.raises(EvaluationError, match="promises"):
        read_pairs(listed, open_gallery(folder))


def test_plain_pairs_name_paths_and_missing_photographs_are_counted(folder, tmp_path):
    listed = tmp_path / "pairs.csv"
    listed.write_text("Ada/Ada_0001.jpg,Ada/Ada_0002.jpg\nBob/Bob_0001.jpg,Dee/Dee_0001.jpg\n")
    found = read_pairs(listed, open_gallery(folder))
    assert (found.pairs, found.missing) == (((0, 1),), 1)


def test_a_list_of_other_people_is_refused(folder, tmp_path):
    listed = tmp_path / "pairs.csv"
    listed.write_text("X/X_1.jpg Y/Y_1.jpg\n")
    with pytest.raises(EvaluationError, match="no pair"):
        read_pairs(listed, open_gallery(folder))


def test_the_best_threshold_lies_between_the_classes():
    scores = np.array([0.1, 0.2, 0.8, 0.9], np.float32)
    assert best_threshold(scores, scores > 0.5) == pytest.approx(0.5)


def test_a_fold_is_judged_by_the_threshold_of_the_others():
    # fold 0 separates at 0.5; fold 1 would at 0.9: judged at 0.5 it gets its two impostors wrong
    scores = np.array([0.1, 0.9, 0.2, 0.8, 0.7, 0.95, 0.75, 0.99], np.float32)
    same = np.array([False, True] * 4)
    fold = np.repeat([0, 1], 4)
    found = accuracy(scores, same, fold)
    assert found.folds[1] == 0.5
    assert found.deviation == pytest.approx(np.std(found.folds, ddof=1))
