"""One face, and the same one throughout."""

from __future__ import annotations

import numpy as np

from ml.liveness.active.types import Signal, Transcript

ALONE = 0.95  # share of frames with exactly one face; detectors lose a blurred one now and then
TURNED = 3  # least number of embeddings that make a comparison


def one_face(transcript: Transcript) -> Signal:
    frames = transcript.frames
    share = sum(frame.faces == 1 for frame in frames) / len(frames) if frames else float("nan")
    several = sum(frame.faces > 1 for frame in frames)
    none = sum(frame.faces == 0 for frame in frames)
    return Signal(
        "one_face",
        share,
        ALONE,
        "higher",
        "several_faces" if several > none else "face_lost",
        detail={"several": float(several), "none": float(none)},
    )


def same_face(transcript: Transcript, threshold: float) -> Signal:
    """Second-lowest cosine of any frame's embedding with the middle one (the medoid).

    threshold: cosine from the recogniser's calibration; the lowest is left to one blurred frame.
    """
    vectors = [frame.embedding for frame in transcript.frames if frame.embedding is not None]
    if len(vectors) < TURNED:
        return Signal("same_face", float("nan"), threshold, "higher", "face_changed")
    cosines = np.stack(vectors) @ np.stack(vectors).T
    middle = cosines[int(cosines.sum(1).argmax())]
    return Signal(
        "same_face",
        float(np.sort(middle)[1]),
        threshold,
        "higher",
        "face_changed",
        detail={"embeddings": float(len(vectors))},
    )
