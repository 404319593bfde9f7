"""The colour signal on made-up responses: which sequences it takes for the asked one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.liveness.active import colour, draw
from ml.liveness.active.types import Asked, Frame, Step

SKIN = np.array([0.42, 0.24, 0.17])  # linear light
WALL = np.array([0.5, 0.5, 0.45])


def a_step(number: int) -> Step:
    return next(s for s in draw.draw(draw.seed(f"n{number}", b"s")).steps if s.kind == "colours")


def lit(
    shown: Step,
    asked: Step,
    *,
    delay: float = 0.2,
    strength: float = 0.2,
    spill: float = 0.08,
    noise: float = 0.004,
    seed: int = 0,
) -> colour.Response:
    """What `response` finds when a face is lit by one sequence and another was asked."""
    rng, frames = np.random.default_rng(seed), []
    for at in np.arange(0, asked.seconds, 0.1):
        light = strength * np.array(draw.colour_at(shown, at - delay))
        skin, wall = (
            base * (1 + part * light) * (1 + rng.normal(0, noise, 3)) for base, part in ((SKIN, 1.0), (WALL, spill))
        )
        frames.append(
            Frame(
                at=float(at),
                width=1,
                height=1,
                faces=1,
                face=None,
                embedding=None,
                patch=None,
                skin=tuple(skin),
                background=tuple(wall),
                sharpness=0,
                thumbnail=None,
                phash=0,
                sha256="",
            )
        )
    return colour.response(Asked(asked, 0.0), frames)


@pytest.mark.parametrize("delay", [0.08, 0.2, 0.5, 0.75])
def test_the_asked_light_is_found_with_its_delay(delay):
    found = lit(a_step(1), a_step(1), delay=delay)
    assert found.correlation > 0.9 and abs(found.delay - delay) <= 0.06


def test_light_that_comes_too_late_is_not_taken_for_it():
    assert lit(a_step(1), a_step(1), delay=1.6).correlation < colour.ORDER


def test_of_other_sequences_one_in_forty_would_do_at_most():
    asked = a_step(1)
    other = [lit(a_step(number), asked, seed=number).correlation for number in range(2, 402)]
    assert np.mean(np.array(other) >= colour.ORDER) <= 0.025


def test_a_tint_on_everything_is_no_light_on_a_face():
    found = lit(a_step(1), a_step(1), spill=1.0)
    assert found.correlation < colour.ORDER or found.background > colour.SHARE * found.skin


def test_no_light_at_all_is_weaker_than_the_weakest_believed():
    assert lit(a_step(1), a_step(1), strength=0.0).skin < colour.WEAKEST


def test_a_face_that_fills_the_frame_leaves_the_background_unknown():
    asked = Asked(a_step(1), 0.0)
    frames = [
        Frame(
            at=float(at),
            width=1,
            height=1,
            faces=1,
            face=None,
            embedding=None,
            patch=None,
            skin=tuple(SKIN),
            background=None,
            sharpness=0,
            thumbnail=None,
            phash=0,
            sha256="",
        )
        for at in np.arange(0, 5, 0.1)
    ]
    assert np.isnan(colour.response(asked, [replace(frame) for frame in frames]).background)
