"""Frames that are no new frames: frozen, repeated, encoded anew, or seen in another session."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml.liveness.active.fingerprint import difference, distances
from ml.liveness.active.types import Signal, Transcript

SAME = 0.62  # levels of `fingerprint.difference`: one frame encoded twice
FROZEN = 0.35  # share of frames that are the same as the one before
LOOPED = 0.15  # share that are the same as one more than half a second earlier
APART = 0.5  # s
ALIKE = 3  # bits of 256 in which a frame encoded anew may differ
KNOWN = 0.5  # share alike to frames of other sessions; the same person in the same chair shares a few


def distinct(transcript: Transcript) -> list[Signal]:
    frames = [frame for frame in transcript.frames if frame.thumbnail is not None]
    names = [frame.sha256 for frame in transcript.frames]
    frozen = looped = float("nan")
    if len(frames) >= 2:
        thumbs = np.stack([frame.thumbnail for frame in frames])  # type: ignore[misc]
        frozen = float((difference(thumbs[1:], thumbs[:-1]) <= SAME).mean())
        looped = _looped(thumbs, np.array([frame.at for frame in frames]))
    return [
        Signal("distinct_frames", float(_returning(names)), 0, "lower", "frames_repeated"),
        Signal("frozen_frames", frozen, FROZEN, "lower", "frames_frozen"),
        Signal("looped_frames", looped, LOOPED, "lower", "frames_repeated"),
    ]


def _returning(names: list[str]) -> int:
    """Files that come again after others. No camera writes one file twice, noise differs in every frame; but a slow
    device may hand over its last frame again at once, which counts as frozen and not as returning."""
    runs = [name for before, name in pairwise(["", *names]) if name != before]
    return len(runs) - len(set(runs))


def _looped(thumbs: NDArray[np.float16], at: NDArray[np.float64]) -> float:
    again = 0
    for i in range(1, len(thumbs)):
        earlier = thumbs[:i][at[i] - at[:i] > APART]
        if len(earlier):
            near = earlier[_rough(earlier, thumbs[i])]
            again += bool(len(near) and difference(near, thumbs[i]).min() <= SAME)
    return again / len(thumbs)


def _rough(some: NDArray[np.float16], one: NDArray[np.float16]) -> NDArray[np.bool_]:
    """Which could be the same: every eighth cell, so that most need no sorting."""
    few = np.abs(some.reshape(len(some), -1)[:, ::8] - one.reshape(-1)[::8])
    return few.mean(-1) <= SAME


def unseen(transcript: Transcript) -> Signal:
    """Share of frames known from other sessions: one file is too many, of a look it takes half."""
    frames, known = transcript.frames, transcript.known
    if not frames:
        return Signal("unseen_frames", float("nan"), KNOWN, "lower", "frames_from_another_session")
    files = sum(frame.sha256 in known.sha256 for frame in frames)
    looks = 0.0
    if known.phash:
        apart = distances([frame.phash for frame in frames], known.phash).min(1)
        looks = float((apart <= ALIKE).mean())
    return Signal(
        "unseen_frames",
        1.0 if files else looks,
        KNOWN,
        "lower",
        "frames_from_another_session",
        detail={"files": float(files), "looks": looks},
    )
