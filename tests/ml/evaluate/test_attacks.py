from __future__ import annotations

import pytest

from ml.evaluate.attacks import Presentation, rates
from ml.evaluate.errors import EvaluationError
from ml.evaluate.presentations import read_presentations


def shown(species, scores, *, subjects=20, matched=None):
    return [Presentation(species, f"{species}-{i % subjects}", score, matched) for i, score in enumerate(scores)]


def test_each_species_has_its_own_rate():
    found = rates(
        [*shown("print", [0.9, 0.1, 0.1, 0.1]), *shown("replay", [0.1] * 5), *shown("bona fide", [0.9, 0.9, 0.2])],
        threshold=0.5,
    )
    assert [(r.name, r.rate) for r in found.apcer] == [("APCER print", 0.25), ("APCER replay", 0.0)]
    assert found.bpcer.rate == pytest.approx(1 / 3)


def test_a_refused_attack_does_not_pass_and_a_refused_person_is_an_error():
    found = rates([*shown("print", [None]), *shown("bona fide", [None])], threshold=0.5)
    assert found.apcer[0].errors == 0
    assert found.bpcer.errors == 1
    assert (found.refused_attacks, found.refused_bona_fide) == (1, 1)


def test_an_attack_counts_for_iapar_only_when_it_passes_and_matches():
    found = rates(
        [
            *shown("print", [0.9], matched=True),
            *shown("print", [0.9], matched=False),
            *shown("print", [0.1], matched=True),
        ],
        threshold=0.5,
    )
    assert (found.iapar[0].errors, found.iapar[0].presentations) == (1, 3)


def test_three_subjects_must_say_what_they_cannot_show():
    found = rates([*shown("print", [0.1] * 60, subjects=3), *shown("bona fide", [0.9] * 60, subjects=3)], threshold=0.5)
    said = " ".join(found.cannot_show)
    assert "60 presentations of 3 subjects" in said
    assert "63%" in said  # what the true rate could still be without one error in three subjects
    assert found.apcer[0].by_subject.high > 0.6 > found.apcer[0].interval.high


def test_what_was_not_measured_is_named():
    said = " ".join(rates(shown("print", [0.1]), threshold=0.5).cannot_show)
    assert "IAPAR was not measured" in said
    assert "BPCER was not measured" in said


def test_folders_name_the_species(tmp_path):
    for name in ("live/ann_1.jpg", "live/ann_2.jpg", "attack/print/bob_1.png", "replay/x.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = read_presentations(tmp_path)
    assert {(one.species, one.subject) for one in found} == {
        ("bona fide", "ann"),
        ("attack/print", "bob"),
        ("replay", "x"),
    }


def test_an_index_names_subjects_and_references(tmp_path):
    (tmp_path / "index.csv").write_text("file,species,subject,reference\na.jpg,print,ann,ref/ann.jpg\n")
    (one,) = read_presentations(tmp_path)
    assert (one.species, one.subject, one.reference) == ("print", "ann", tmp_path / "ref/ann.jpg")


def test_an_index_without_species_is_refused(tmp_path):
    (tmp_path / "index.csv").write_text("file,subject\na.jpg,ann\n")
    with pytest.raises(EvaluationError, match="species"):
        read_presentations(tmp_path)
