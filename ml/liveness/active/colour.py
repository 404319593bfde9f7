"""Does the screen's light show on the skin, in the order it was asked for, and only there?

The screen shows colours bound to the session; what faces it reflects them. Light adds, so a flash (r, g, b) moves the
skin's log chroma (log R/G, log B/G) along about (r - g, b - g), whatever the skin's own colour and the camera's
exposure. What stands behind the person gets little of it: light falls with the square of the distance.

A paper photograph reflects as skin does: this signal is not against prints (relief is) but against video that knows
nothing of the screen: recordings, and streams put in place of the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.liveness.active.draw import colour_at
from ml.liveness.active.types import Asked, Frame, Rgb, Signal, Transcript

Floats = NDArray[np.float64]

DELAYS = np.arange(0.05, 0.801, 0.025)  # s from the question to the light in the frame: drawing, display, exposure
ORDER = (
    0.72  # correlation with the asked order; about 2 in 100 other sequences, perfectly lit, reach it (see the tests)
)
SHARE = 0.5  # of the skin's response that the background may show: it stands at 1.5 times the distance or more
WEAKEST = 0.01  # response in log chroma for a full flash: below, noise decides (1 level of 100)
ENOUGH = 20  # frames


@dataclass(frozen=True, slots=True)
class Response:
    correlation: float  # -1..1 at the best delay
    delay: float  # s
    skin: float  # log chroma for a full flash
    background: float  # the same for what is behind; NaN: none seen


def colours(transcript: Transcript) -> tuple[Signal, Signal]:
    """The order of the light, and that it falls on the face only."""
    found = _response(transcript)
    if found is None:
        nothing = float("nan")
        return (
            Signal("colour_order", nothing, ORDER, "higher", "colour_response_absent"),
            Signal("colour_on_face_only", nothing, SHARE, "lower", "colour_response_absent"),
        )
    weak = found.skin < WEAKEST
    detail: dict[str, float | str] = {"delay_s": found.delay, "skin": found.skin, "background": found.background}
    share = found.background / found.skin if found.skin > 0 else float("nan")
    return (
        Signal(
            "colour_order",
            0.0 if weak else found.correlation,
            ORDER,
            "higher",
            "colour_response_absent" if weak else "colour_order_wrong",
            detail=detail,
        ),
        Signal("colour_on_face_only", share, SHARE, "lower", "colour_everywhere", detail=detail),
    )


def _response(transcript: Transcript) -> Response | None:
    for asked in transcript.asked:
        if asked.step.kind == "colours":
            frames = [
                frame for frame in transcript.frames if asked.at <= frame.at <= asked.until and frame.skin is not None
            ]
            return response(asked, frames) if len(frames) >= ENOUGH else None
    return None


def response(asked: Asked, frames: list[Frame]) -> Response:
    """Best over the believed delays. Where no background is seen the skin is taken alone, as if nothing changed."""
    at = np.array([frame.at - asked.at for frame in frames])
    skin = _detrended(at, _chroma([frame.skin for frame in frames]))
    behind = [frame.background for frame in frames]
    seen = all(behind)
    back = _detrended(at, _chroma(behind)) if seen else np.zeros_like(skin)
    best = max((_correlation(skin - back, _expected(asked, at - delay)), float(delay)) for delay in DELAYS)
    want = _expected(asked, at - best[1])
    return Response(
        correlation=best[0],
        delay=best[1],
        skin=_slope(skin, want),
        background=_slope(back, want) if seen else float("nan"),
    )


def _expected(asked: Asked, since: Floats) -> Floats:
    """(N, 2) direction of the light in log chroma, about its mean."""
    shown = np.array([colour_at(asked.step, float(s)) for s in since])
    chroma = np.stack([shown[:, 0] - shown[:, 1], shown[:, 2] - shown[:, 1]], -1)
    return chroma - chroma.mean(0)


def _chroma(colours_seen: list[Rgb | None]) -> Floats:
    values = np.log(np.maximum(np.array(colours_seen, np.float64), 1e-4))
    return np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 1]], -1)


def _detrended(at: Floats, values: Floats) -> Floats:
    """Without mean and slope: white balance and daylight drift."""
    base = np.stack([np.ones_like(at), at - at.mean()], -1)
    return values - base @ np.linalg.lstsq(base, values, rcond=None)[0]


def _correlation(a: Floats, b: Floats) -> float:
    """Mean over the two chroma channels, each on its own scale."""
    norms = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return float(np.mean(np.where(norms > 0, (a * b).sum(0) / np.maximum(norms, 1e-12), 0.0)))


def _slope(values: Floats, want: Floats) -> float:
    return float((values * want).sum() / max((want**2).sum(), 1e-12))
