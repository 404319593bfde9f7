"""Did a head do what was asked when it was asked, and is it a head?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.liveness.active import register
from ml.liveness.active.draw import point_at
from ml.liveness.active.types import Asked, Frame, Signal, Transcript

Floats = NDArray[np.float64]

FIT = 0.85  # correlation below which registration found something else than the reference face
SIDEWAYS = 0.08  # eye distances of parallax: 11 degrees of a nose that stands 0.4 before the face
UPDOWN = 0.05  # 7 degrees: necks nod less than they turn
CLOSER = 1.22  # times the size: from 45 cm to 37 cm
REACTION = 0.2  # s: faster than a person answers a sign they did not foresee (simple reaction, 0.18 to 0.25 s)
START = 0.25  # s after the question in which the head must still be where it was
STILL = 0.6  # of the threshold: how far from straight that may be
FOLLOWED = 0.6  # correlation with the point's path
LAGS = np.arange(0.15, 1.21, 0.05)  # s behind the point that a following head may be
REACH = 0.07  # eye distances: parallax at the point's places that counts as following, about 10 degrees

# Relief: the nose's height over the plane, eye distances. Photographs of people turning show 0.35 to 0.6,
# a sheet 0, one bent with a radius of 1.3 eye distances (8 cm) up to 0.1 in `register.shifts`.
RELIEF = 0.2
RELIEF_MOST = 1.2  # beyond any nose: a picture warped in its plane, parallax without tilt
TILTED = 0.12  # tangent of the tilt from which a frame says something about relief

AXES = {"left": (0, 1.0, SIDEWAYS), "right": (0, -1.0, SIDEWAYS), "up": (1, -1.0, UPDOWN), "down": (1, 1.0, UPDOWN)}
WATCHED = ("centre", "left", "right", "up", "down", "follow")  # steps whose frames are registered


@dataclass(frozen=True, slots=True)
class Track:
    """The head over the session. NaN: not registered, or no face."""

    at: Floats  # (N,) s
    parallax: Floats  # (N, 2) eye distances, right and down in the picture, against the straight look
    tilt: Floats  # (N,) tangent
    size: Floats  # (N,) face size over its size in the straight look
    centre: Floats  # (N, 2) frame widths

    def during(self, start: float, end: float) -> NDArray[np.bool_]:
        return (self.at >= start) & (self.at <= end)


def track(transcript: Transcript) -> Track | None:
    """None without a straight look to compare with."""
    frames = transcript.frames
    straight = straight_frames(transcript)
    if not straight:
        return None
    best = max(straight, key=lambda frame: frame.sharpness)
    noses = np.stack([register.aligned(frame.face.landmarks)[register.NOSE] for frame in straight if frame.face])
    chosen = [i for i, frame in enumerate(frames) if frame.patch is not None and _watched(transcript, frame.at)]
    parallax, tilt = np.full((len(frames), 2), np.nan), np.full(len(frames), np.nan)
    if chosen and best.patch is not None:
        nose = np.median(noses, axis=0)
        patches = np.stack([patch for i in chosen if (patch := frames[i].patch) is not None])
        shift = register.shifts(patches, best.patch, (float(nose[0]), float(nose[1])))
        good = shift.fit >= FIT
        parallax[chosen] = np.where(good[:, None], shift.parallax, np.nan)
        tilt[chosen] = np.where(good, shift.tilt, np.nan)
    size = np.array([_size(frame) for frame in frames])
    unit = float(np.median([_size(frame) for frame in straight]))
    return Track(
        at=np.array([frame.at for frame in frames]),
        parallax=parallax,
        tilt=tilt,
        size=size / unit,
        centre=np.array([_centre(frame) for frame in frames]),
    )


def straight_frames(transcript: Transcript) -> list[Frame]:
    """Frames with one face in the first step, in which nothing but looking straight is asked."""
    first = transcript.asked[0] if transcript.asked else None
    if first is None or first.step.kind != "centre":
        return []
    return [
        frame
        for frame in transcript.frames
        if first.at <= frame.at <= first.until and frame.faces == 1 and frame.patch is not None
    ]


def asked_motion(transcript: Transcript, path: Track) -> Signal:
    """The least of the steps' scores: reached motion over the one asked for, 0 where it came too early or wrong."""
    scores: dict[str, float | str] = {}
    reason = "motion_absent"
    for number, asked in enumerate(transcript.asked):
        kind = asked.step.kind
        if kind in AXES or kind == "closer":
            score, why = _answer(asked, path)
            scores[f"{number} {kind}"] = round(score, 3)
            reason = why or reason
    numbers = [value for value in scores.values() if isinstance(value, float)]
    return Signal("asked_motion", min(numbers, default=float("nan")), 1.0, "higher", reason, detail=scores)


