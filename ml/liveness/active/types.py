"""What a liveness session is made of: the challenge, what was seen of it, and what that means."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.types import Embedding, Face

Turn = Literal["left", "right", "up", "down"]  # of the subject's own head: "left" is their left
Kind = Literal["centre", "left", "right", "up", "down", "closer", "follow", "colours"]
Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing asked of the person. Steps are handed out one at a time."""

    kind: Kind
    seconds: float  # from the moment it is handed out
    colours: tuple[str, ...] = ()  # names in `draw.SCREEN`, shown in this order
    path: tuple[tuple[float, float], ...] = ()  # follow: places of the point, -1..1 right and down on the screen


@dataclass(frozen=True, slots=True)
class Challenge:
    version: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A step and when the server handed it out, on the frames' clock."""

    step: Step
    at: float  # s since the session's start

    @property
    def until(self) -> float:
        return self.at + self.step.seconds


@dataclass(frozen=True, slots=True)
class Frame:
    """What one frame of the session shows. The picture itself is not kept here."""

    at: float  # s since the session's start, the page's clock
    width: int  # px
    height: int  # px
    faces: int  # all that were detected
    face: Face | None  # the subject, px of this frame
    embedding: Embedding | None  # only of some frames: every half second is enough
    patch: NDArray[np.uint8] | None  # (72, 72) gray, the face brought level: see register.patch
    skin: Rgb | None  # mean of cheeks and forehead, linear light 0..1
    background: Rgb | None  # mean beside the head, linear light 0..1
    sharpness: float  # variance of the Laplacian over the face, levels^2
    thumbnail: NDArray[np.float16] | None  # (30, 40) levels, see fingerprint.thumbnail
    phash: int  # 256 bits, see fingerprint.difference_hash
    sha256: str  # of the bytes as they came, hex


@dataclass(frozen=True, slots=True)
class Beat:
    """One request of the page: what its clock said and when the server got it."""

    page: float  # s since the session's start, the page's clock
    server: float  # s since the session was made, the server's clock


@dataclass(frozen=True, slots=True)
class Known:
    """Fingerprints of frames that came in other sessions."""

    sha256: frozenset[str] = frozenset()
    phash: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """Everything the judge may look at."""

    challenge: Challenge
    frames: tuple[Frame, ...]
    asked: tuple[Asked, ...]
    beats: tuple[Beat, ...] = ()
    camera: str = ""  # label the page declared; not to be trusted
    known: Known = field(default_factory=Known)


Result = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One named check. `score` NaN: it could not be measured, which is never a pass."""

    name: str
    score: float
    threshold: float
    better: Literal["higher", "lower"]
    reason: str  # code for when it does not pass
    decisive: bool = True  # False: raises a doubt (inconclusive) instead of a refusal
    detail: dict[str, float | str] = field(default_factory=dict)

    @property
    def result(self) -> Result:
        if math.isnan(self.score):
            return "inconclusive"
        passed = self.score >= self.threshold if self.better == "higher" else self.score <= self.threshold
        if passed:
            return "pass"
        return "fail" if self.decisive else "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    result: Result
    signals: tuple[Signal, ...]
    best: int | None  # index of the frame for quality and match; None when refused

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(signal.reason for signal in self.signals if signal.result != "pass")
