"""Which frame goes on to quality and match."""

from __future__ import annotations

import math

import numpy as np

from ml.liveness.active.types import Frame, Transcript


def best_frame(transcript: Transcript) -> int | None:
    """Index of the sharpest, largest, straightest frame of the first step; None when it shows nobody.

    Only frames the judge saw in the straight look: a match on a frame from elsewhere would leave the judged face.
    """
    first = transcript.asked[0] if transcript.asked else None
    scored = [
        (merit(frame), i)
        for i, frame in enumerate(transcript.frames)
        if first and first.at <= frame.at <= first.until and frame.faces == 1 and frame.face is not None
    ]
    return max(scored)[1] if scored else None


def merit(frame: Frame) -> float:
    """Sharpness (in octaves) and size count for, a nose off the middle against."""
    assert frame.face is not None
    points = frame.face.landmarks.astype(float)
    eyes = float(np.hypot(*(points[1] - points[0])))
    middle = points[[0, 1, 3, 4]].mean(0)
    aside = abs(points[2][0] - middle[0]) / max(eyes, 1e-6)
    return math.log2(1 + frame.sharpness) + math.log2(1 + eyes) - 8 * aside
