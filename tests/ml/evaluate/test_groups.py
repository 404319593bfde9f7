from __future__ import annotations

import numpy as np
import pytest

from ml.evaluate import rates
from ml.evaluate.comparisons import all_pairs
from ml.evaluate.errors import EvaluationError
from ml.evaluate.groups import by_group, gate_failed, read_groups
from tests.ml.evaluate.world import enrolment, templates


def two_groups(*, worse_noise: float):
    """200 people: the second half photographed worse by `worse_noise`."""
    good, label = templates(200, images=4, noise=0.6)
    poor, _ = templates(200, images=4, noise=worse_noise)
    found = np.where((label < 100)[:, None], good, poor)
    people = tuple(f"P{i:04d}" for i in range(200))
    groups = {"camera": {p: "new" if i < 100 else "old" for i, p in enumerate(people)}}
    return all_pairs(found, label), people, groups


def test_a_group_that_is_really_worse_fails_the_gate():
    made, people, groups = two_groups(worse_noise=1.6)
    rows = by_group(made, people, groups, threshold=rates.threshold_at(made, 1e-3))
    assert [row.group for row in rows] == ["new", "old"]
    assert [row.group for row in gate_failed(rows)] == ["old"]
    assert rows[1].fnmr.verdict == "worse"
    assert rows[1].fnmr.ratio > 1.25


def test_a_difference_by_luck_does_not_fail_it():
    made, people, _ = two_groups(worse_noise=0.6)
    groups = {"letter": {p: "even" if int(p[1:]) % 2 else "odd" for p in people}}
    assert not gate_failed(by_group(made, people, groups, threshold=rates.threshold_at(made, 1e-3)))


def test_six_people_cannot_tell():
    made, people, _ = two_groups(worse_noise=0.6)
    groups = {"few": {p: "a" if i < 3 else "b" for i, p in enumerate(people[:6])}}
    rows = by_group(made, people, groups, threshold=rates.threshold_at(made, 1e-3))
    assert {row.fnmr.verdict for row in rows} <= {"cannot tell", "within", "within, not shown", "worse, not shown"}
    assert all(row.fnmr.interval.high > 0.5 for row in rows)


def test_a_groups_file_needs_its_header_and_known_people(tmp_path):
    gallery = enrolment(3).gallery
    path = tmp_path / "groups.csv"
    path.write_text("who,camera\nP0000,new\n")
    with pytest.raises(EvaluationError, match="identity"):
        read_groups(path, gallery)
    path.write_text("identity,camera\nnobody,new\n")
    with pytest.raises(EvaluationError, match="no identity"):
        read_groups(path, gallery)
    path.write_text("identity,camera,age\nP0000,new,\nP0001,old,40\n")
    assert read_groups(path, gallery) == {"camera": {"P0000": "new", "P0001": "old"}, "age": {"P0001": "40"}}
