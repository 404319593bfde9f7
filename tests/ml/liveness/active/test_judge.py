"""The whole way: rendered films through detector, recogniser and judge. No figure here is an error rate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ml.liveness.active.clockwork import offset
from ml.liveness.active.judge import fuse, judge
from ml.liveness.active.trial import SAME_FACE
from ml.liveness.active.types import Beat, Known, Signal, Transcript, Verdict
from ml.liveness.synthetic import species
from ml.liveness.synthetic.film import Film

Films = Callable[[species.Case], Film]


def result(verdict: Verdict, name: str) -> str:
    return next(signal.result for signal in verdict.signals if signal.name == name)


def again(transcript: Transcript, **changes: object) -> Verdict:
    return judge(replace(transcript, **changes), same_face=SAME_FACE)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def passed(judged) -> Transcript:
    transcript, verdict = judged(species.rendered_person, 1)
    assert verdict.result == "pass", verdict.reasons
    return transcript


def test_who_does_as_asked_passes_and_the_best_frame_is_a_straight_look(passed):
    verdict = again(passed)
    assert verdict.result == "pass" and verdict.best is not None
    assert passed.frames[verdict.best].at <= passed.asked[0].until


@pytest.mark.parametrize(
    ("film", "reason"),
    [
        (species.photo_rotated, "flat_face"),
        (species.photo_bent, "flat_face"),
        (species.puppet_unlit, "colour_response_absent"),
        (species.other_colours, None),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_an_attack_fails_for_the_reason_it_was_made_for(judged, film: Films, reason: str | None):
    _, verdict = judged(film, 2)
    assert verdict.result == "fail" and verdict.best is None
    assert reason is None or reason in verdict.reasons


def test_a_second_cut_from_the_middle_fails(passed):
    start = passed.asked[2].at + 0.5
    frames = tuple(frame for frame in passed.frames if not start < frame.at < start + 1)
    assert result(again(passed, frames=frames), "frame_gap") == "fail"


def test_frames_in_another_order_fail(passed):
    frames = list(passed.frames)
    frames[40], frames[90] = frames[90], frames[40]
    assert result(again(passed, frames=tuple(frames)), "frame_order") == "fail"


def test_one_frame_that_comes_back_fails(passed):
    frames = list(passed.frames)
    frames[33] = replace(frames[30], at=frames[33].at)
    assert result(again(passed, frames=tuple(frames)), "distinct_frames") == "fail"


def test_a_slow_camera_that_gives_some_frames_twice_does_not(passed):
    frames = list(passed.frames)
    for i in range(30, 90, 5):
        frames[i] = replace(frames[i - 1], at=frames[i].at)
    assert again(passed, frames=tuple(frames)).result == "pass"


def test_a_frozen_picture_fails_even_if_each_file_is_new(passed):
    frames = tuple(replace(passed.frames[0], at=frame.at, sha256=frame.sha256) for frame in passed.frames)
    verdict = again(passed, frames=frames)
    assert result(verdict, "frozen_frames") == result(verdict, "asked_motion") == "fail"


def test_one_file_known_from_another_session_fails(passed):
    known = Known(sha256=frozenset([passed.frames[100].sha256]))
    assert result(again(passed, known=known), "unseen_frames") == "fail"


def test_the_look_of_another_session_fails_when_half_of_it_comes_back(passed):
    known = Known(phash=tuple(frame.phash ^ 1 for frame in passed.frames[::2]))
    assert result(again(passed, known=known), "unseen_frames") == "fail"
    strangers = tuple(int(hashlib.sha256(str(i).encode()).hexdigest(), 16) for i in range(100))
    assert result(again(passed, known=Known(phash=strangers)), "unseen_frames") == "pass"


def test_another_face_in_a_few_frames_fails(passed):
    stranger = np.random.default_rng(1).normal(size=128).astype(np.float32)
    stranger /= np.linalg.norm(stranger)
    seen = [i for i, frame in enumerate(passed.frames) if frame.embedding is not None]
    frames = tuple(
        replace(frame, embedding=stranger) if i in seen[-2:] else frame for i, frame in enumerate(passed.frames)
    )
    assert result(again(passed, frames=frames), "same_face") == "fail"


def test_a_second_face_in_the_picture_fails(passed):
    frames = tuple(replace(frame, faces=2) if i % 10 == 0 else frame for i, frame in enumerate(passed.frames))
    assert "several_faces" in again(passed, frames=frames).reasons


def test_a_page_clock_that_gains_time_fails(passed):
    beats = tuple(Beat(page=beat.page, server=beat.page * 1.2) for beat in passed.beats)
    assert result(again(passed, beats=beats), "clock_drift") == "fail"


def test_a_step_left_out_fails(passed):
    assert result(again(passed, asked=passed.asked[:-1]), "challenge_complete") == "fail"


def test_a_virtual_camera_is_a_doubt_and_no_refusal(passed):
    verdict = again(passed, camera="OBS Virtual Camera")
    assert verdict.result == "inconclusive" and verdict.reasons == ("virtual_camera",)


def test_nothing_at_all_never_passes(passed):
    assert again(passed, frames=()).result != "pass"
    assert again(passed, frames=(), asked=(), beats=()).result != "pass"


def test_what_could_not_be_measured_is_inconclusive_and_a_failure_outweighs_it():
    unknown = Signal("a", float("nan"), 0.5, "higher", "a")
    good, bad = Signal("b", 1.0, 0.5, "higher", "b"), Signal("c", 0.0, 0.5, "higher", "c")
    assert fuse((good, unknown)) == "inconclusive"
    assert fuse((good, unknown, bad)) == "fail"
    assert fuse(()) == "inconclusive"


def test_the_quickest_request_gives_the_clocks_offset():
    assert offset([Beat(page=1.0, server=4.4), Beat(page=2.0, server=5.05), Beat(page=3.0, server=6.9)]) == 3.05
