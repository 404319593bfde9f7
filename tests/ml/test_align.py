from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil

from ml.align import Similarity, align, similarity, warp
from ml.packs import TEMPLATES

TEMPLATE = np.array(TEMPLATES["arcface-112"], np.float32)


def moved(points: np.ndarray, scale: float, angle: float, x: float, y: float) -> np.ndarray:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T + (x, y)).astype(np.float32)


def umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The paper's general solution by SVD (equations 40 to 43), as the reference. Returns (2, 3)."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    signs = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = u @ signs @ vt
    scale = (d * np.diag(signs)).sum() / a.var(axis=0).sum()
    return np.column_stack([scale * rotation, target.mean(axis=0) - scale * rotation @ source.mean(axis=0)])


@given(st.floats(0.1, 10), st.floats(-3.1, 3.1), st.floats(-500, 500), st.floats(-500, 500))
def test_a_known_similarity_is_recovered_exactly(scale, angle, x, y):
    fit = similarity(moved(TEMPLATE, scale, angle, x, y), TEMPLATE)
    assert fit.scale == pytest.approx(1 / scale, rel=1e-3)
    assert np.allclose(fit.apply(moved(TEMPLATE, scale, angle, x, y)), TEMPLATE, atol=0.05)


@given(st.integers(0, 10_000))
def test_it_is_umeyamas_least_squares_solution(seed):
    rng = np.random.default_rng(seed)
    points = moved(TEMPLATE, 2.0, rng.uniform(-3, 3), 40, 50) + rng.normal(0, 4, (5, 2)).astype(np.float32)
    fit, reference = similarity(points, TEMPLATE), umeyama(points.astype(np.float64), TEMPLATE.astype(np.float64))
    matrix = [[fit.turn.real, -fit.turn.imag, fit.shift.real], [fit.turn.imag, fit.turn.real, fit.shift.imag]]
    assert np.allclose(matrix, reference, atol=1e-6)


def test_points_that_coincide_give_scale_zero_and_a_black_crop():
    fit = similarity(np.ones((5, 2), np.float32), TEMPLATE)
    assert fit.scale == 0
    assert not warp(np.full((50, 50, 3), 200, np.uint8), fit, 112).any()


def smooth_picture(width: int = 300, height: int = 260) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x * 255 / width, y * 255 / height, 128 + 60 * np.sin(x / 25) * np.cos(y / 20)], axis=2)


@pytest.mark.parametrize(("scale", "angle"), [(0.6, 0.0), (1.0, 0.3), (1.5, -0.5), (2.0, 3.0)])
def test_each_pixel_of_the_crop_is_the_picture_at_its_place(scale, angle):
    picture = smooth_picture()
    middle = moved(TEMPLATE - 56, scale, angle, 150, 130)
    crop = align(picture.astype(np.uint8), middle, TEMPLATE, 112).astype(float)
    fit = similarity(middle, TEMPLATE)
    for u, v in ((20, 30), (56, 56), (90, 70), (40, 100)):
        place = (complex(u, v) - fit.shift) / fit.turn
        x, y = round(place.real), round(place.imag)
        assert np.abs(crop[v, u] - picture[y, x]).max() < 6


def test_an_untouched_scale_and_place_copies_pixels():
    picture = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    crop = warp(picture, Similarity(1 + 0j, -30 - 20j), 112)
    assert np.array_equal(crop, picture[20:132, 30:142])


def test_shrinking_a_fine_pattern_gives_its_mean_and_no_moire():
    checks = np.indices((800, 800)).sum(axis=0) % 2 * 255
    crop = warp(np.repeat(checks[..., None], 3, axis=2).astype(np.uint8), Similarity(0.14 + 0j, 0j), 112)
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 127).max() < 12


def test_shrinking_agrees_with_an_exact_area_mean():
    picture = np.random.default_rng(2).integers(0, 255, (1120, 1120, 3), dtype=np.uint8)
    crop = warp(picture, Similarity(0.1 + 0j, complex(-0.45, -0.45)), 112).astype(int)
    exact = np.asarray(Pil.fromarray(picture).resize((112, 112), Pil.Resampling.BILINEAR)).astype(int)
    assert np.abs(crop - exact)[1:-1, 1:-1].max() <= 2


def test_beyond_the_frame_is_black():
    crop = warp(np.full((100, 100, 3), 200, np.uint8), Similarity(1 + 0j, 50 + 0j), 112)
    assert not crop[:, :49].any() and (crop[10:90, 60:] == 200).all()
    assert not warp(np.full((100, 100, 3), 200, np.uint8), Similarity(1 + 0j, 500 + 0j), 112).any()
