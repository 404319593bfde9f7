"""Time: frames at a steady rate, a page clock that runs as ours does, steps in their order, no jumps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ml.liveness.active.types import Beat, Signal, Transcript

RATE = 5.0  # frames a second, median: fewer cannot show a turn or a flash of 0.7 s
GAP = 0.7  # s: the longest time unseen within a step; a flash
DRIFT = 0.07  # share the page's clock may seem fast or slow: requests behind uploads jitter by 0.5 s
SPAN = 5.0  # s of beats from which drift can be told
SPEED = 8.0  # eye distances a second: heads move at 2 to 3, cuts jump


def offset(beats: Sequence[Beat]) -> float:
    """Server clock minus page clock, s: the quickest request was under way for the shortest time."""
    return min((beat.server - beat.page for beat in beats), default=0.0)


def cadence(transcript: Transcript) -> list[Signal]:
    at = np.array([frame.at for frame in transcript.frames])
    steps = np.diff(at)
    rate = 1 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 0.0
    return [
        Signal("frame_order", float((steps <= 0).sum()), 0, "lower", "frames_out_of_order"),
        Signal("frame_rate", rate, RATE, "higher", "frame_rate_low"),
        Signal("frame_gap", _longest_gap(transcript), GAP, "lower", "frames_missing"),
        Signal("clock_drift", drift(transcript.beats), DRIFT, "lower", "clock_not_real_time"),
    ]


def drift(beats: Sequence[Beat]) -> float:
    """How much faster or slower the page's clock runs, as a share; NaN when too short to tell."""
    if len(beats) < 3 or beats[-1].page - beats[0].page < SPAN:
        return float("nan")
    page = np.array([beat.page for beat in beats])
    server = np.array([beat.server for beat in beats])
    slope = float(np.polyfit(page, server, 1)[0])
    return abs(slope - 1)


def complete(transcript: Transcript) -> Signal:
    """Share of the challenge's steps that were asked, in their order, one after the other."""
    asked = [asked.step for asked in transcript.asked]
    in_time = all(a.until - 0.25 <= b.at for a, b in pairwise(transcript.asked))
    right = sum(a == b for a, b in zip(asked, transcript.challenge.steps, strict=False)) if in_time else 0
    score = right / len(transcript.challenge.steps) if len(asked) <= len(transcript.challenge.steps) else 0.0
    return Signal("challenge_complete", score, 1.0, "higher", "challenge_incomplete")


def continuity(transcript: Transcript) -> Signal:
    """Fastest motion of the face between two frames, eye distances a second."""
    speeds = []
    seen = [frame for frame in transcript.frames if frame.face is not None]
    for before, after in pairwise(seen):
        if before.face is None or after.face is None or not 0 < after.at - before.at <= GAP:
            continue
        a, b = before.face.landmarks / before.width, after.face.landmarks / after.width
        eyes = float(np.hypot(*(a[1] - a[0])))
        speeds.append(
            float(np.abs(np.median(b - a, axis=0)).max()) / max(eyes, 1e-6) / max(after.at - before.at, 0.05)
        )  # timestamps are good to a frame
    return Signal("continuity", max(speeds, default=float("nan")), SPEED, "lower", "face_jumps")


def _longest_gap(transcript: Transcript) -> float:
    """Within the steps only: between them the page waits for the server."""
    longest = 0.0
    at = np.array([frame.at for frame in transcript.frames])
    for asked in transcript.asked:
        inside = at[(at >= asked.at) & (at <= asked.until)]
        edges = np.concatenate([[asked.at], inside, [asked.until]])
        longest = max(longest, float(np.diff(edges).max()))
    return longest if transcript.asked else float("nan")
