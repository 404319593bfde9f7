"""Detectors: found or not, how far off, how long; on photographs and on harder versions of them.

There is no hand-made truth for most sets. The reference is then the median of the landmarks that
all detectors under test found on the untouched photographs, near the middle where face sets have
their subject; a photograph on which they disagree is left out and counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ml.detect import Detection
from ml.evaluate.errors import EvaluationError
from ml.evaluate.harder import CASES, Case
from ml.evaluate.intervals import Interval, clopper_pearson
from ml.types import Face, Pixels, Points

NEAR = 0.25  # mean landmark distance over the distance of the eyes, below which it is the same face
AGREE = 0.15  # the same, for the reference: tighter, detectors differ by 0.03 to 0.08 on easy faces
Progress = Callable[[int, int], None]


class Detects(Protocol):
    def detect(self, images: Sequence[Pixels]) -> list[Detection]: ...


@dataclass(frozen=True)
class Truth:
    images: tuple[Pixels, ...]
    points: tuple[Points, ...]
    left_out: int  # photographs without an agreed reference
    source: str


@dataclass(frozen=True)
class Outcome:
    """One detector on one case."""

    detector: str
    case: str
    photographs: int
    found: int  # the subject is among the faces
    recall_interval: Interval
    first: int  # the subject is the first face, the one the engine takes
    extra: float  # further faces per photograph
    error: float  # median landmark error of those found, share of the eye distance
    error_high: float  # 95th percentile
    milliseconds: float  # median per photograph, one at a time

    @property
    def recall(self) -> float:
        return self.found / self.photographs


def agreed(images: Sequence[Pixels], detectors: Mapping[str, Detects]) -> Truth:
    """Landmarks on which all detectors agree. Raises EvaluationError when they never do."""
    kept, points = [], []
    for image in images:
        found = [_middlemost(d.detect([image])[0].faces, image) for d in detectors.values()]
        if any(face is None for face in found):
            continue
        stack = np.stack([face.landmarks for face in found if face is not None])  # (detectors, 5, 2)
        middle = np.median(stack, axis=0).astype(np.float32)
        if max(error(one, middle) for one in stack) <= AGREE:
            kept.append(image)
            points.append(middle)
    if not kept:
        raise EvaluationError("the detectors agree on no photograph: give --truth, or other photographs")
    return Truth(
        tuple(kept), tuple(points), left_out=len(images) - len(kept), source="median of " + ", ".join(detectors)
    )


def judge(
    truth: Truth,
    detectors: Mapping[str, Detects],
    *,
    seed: int,
    cases: Sequence[Case] = CASES,
    progress: Progress | None = None,
) -> list[Outcome]:
    outcomes = []
    for case in cases:
        rng = np.random.default_rng(seed)
        made = [case.make(image, points, rng) for image, points in zip(truth.images, truth.points, strict=True)]
        for name, detector in detectors.items():
            outcomes.append(_outcome(name, case.name, detector, made))
            if progress:
                progress(len(outcomes), len(cases) * len(detectors))
    return outcomes


def error(found: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Mean distance of the five points over the true distance of the eyes (NME, inter-ocular)."""
    eyes = float(np.linalg.norm(truth[1] - truth[0]))
    return float(np.linalg.norm(found - truth, axis=1).mean()) / max(eyes, 1e-6)


def _outcome(name: str, case: str, detector: Detects, made: Sequence[tuple[Pixels, Points]]) -> Outcome:
    errors, firsts, extra, spent = [], 0, 0, []
    detector.detect([made[0][0]])  # the first call of a shape prepares buffers
    for image, points in made:
        began = time.perf_counter()
        faces = detector.detect([image])[0].faces
        spent.append(time.perf_counter() - began)
        distances = [error(upright(face.landmarks, points), points) for face in faces]
        near = [d for d in distances if d <= NEAR]
        extra += len(faces) - bool(near)
        if near:
            errors.append(min(near))
            firsts += distances[0] <= NEAR
    return Outcome(
        detector=name,
        case=case,
        photographs=len(made),
        found=len(errors),
        recall_interval=clopper_pearson(len(errors), len(made)),
        first=firsts,
        extra=extra / len(made),
        error=float(np.median(errors)) if errors else float("nan"),
        error_high=float(np.quantile(errors, 0.95)) if errors else float("nan"),
        milliseconds=float(np.median(spent)) * 1000,
    )


def upright(found: Points, truth: Points) -> Points:
    """The found points in the truth's naming: a detector may call the other eye of an upside-down face left."""
    swapped = found[[1, 0, 2, 4, 3]]
    return found if np.linalg.norm(found - truth) <= np.linalg.norm(swapped - truth) else swapped


def _middlemost(faces: Sequence[Face], image: Pixels) -> Face | None:
    centre = np.array([image.shape[1] / 2, image.shape[0] / 2])
    return min(faces, key=lambda face: float(np.linalg.norm(np.array(face.box.centre) - centre)), default=None)
