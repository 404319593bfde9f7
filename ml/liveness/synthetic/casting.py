"""Portraits for renders: from files, with the five points a detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml.decode import Bare
from ml.detect import Detector
from ml.liveness.synthetic.portrait import Portrait

CLEAR = 0.8  # detector's confidence: renders of a half-hidden face test nothing


def portrait(path: Path, detector: Detector) -> Portrait | None:
    """None without exactly one clear face: a second one in the surroundings would be in every frame."""
    pixels = Bare().decode(path.read_bytes()).pixels
    faces = detector.detect([pixels])[0].faces
    return Portrait(pixels, faces[0].landmarks) if len(faces) == 1 and faces[0].confidence >= CLEAR else None


def cast(paths: Sequence[Path], detector: Detector) -> dict[str, Portrait]:
    """By file stem, those that can be rendered."""
    found = {path.stem: portrait(path, detector) for path in paths}
    return {name: one for name, one in found.items() if one is not None}
