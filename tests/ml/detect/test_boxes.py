from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.detect.boxes import rescale, suppress
from ml.types import Box, Face

SIDES = st.floats(1, 50, width=32)
BOXES = st.lists(st.tuples(st.floats(0, 100, width=32), st.floats(0, 100, width=32), SIDES, SIDES), max_size=12)


def corners(boxes: list[tuple[float, float, float, float]]) -> np.ndarray:
    return np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod()
    return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))


@given(BOXES, st.randoms())
def test_what_is_kept_does_not_overlap_and_what_is_dropped_overlaps_something_better(drawn, random):
    boxes = corners(drawn)
    scores = np.array([random.random() for _ in drawn], np.float32)
    kept = suppress(boxes, scores, 0.3)
    assert all(overlap(boxes[a], boxes[b]) <= 0.3 + 1e-5 for a in kept for b in kept if a != b)
    for lost in set(range(len(drawn))) - set(kept):
        assert any(overlap(boxes[lost], boxes[a]) > 0.3 - 1e-5 and scores[a] >= scores[lost] for a in kept)
    assert [scores[a] for a in kept] == sorted((scores[a] for a in kept), reverse=True)


def test_a_box_within_a_box_counts_as_one_when_measured_by_the_smaller():
    boxes = corners([(0, 0, 100, 100), (40, 40, 10, 10)])
    scores = np.array([0.9, 0.8], np.float32)
    assert suppress(boxes, scores, 0.7) == [0, 1]
    assert suppress(boxes, scores, 0.7, of_smaller=True) == [0]


def test_rescaling_there_and_back_changes_nothing():
    face = Face(Box(10, 20, 30, 40), np.arange(10, dtype=np.float32).reshape(5, 2), 0.9)
    back = rescale(rescale(face, 2.5), 1 / 2.5)
    assert back.box.x == pytest.approx(10) and back.box.height == pytest.approx(40)
    assert np.allclose(back.landmarks, face.landmarks, atol=1e-5)


def test_a_pixels_centre_stays_the_centre_of_what_it_becomes():
    face = Face(Box(0, 0, 2, 2), np.zeros((5, 2), np.float32), 1.0)
    assert np.allclose(rescale(face, 4).landmarks, 1.5)  # pixel 0 becomes pixels 0..3
