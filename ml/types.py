"""What the stages hand to each other: frozen, with units. No behaviour beyond arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB, 0..255
Points = NDArray[np.float32]  # (5, 2), pixels (x, y): left eye, right eye, nose, mouth left, mouth right
Embedding = NDArray[np.float32]  # (D,), unit length


@dataclass(frozen=True, slots=True)
class Image:
    """A decoded photograph, upright (EXIF orientation applied), RGB."""

    pixels: Pixels
    width: int  # px of `pixels`
    height: int  # px of `pixels`
    format: Literal["JPEG", "PNG", "WEBP"]
    grayscale: bool  # the source carries no colour
    scale: float = 1.0  # pixels here / pixels in the source, <= 1 (DCT-scaled decode)
    source_width: int = 0  # px of the upright source; 0: never scaled, same as `width`
    source_height: int = 0  # px
    jpeg_quality: float | None = None  # libjpeg's 1..100, estimated; None for other formats


@dataclass(frozen=True, slots=True)
class Box:
    x: float  # px, left
    y: float  # px, top
    width: float  # px
    height: float  # px

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Face:
    box: Box
    landmarks: Points
    confidence: float  # detector's own, 0..1


def eye_distance(face: Face) -> float:
    """px between the eye centres."""
    return float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))


@dataclass(frozen=True, slots=True)
class Measure:
    """One quality component in the vocabulary of ISO/IEC 29794-5."""

    name: str
    value: float  # in `unit`; NaN when it could not be measured
    unit: str  # "px", "deg", "1" (a ratio), "level" (0..255), ...
    better: Literal["higher", "lower", "near"]  # near: close to zero


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which weights spoke: enough to reproduce and to refuse mixing."""

    role: Literal["detector", "recogniser", "pad", "quality"]
    name: str  # pack name, e.g. "dlib-resnet-v1"
    version: str  # pack version, e.g. "1"
    sha256: str  # of the weights file, hex


@dataclass(frozen=True, slots=True)
class PadScore:
    """Presentation attack detection; evidence, never the whole."""

    model: ModelRef
    live: float  # 0..1, higher is more likely bona fide


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything the engine learned from one image.

    `face` is None when no face was found; then `quality`, `crop` and `embedding` are empty.
    """

    width: int  # px of the upright source image
    height: int  # px
    faces: tuple[Face, ...]  # all detected, source pixels, best subject first
    face: Face | None  # the subject: see ml.detect.subject for the rule
    crop: Pixels | None  # (112, 112, 3) aligned, for evidence
    quality: tuple[Measure, ...]
    embedding: Embedding | None
    pad: tuple[PadScore, ...]  # empty: no PAD pack present
    pad_refused: str | None  # reason code when PAD packs exist but the image is unfit for them
    models: tuple[ModelRef, ...]
    milliseconds: dict[str, float] = field(default_factory=dict)  # stage -> ms
    live: float | None = None  # 0..1, `pad` fused (ml.liveness.fusion); None when nothing was scored
    turned: int = 0  # degrees counter-clockwise the photo was turned before a face showed: 0, 90, 180, 270


Want = Literal["detect", "quality", "liveness", "embed"]
