from __future__ import annotations

import numpy as np
import pytest

from ml.detect import scrfd, yunet

SHAPE = (64, 96)  # px, height and width of the input


def empty(images: int, widths: tuple[int, ...], anchors: int = 1) -> list[np.ndarray]:
    return [
        np.zeros((images, SHAPE[0] // s * (SHAPE[1] // s) * anchors, width), np.float32)
        for width in widths
        for s in yunet.STRIDES
    ]


def test_one_anchor_decodes_to_its_place():
    outputs = empty(2, (1, 1, 4, 10))
    at = 3 * (SHAPE[1] // 8) + 5  # row 3, column 5 of the finest level
    outputs[0][1, at], outputs[3][1, at] = 0.81, 1.0
    outputs[6][1, at] = [0.5, -0.5, np.log(2), np.log(4)]
    outputs[9][1, at] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]
    none, (face,) = yunet.decode(outputs, SHAPE, 0.6)
    assert none == []
    assert face.confidence == pytest.approx(0.9)
    assert (face.box.x, face.box.y, face.box.width, face.box.height) == pytest.approx((36, 4, 16, 32))
    assert np.allclose(face.landmarks, [(40, 24), (48, 24), (44, 28), (40, 32), (48, 32)])


def test_levels_and_neighbours_that_see_one_face_give_one_face():
    outputs = empty(1, (1, 1, 4, 10))
    for level, stride in enumerate(yunet.STRIDES):
        at = (32 // stride) * (SHAPE[1] // stride) + 32 // stride
        outputs[level][0, at], outputs[3 + level][0, at] = 0.9 - 0.1 * level, 1.0
        outputs[6 + level][0, at, 2:] = np.log(32 / stride)
    (faces,) = yunet.decode(outputs, SHAPE, 0.6)
    assert len(faces) == 1 and faces[0].confidence == pytest.approx(0.9**0.5)


def test_below_the_threshold_there_is_nobody():
    outputs = empty(1, (1, 1, 4, 10))
    outputs[0][0, 7], outputs[3][0, 7] = 0.3, 1.0
    assert yunet.decode(outputs, SHAPE, 0.6) == [[]]


def test_wild_numbers_do_not_overflow():
    outputs = empty(1, (1, 1, 4, 10))
    outputs[0][0, 7], outputs[3][0, 7] = 5.0, 5.0
    outputs[6][0, 7] = 1e4
    (faces,) = yunet.decode(outputs, SHAPE, 0.6)
    assert faces[0].confidence == 1.0 and np.isfinite(faces[0].box.area)


@pytest.mark.parametrize("anchors", [1, 2])
@pytest.mark.parametrize("batched", [True, False])
def test_the_scrfd_layout_decodes_with_any_number_of_anchors(anchors, batched):
    outputs = empty(1, (1, 4, 10), anchors)
    at = (3 * (SHAPE[1] // 8) + 5) * anchors + anchors - 1
    outputs[0][0, at] = 0.9
    outputs[3][0, at] = [1, 2, 3, 4]
    outputs[6][0, at] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1]
    ((face,),) = scrfd.decode(outputs if batched else [one[0] for one in outputs], SHAPE, 0.6)
    assert (face.box.x, face.box.y, face.box.width, face.box.height) == pytest.approx((32, 8, 32, 48))
    assert np.allclose(face.landmarks[1], (48, 24))
