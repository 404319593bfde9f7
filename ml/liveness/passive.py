"""Passive presentation attack detection (ISO/IEC 30107): each model's score, and when not to ask.

Scores are evidence for a policy to weigh. The networks we know of were not shown to be good
(docs/models), refuse honest people in ways that depend on the camera, and see print and replay only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from ml.liveness.fusion import Fusion, fuse
from ml.packs import Pack
from ml.runtime import Network, prepare
from ml.types import Face, Image, ModelRef, PadScore, Pixels, eye_distance

MIN_EYE_DISTANCE = 20.0  # px decoded; the networks' 80 px crops show a 2.7 times larger square: below, all is blur


@dataclass(frozen=True, slots=True)
class Subject:
    image: Image
    face: Face  # px of `image`


class PadModel:
    """One network that judges a square around the face."""

    def __init__(self, pack: Pack, network: Network) -> None:
        self.ref: ModelRef = pack.ref
        spec, output = pack.manifest.input, pack.manifest.output
        assert spec.height and spec.face_scale and output.live_class is not None  # required of the role by the manifest
        self._size, self._reach, self._live = spec.height, spec.face_scale, output.live_class
        self._spec, self._network = spec, network

    def score(self, subjects: Sequence[Subject]) -> list[PadScore]:
        crops = np.stack([context(one.image.pixels, one.face, self._reach, self._size) for one in subjects])
        logits = self._network(prepare(crops, self._spec))
        assert isinstance(logits, np.ndarray)  # pad networks have one output, see ml.runtime.network
        return [PadScore(self.ref, float(live)) for live in softmax(logits)[:, self._live]]


@dataclass(frozen=True, slots=True)
class Liveness:
    scores: tuple[PadScore, ...] = ()
    live: float | None = None  # fused, 0..1, see ml.liveness.fusion
    refused: str | None = None  # why no model was asked


class PassiveLiveness:
    """All PAD models in use. Without any, nothing is scored and nothing is refused."""

    def __init__(self, models: Sequence[PadModel], rule: Fusion | None = None) -> None:
        self.models = tuple(models)
        self._rule = rule

    def judge(self, subjects: Sequence[Subject]) -> list[Liveness]:
        """One verdict for each subject; the unfit are refused, the others share the networks' batches."""
        if not self.models:
            return [Liveness() for _ in subjects]
        reasons = [unfit(subject) for subject in subjects]
        fit = [subject for subject, reason in zip(subjects, reasons, strict=True) if reason is None]
        judged = iter(zip(*(model.score(fit) for model in self.models), strict=True) if fit else ())
        return [Liveness(refused=reason) if reason else self._verdict(next(judged)) for reason in reasons]

    def _verdict(self, scores: tuple[PadScore, ...]) -> Liveness:
        return Liveness(scores, fuse(scores, self._rule))


def unfit(subject: Subject) -> str | None:
    """Why no PAD model should judge this picture, as a reason code, or None.

    MiniFASNet calls almost every grayscale photograph an attack, and sees nothing in small faces.
    """
    if subject.image.grayscale:
        return "grayscale"
    if eye_distance(subject.face) < MIN_EYE_DISTANCE:
        return "low_resolution"
    return None


def context(image: Pixels, face: Face, reach: float, size: int) -> Pixels:
    """(size, size, 3): the face box grown `reach` times, smaller and shifted where the frame ends, squeezed square.

    As the networks were trained (Silent-Face-Anti-Spoofing, CropImage): the box keeps its shape, the crop does not,
    and nothing is smoothed before sampling. Anti-aliasing costs them 5 of 100 lfw_frames and 1 of 5 live pictures.
    """
    height, width = image.shape[:2]
    box = face.box
    reach = min(reach, (height - 1) / max(box.height, 1.0), (width - 1) / max(box.width, 1.0))
    across, down = box.width * reach, box.height * reach
    left = min(max(box.centre[0] - across / 2, 0.0), width - across)
    top = min(max(box.centre[1] - down / 2, 0.0), height - down)
    matrix = (across / size, 0, left, 0, down / size, top)
    return np.asarray(
        Pil.fromarray(image).transform((size, size), Pil.Transform.AFFINE, matrix, Pil.Resampling.BILINEAR)
    )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, classes), rows sum to one."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
