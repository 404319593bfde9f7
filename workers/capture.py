"""Between a capture session's rows and the judge: kyc's chunks and times into ml's transcript, the verdict back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kyc.capture.limits import SHOWN_LATE
from kyc.capture.models import Attempt
from kyc.capture.packing import Frame as Packed
from kyc.capture.results import Judgement
from ml.liveness.active import clockwork
from ml.liveness.active.observe import Taken
from ml.liveness.active.types import Asked, Beat, Challenge, Frame, Known, Signal, Step, Transcript, Verdict


def taken(frames: Sequence[Packed]) -> list[Taken]:
    return [Taken(at=frame.at, data=frame.data) for frame in frames]


def transcript(
    attempt: Attempt, frames: Sequence[Frame], known: Known, *, trusted_cameras: Sequence[str]
) -> Transcript:
    """Times on the page's clock. A step counts from when the page says it showed it, if that can be true."""
    beats = tuple(Beat(page=float(page), server=float(server)) for page, server in attempt.beats)
    steps = tuple(_step(one) for one in attempt.steps)
    offset = clockwork.offset(beats)
    said = [*attempt.shown, *[None] * len(attempt.asked)]
    asked = tuple(
        Asked(step=step, at=_shown(at - offset, shown))
        for step, at, shown in zip(steps, attempt.asked, said, strict=False)
    )
    camera = "" if attempt.camera in trusted_cameras else attempt.camera
    return Transcript(
        challenge=Challenge(version=1, steps=steps),
        frames=tuple(sorted(frames, key=lambda f: f.at)),
        asked=asked,
        beats=beats,
        camera=camera,
        known=known,
    )


def marks(frames: Sequence[Frame]) -> list[tuple[bytes, bytes]]:
    """(sha256, perceptual hash) of each frame."""
    return [(bytes.fromhex(frame.sha256), frame.phash.to_bytes(32, "big")) for frame in frames]


def judgement(verdict: Verdict, frames: Sequence[Frame]) -> Judgement:
    return Judgement(
        result=verdict.result,
        reasons=tuple(dict.fromkeys(verdict.reasons)),
        signals=[_told(signal) for signal in verdict.signals],
        marks=marks(frames),
    )


def _step(one: dict) -> Step:
    return Step(
        kind=one["kind"],
        seconds=float(one["seconds"]),
        colours=tuple(one["colours"]),
        path=tuple((float(x), float(y)) for x, y in one["path"]),
    )


def _shown(asked: float, shown: float | None) -> float:
    return asked if shown is None else min(max(shown, asked), asked + SHOWN_LATE)


def _told(signal: Signal) -> dict:
    """JSON has no NaN: what was not measured is null."""
    return {
        "name": signal.name,
        "result": signal.result,
        "score": _number(signal.score),
        "threshold": signal.threshold,
        "better": signal.better,
        "reason": signal.reason if signal.result != "pass" else "",
        "detail": {k: _number(v) if isinstance(v, float) else v for k, v in signal.detail.items()},
    }


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
