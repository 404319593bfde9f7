"""The geometry, without a detector: patches cut at the places where the landmarks truly are."""

from __future__ import annotations

import numpy as np
import pytest

from ml.liveness.active import register
from ml.liveness.synthetic.render import Pose, View, over, project, render
from ml.liveness.synthetic.scene import bent, flat
from ml.liveness.synthetic.surface import Head, Surface

YAWS = (0.0, -0.5, -0.3, 0.3, 0.5)


def shift_of(portrait, surface: Surface, poses: list[Pose], pivot: float) -> register.Shift:
    view, rng = View(pivot=pivot), np.random.default_rng(1)
    points = ((portrait.points - np.asarray(portrait.origin)) / portrait.unit).astype(np.float32)
    patches = []
    for pose in poses:
        picture = over(render(portrait, surface, pose, view), np.full((view.height, view.width, 3), 90, np.float32))
        noisy = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
        x, y = project(surface, pose, points[:, 0], points[:, 1], pivot)
        found = np.stack([x * view.eyes + view.width / 2, y * view.eyes + view.height / 2], -1)
        found += rng.normal(0, 0.03 * view.eyes, found.shape)  # as badly as a detector places them
        patches.append(register.patch(noisy, found))
    nose = register.aligned(portrait.points)[register.NOSE]
    return register.shifts(np.stack(patches), patches[0], (float(nose[0]), float(nose[1])))


@pytest.fixture(params=["obama", "biden", "collins"])
def portrait(request, cast):
    return cast[1][request.param]


def test_a_head_that_turns_shows_its_nose_before_the_face(portrait):
    shift = shift_of(portrait, Head(portrait.nose), [Pose(yaw=yaw) for yaw in YAWS], pivot=1.2)
    assert shift.parallax[1, 0] < -0.15 and shift.parallax[4, 0] > 0.15
    assert np.sign(shift.parallax[1:, 0]).tolist() == [-1, -1, 1, 1]


def test_a_head_that_nods_shows_it_too(portrait):
    shift = shift_of(portrait, Head(portrait.nose), [Pose(pitch=a) for a in (0, -0.3, 0.3)], pivot=1.2)
    assert shift.parallax[1, 1] > 0.05 and shift.parallax[2, 1] < -0.05  # down in the picture is positive


def test_a_photograph_has_no_parallax_however_it_is_tilted(portrait):
    poses = [Pose(), *(Pose(yaw=a, roll=0.1, x=0.2) for a in YAWS[1:]), Pose(pitch=0.4), Pose(pitch=-0.4, near=1.3)]
    shift = shift_of(portrait, flat(portrait), poses, pivot=0.0)
    assert np.abs(shift.parallax).max() < 0.03
    assert shift.tilt[1] > 0.4


@pytest.mark.parametrize("radius", [1.2, 1.6, 2.5])
def test_a_bent_photograph_shows_less_than_a_third_of_a_nose(portrait, radius):
    shift = shift_of(portrait, bent(portrait, radius), [Pose(yaw=yaw) for yaw in YAWS], pivot=0.0)
    assert (np.abs(shift.parallax[1:, 0]) / np.maximum(shift.tilt[1:], 0.2)).max() < 0.14


def test_another_picture_is_not_taken_for_the_face(portrait):
    reference = register.patch(portrait.pixels, portrait.points)
    noise = np.random.default_rng(2).integers(0, 255, (1, register.PATCH, register.PATCH), dtype=np.uint8)
    assert register.shifts(noise, reference, (0.0, 0.0)).fit[0] < 0.5
