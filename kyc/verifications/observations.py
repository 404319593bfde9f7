"""What a worker saw, in our own words: plain values, so that kyc needs no torch to judge them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pad:
    model_sha256: str
    live: float  # 0..1


@dataclass(frozen=True, slots=True)
class Portrait:
    """One image as the engine saw it. `problem` is the engine's code when it could not."""

    problem: str = ""
    faces: int = 0
    box: tuple[float, float, float, float] | None = None  # x, y, width, height; px of the stored image
    landmarks: tuple[tuple[float, float], ...] = ()  # five (x, y), px
    confidence: float = 0.0
    quality: dict[str, tuple[float, str]] = field(default_factory=dict)  # measure -> (value, unit)
    embedding: tuple[float, ...] | None = None  # unit length
    pad: tuple[Pad, ...] = ()
    pad_fused: float | None = None  # 0..1 by the packs' calibrated rule
    pad_refused: str = ""  # why the PAD models were not asked
    detector_sha256: str = ""
    recogniser_sha256: str = ""
    width: int = 0  # px
    height: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
