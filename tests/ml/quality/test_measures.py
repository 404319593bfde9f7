"""Each measure moves the way its name says when a real photograph is spoilt in that respect only."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

from ml.align import align
from ml.decode import Bare
from ml.detect import Detector, build_detector
from ml.quality import assess, recommended
from ml.quality.geometry import TEMPLATE
from ml.quality.pose import LEAN, MODEL, pose
from ml.types import Image, Measure
from tests.data import PHOTOS
from tests.ml.quality.occlusion import KINDS, covered, measured


@pytest.fixture(scope="module")
def detector(yunet) -> Detector:
    return build_detector(yunet, threads=1)


def pixels_of(name: str) -> np.ndarray:
    return Bare().decode((PHOTOS / f"{name}.jpg").read_bytes()).pixels


def spoilt(detector: Detector, name: str, how) -> tuple[dict[str, float], dict[str, float]]:
    """Measures before and after."""
    pixels = pixels_of(name)
    return measured(detector, pixels), measured(detector, np.asarray(how(Pil.fromarray(pixels))))


def test_blur_lowers_sharpness_step_by_step(detector):
    clear, slight = spoilt(detector, "obama", lambda p: p.filter(ImageFilter.GaussianBlur(3)))
    _, strong = spoilt(detector, "obama", lambda p: p.filter(ImageFilter.GaussianBlur(8)))
    assert clear["sharpness"] > 1.5 * slight["sharpness"] > 2 * strong["sharpness"]


def test_dark_photographs_are_under_exposed_and_flat(detector):
    clear, dark = spoilt(detector, "biden", lambda p: p.point(lambda v: v // 9))
    assert clear["under_exposure"] < 0.02 and dark["under_exposure"] > 0.9
    assert dark["dynamic_range"] < clear["dynamic_range"] - 2 and dark["contrast"] < clear["contrast"] / 4


def test_bright_photographs_are_over_exposed(detector):
    clear, bright = spoilt(detector, "biden", lambda p: p.point(lambda v: min(255, v * 3)))
    assert clear["over_exposure"] < 0.02 and bright["over_exposure"] > 0.3


def test_light_from_one_side_is_less_uniform(detector):
    shade = np.linspace(1.0, 0.15, 512)[None, :, None]
    clear, sided = spoilt(detector, "obama", lambda p: Pil.fromarray((np.asarray(p) * shade).astype(np.uint8)))
    assert sided["illumination_uniformity"] < clear["illumination_uniformity"]


def test_grayscale_has_no_colour(detector):
    clear, gray = spoilt(detector, "collins", lambda p: p.convert("L").convert("RGB"))
    assert clear["colour"] > 0.2 and gray["colour"] == 0.0


@pytest.mark.parametrize("degrees", [-25, 25])
def test_roll_follows_the_photograph(detector, degrees):
    for name in ("biden", "obama", "obama2", "obama3"):
        straight, rolled = spoilt(detector, name, lambda p: p.rotate(-degrees, Pil.Resampling.BICUBIC))
        change = (rolled["roll"] - straight["roll"]) * np.sign(degrees)
        assert 8 < change < 33, name  # YuNet's points lag behind: it says 9 to 25 of 25 degrees


def test_yaw_changes_sign_in_the_mirror(detector):
    one, other = spoilt(detector, "biden", lambda p: p.transpose(Pil.Transpose.FLIP_LEFT_RIGHT))
    assert one["yaw"] > 15 and other["yaw"] == pytest.approx(-one["yaw"], abs=8)


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x @ MODEL.T).T[:, :2]


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 40), (-35, 10, 15), (10, -15, 170)])
def test_the_pose_of_the_model_itself_is_recovered(angles):
    points = (3.3 * turned(*angles) + (200, 140)).astype(np.float32)
    assert pose(points) == pytest.approx((angles[0], angles[1] - LEAN, angles[2]), abs=0.1)


def test_points_that_coincide_have_no_pose():
    assert all(math.isnan(angle) for angle in pose(np.ones((5, 2), np.float32)))


def test_whole_faces_are_inside_and_cut_off_ones_are_not(detector):
    for name in ("biden", "collins", "obama", "obama2", "obama3"):
        assert measured(detector, pixels_of(name))["face_inside"] == 1.0
    for name in ("obama_partial_face", "obama_partial_face2"):
        assert measured(detector, pixels_of(name))["face_inside"] < 0.95


def test_the_black_beyond_the_frame_is_no_shadow(detector):
    assert measured(detector, pixels_of("obama_partial_face"))["under_exposure"] < 0.02


def test_company_is_counted_and_sized(detector):
    two = measured(detector, np.concatenate([pixels_of("obama"), pixels_of("biden")], axis=1))
    assert two["other_faces"] == 1 and two["largest_other_face"] > 0.8
    alone = measured(detector, pixels_of("obama"))
    assert alone["other_faces"] == 0 and alone["largest_other_face"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_covered_face_shows_in_at_least_one_measure(detector, kind):
    for name in ("obama", "collins", "obama2"):
        pixels = pixels_of(name)
        clear = measured(detector, pixels)
        hidden = measured(detector, covered(pixels, detector.detect([pixels])[0].faces[0], kind))
        if hidden:  # not found at all is the plainest hint
            assert (
                hidden["eyes_visible"] < 0.8 * clear["eyes_visible"]
                or hidden["mouth_visible"] < 0.8 * clear["mouth_visible"]
                or hidden["detector_confidence"] < clear["detector_confidence"] - 0.02
            ), name


def test_lengths_are_those_of_the_source_at_any_decoded_scale(detector):
    whole = Bare().decode((PHOTOS / "obama2.jpg").read_bytes())
    half = Bare().decode((PHOTOS / "obama2.jpg").read_bytes(), detail=320)
    assert half.scale == 0.5
    values = [measure(detector, image)["inter_eye_distance"].value for image in (whole, half)]
    assert values[1] == pytest.approx(values[0], rel=0.05)


def measure(detector: Detector, image: Image) -> dict[str, Measure]:
    faces = detector.detect([image.pixels])[0].faces
    return {one.name: one for one in assess(image, faces, align(image.pixels, faces[0].landmarks, TEMPLATE, 112))}


def test_every_recommended_threshold_names_a_measure_and_its_good_side(detector):
    measures = measure(detector, Bare().decode((PHOTOS / "obama.jpg").read_bytes()))
    sides = {"higher": "below", "lower": "above", "near": "beyond"}
    for name, rule in recommended()["measures"].items():
        assert sides[measures[name].better] in rule, name
        assert rule["reason"] and rule["say"] and rule["because"] and rule["then"] in ("refuse", "advise")


def test_the_good_portraits_pass_what_is_recommended_and_the_half_covered_do_not(detector):
    for name, expected in (
        ("biden", set()),
        ("collins", set()),
        ("obama", set()),
        ("obama2", set()),
        ("obama3", set()),
        ("obama_partial_face", {"face_cut_off"}),
        ("obama_partial_face2", {"face_cut_off"}),
    ):
        values = measure(detector, Bare().decode((PHOTOS / f"{name}.jpg").read_bytes()))
        assert {
            rule["reason"]
            for key, rule in recommended()["measures"].items()
            if rule["then"] == "refuse" and broken(rule, values[key].value)
        } == expected, name


def broken(rule: dict, value: float) -> bool:
    return (
        value < rule["below"]
        if "below" in rule
        else value > rule["above"]
        if "above" in rule
        else abs(value) > rule["beyond"]
    )
