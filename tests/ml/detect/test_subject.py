from __future__ import annotations

import numpy as np

from ml.detect.subject import order
from ml.types import Box, Face


def a_face(x: float, y: float, side: float, confidence: float = 0.9) -> Face:
    return Face(Box(x - side / 2, y - side / 2, side, side), np.zeros((5, 2), np.float32), confidence)


def test_the_largest_of_equally_central_faces_is_the_subject():
    small, large = a_face(180, 200, 50), a_face(220, 200, 80)
    assert order([small, large], 400, 400)[0] is large


def test_the_central_of_equally_large_faces_is_the_subject():
    aside, central = a_face(60, 60, 80), a_face(200, 210, 80)
    assert order([aside, central], 400, 400)[0] is central


def test_a_somewhat_larger_bystander_at_the_edge_is_not_the_subject():
    bystander, subject = a_face(20, 100, 70), a_face(125, 125, 60)
    assert order([bystander, subject], 250, 250)[0] is subject


def test_a_much_larger_face_is_the_subject_even_off_centre():
    near, far = a_face(120, 200, 200), a_face(205, 195, 40)
    assert order([near, far], 400, 400)[0] is near


def test_confidence_plays_no_part():
    sure, doubtful = a_face(100, 100, 60, 0.99), a_face(200, 200, 60, 0.61)
    assert order([sure, doubtful], 400, 400)[0] is doubtful