def _answer(asked: Asked, path: Track) -> tuple[float, str | None]:
    """How much of the asked motion was reached in time, and the reason when it was another."""
    window = path.during(asked.at, asked.until)
    value, threshold = _value(asked, path)
    known = window & np.isfinite(value)
    if known.sum() < 3:
        return float("nan"), None
    at, smooth = path.at[known] - asked.at, _median3(value[known])
    if np.median(smooth[at <= START] if (at <= START).any() else smooth[:1]) > STILL * threshold:
        return 0.0, "motion_early"
    if asked.step.kind in AXES and -smooth.min() > max(threshold, smooth.max()):
        return 0.0, "motion_wrong"
    late = smooth[at >= REACTION]
    return (float(late.max()) / threshold if len(late) else float("nan")), None


def _value(asked: Asked, path: Track) -> tuple[Floats, float]:
    if asked.step.kind == "closer":
        return np.log(path.size), float(np.log(CLOSER))
    axis, sign, threshold = AXES[asked.step.kind]
    return path.parallax[:, axis] * sign, threshold


def follow(transcript: Transcript, path: Track) -> Signal:
    """Correlation of the head's parallax with the point's path at the lag that fits best."""
    for asked in transcript.asked:
        if asked.step.kind == "follow":
            known = path.during(asked.at, asked.until + 0.3) & np.isfinite(path.parallax[:, 0])
            if known.sum() >= 8:
                at, head = path.at[known] - asked.at, path.parallax[known]
                score, lag = max((_followed(asked, at - lag, head), float(lag)) for lag in LAGS)
                return Signal("follow_point", score, FOLLOWED, "higher", "point_not_followed", detail={"lag_s": lag})
    return Signal("follow_point", float("nan"), FOLLOWED, "higher", "point_not_followed")


def _followed(asked: Asked, since: Floats, head: Floats) -> float:
    """Both axes as one vector about their means; too small a motion counts for less."""
    point = np.array([point_at(asked.step, float(s)) for s in since])
    # the picture is not mirrored: who follows a point to the right of the screen turns left in it
    want = point * np.array([-1.0, 1.0])
    a, b = want - want.mean(0), head - head.mean(0)
    across = float(np.sqrt((a**2).sum() * (b**2).sum()))
    correlation = float((a * b).sum()) / across if across > 0 else 0.0
    moved = float(np.sqrt((b**2).sum(1).mean() / max((a**2).sum(1).mean(), 1e-9)))
    return correlation * min(1.0, moved / REACH)


def relief(path: Track) -> Signal:
    """Height of the nose over the plane of eyes and mouth, eye distances: parallax over the tilt that caused it."""
    known = np.isfinite(path.tilt)
    size = np.hypot(path.parallax[known, 0], path.parallax[known, 1])
    floor = float(np.median(np.sort(path.tilt[known])[: max(1, known.sum() // 5)])) if known.any() else 0.0
    tilt = np.sqrt(np.maximum(path.tilt[known] ** 2 - floor**2, 0))
    said = tilt >= TILTED
    if said.sum() < 4:
        return Signal("relief", float("nan"), RELIEF, "higher", "no_turn_to_judge_depth")
    height = float((size[said] * tilt[said]).sum() / (tilt[said] ** 2).sum())
    detail: dict[str, float | str] = {"frames": float(said.sum()), "tilt_degrees": _degrees(tilt.max())}
    if height > RELIEF_MOST:
        return Signal("relief", RELIEF_MOST - height, RELIEF, "higher", "depth_implausible", detail=detail)
    return Signal("relief", height, RELIEF, "higher", "flat_face", detail=detail)


def _watched(transcript: Transcript, at: float) -> bool:
    return any(asked.at <= at <= asked.until + 0.3 for asked in transcript.asked if asked.step.kind in WATCHED)


def _size(frame: Frame) -> float:
    """Eye-to-mouth frame of the face, frame widths: the similarity's scale, so a turn is hardly a step back."""
    return float("nan") if frame.face is None else register.scale(frame.face.landmarks) / frame.width


def _centre(frame: Frame) -> tuple[float, float]:
    if frame.face is None:
        return float("nan"), float("nan")
    x, y = frame.face.landmarks[[0, 1, 3, 4]].mean(0) / frame.width
    return float(x), float(y)


def _median3(values: Floats) -> Floats:
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _degrees(tangent: float) -> float:
    return float(np.degrees(np.arctan(tangent)))
