"""Both detectors on real photographs, whichever way up, in whatever company."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pil

from ml.decode import Bare
from ml.detect import Detector, build_detector
from ml.detect.detector import turn_back
from ml.types import Box, Face, Pixels, eye_distance
from tests.data import PHOTOS, data_dir

PORTRAITS = ("biden", "collins", "obama", "obama2", "obama3")


@pytest.fixture(scope="module", params=["yunet", "mtcnn"])
def detector(request) -> Detector:
    return build_detector(request.getfixturevalue(request.param), threads=1)


@pytest.fixture(scope="module")
def yunet_detector(yunet) -> Detector:
    return build_detector(yunet, threads=1)


def photo(name: str) -> Pixels:
    return Bare().decode((PHOTOS / f"{name}.jpg").read_bytes()).pixels


def test_every_portrait_shows_one_upright_face(detector):
    for name, found in zip(PORTRAITS, detector.detect([photo(name) for name in PORTRAITS]), strict=True):
        assert len(found.faces) == 1 and found.turned == 0, name
        left, right, nose, mouth_left, mouth_right = found.faces[0].landmarks
        assert left[0] < right[0] and mouth_left[0] < mouth_right[0] and left[1] < nose[1] < mouth_left[1]


def test_both_detectors_agree_where_the_face_is(yunet_detector, mtcnn):
    cascade = build_detector(mtcnn, threads=1)
    images = [photo(name) for name in PORTRAITS]
    for one, other in zip(yunet_detector.detect(images), cascade.detect(images), strict=True):
        apart = np.linalg.norm(one.faces[0].landmarks - other.faces[0].landmarks, axis=1)
        assert apart.max() < 0.25 * eye_distance(one.faces[0])


def test_several_images_at_once_are_as_good_as_one_by_one(detector):
    images = [photo(name) for name in PORTRAITS]
    for together, image in zip(detector.detect(images), images, strict=True):
        alone = detector.detect([image])[0]
        assert np.allclose(together.faces[0].landmarks, alone.faces[0].landmarks, atol=0.5)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photograph_is_turned_back(yunet_detector, quarters):
    for name in PORTRAITS:
        image = photo(name)
        upright = yunet_detector.detect([image])[0]
        turned = yunet_detector.detect([np.ascontiguousarray(np.rot90(image, quarters))])[0]
        assert turned.turned == 360 - 90 * quarters, name
        back = turn_back(turned.faces[0], quarters, image.shape)
        assert np.abs(back.landmarks - upright.faces[0].landmarks).max() < 2


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turning_back_finds_the_same_pixel(quarters):
    image = np.zeros((40, 60, 3), np.uint8)
    image[12, 34] = 255
    row, column = np.argwhere(np.rot90(image, quarters)[..., 0])[0]
    face = Face(Box(column - 2, row - 1, 4, 2), np.full((5, 2), (column, row), np.float32), 1.0)
    back = turn_back(face, quarters, image.shape)
    assert np.allclose(back.landmarks, (34, 12))
    assert {back.box.width, back.box.height} == {4, 2}


def test_two_people_side_by_side_are_two_faces(detector):
    joined = np.concatenate([photo("obama"), photo("biden")], axis=1)
    assert len(detector.detect([joined])[0].faces) == 2


def test_a_face_cut_off_by_the_frame_is_still_found_where_it_is(yunet_detector):
    left, right = yunet_detector.detect([photo("obama_partial_face"), photo("obama_partial_face2")])
    assert left.faces[0].box.centre[0] < 150 and right.faces[0].box.centre[0] > 350


def test_a_face_of_sixty_pixels_in_a_large_photograph_is_found(yunet_detector):
    canvas = np.full((768, 1024, 3), 90, np.uint8)
    canvas[300:460, 500:628] = np.asarray(Pil.fromarray(photo("obama")).resize((128, 160), Pil.Resampling.LANCZOS))
    (face,) = yunet_detector.detect([canvas])[0].faces
    assert 500 < face.box.centre[0] < 628 and 300 < face.box.centre[1] < 400


def test_an_eighth_of_the_light_is_enough(yunet_detector):
    assert yunet_detector.detect([(photo("collins") // 8).astype(np.uint8)])[0].faces


def test_nobody_is_found_where_nobody_is(detector):
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    for image in (noise, np.zeros((200, 200, 3), np.uint8), np.full((1, 1, 3), 9, np.uint8), photo("obama")[:20, :20]):
        assert detector.detect([image])[0].faces == ()


def test_no_images_are_no_work(detector):
    assert detector.detect([]) == []


@pytest.mark.data
def test_no_subject_of_lfw_frames_is_missed(yunet_detector):
    frames = sorted((data_dir() / "verification" / "lfw_frames").glob("*/*"))[::4]
    found = yunet_detector.detect([Bare().decode(path.read_bytes()).pixels for path in frames])
    for path, one in zip(frames, found, strict=True):
        assert one.turned == 0, path
        x, y = one.faces[0].box.centre  # the collection centres its subject
        assert abs(x - 125) < 40 and abs(y - 125) < 40, path
