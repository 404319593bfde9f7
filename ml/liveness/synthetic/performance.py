"""What a willing person does when asked, and how the screen lights them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace

import numpy as np

from ml.liveness.active.draw import POINT_SECONDS, colour_at
from ml.liveness.active.types import Asked, Challenge, Rgb
from ml.liveness.synthetic.render import Pose

TURNS = {"left": (1, 0), "right": (-1, 0), "up": (0, 1), "down": (0, -1)}
SWAYS = np.array([0.31, 0.47, 0.23, 0.9])  # Hz


def rehearsed(challenge: Challenge, rng: np.random.Generator) -> tuple[Asked, ...]:
    """The steps handed out one after the other, each a network's round trip after the last."""
    at, asked = 0.5, []
    for step in challenge.steps:
        asked.append(Asked(step=step, at=at))
        at += step.seconds + float(rng.uniform(0.05, 0.35))
    return tuple(asked)


@dataclass(frozen=True)
class Manner:
    """One person's way: seconds and radians, about what people do."""

    reaction: float = 0.5  # s, choice reaction with reading
    moving: float = 0.7  # s, there
    yaw: float = 0.42  # rad
    pitch: float = 0.28  # rad
    near: float = 1.38
    lag: float = 0.35  # s behind the point
    light_delay: float = 0.14  # s: display and camera
    light: float = 0.2  # of the room's light, for a full channel
    sway: float = 0.015  # rad

    @classmethod
    def of(cls, rng: np.random.Generator) -> Manner:
        def between(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        return cls(
            reaction=between(0.35, 0.75),
            moving=between(0.5, 0.85),
            yaw=between(0.32, 0.52),
            pitch=between(0.2, 0.35),
            near=between(1.3, 1.5),
            lag=between(0.25, 0.5),
            light_delay=between(0.08, 0.25),
            light=between(0.12, 0.3),
            sway=between(0.005, 0.02),
        )


@dataclass(frozen=True)
class Key:
    at: float  # s
    pose: Pose


@dataclass
class Performance:
    """Pose and light over time, for the steps asked so far; `hear` adds one as it is asked."""

    manner: Manner
    seed: int = 0
    keys: list[Key] = field(default_factory=lambda: [Key(0.0, Pose())])
    colours: list[Asked] = field(default_factory=list)

    @classmethod
    def of(cls, asked: Sequence[Asked], manner: Manner, seed: int = 0) -> Performance:
        performance = cls(manner, seed)
        for one in asked:
            performance.hear(one)
        return performance

    def hear(self, asked: Asked) -> None:
        kind, start = asked.step.kind, asked.at + self.manner.reaction
        if kind == "colours":
            self.colours.append(asked)
        elif kind == "follow":
            self._follow(asked)
        elif kind == "closer":
            self._there_and_back(start, Pose(near=self.manner.near))
        elif kind in TURNS:
            sideways, up = TURNS[kind]
            self._there_and_back(start, Pose(yaw=sideways * self.manner.yaw, pitch=up * self.manner.pitch))

    def pose(self, at: float) -> Pose:
        """Minimum-jerk between the keys (Flash and Hogan 1985), with a little sway."""
        before = max((key for key in self.keys if key.at <= at), key=lambda key: key.at, default=self.keys[0])
        after = min((key for key in self.keys if key.at > at), key=lambda key: key.at, default=before)
        share = 0.0 if after is before else (at - before.at) / (after.at - before.at)
        return self._swayed(at, _between(before.pose, after.pose, 10 * share**3 - 15 * share**4 + 6 * share**5))

    def light(self, at: float) -> Rgb:
        """The screen's colour as it falls on the face in the frame of that time."""
        for asked in self.colours:
            since = at - asked.at - self.manner.light_delay
            if 0 <= since <= asked.step.seconds:
                return colour_at(asked.step, since)
        return 0.0, 0.0, 0.0

    def _there_and_back(self, start: float, pose: Pose) -> None:
        there = start + self.manner.moving
        self.keys += [
            Key(start, Pose()),
            Key(there, pose),
            Key(there + 0.35, pose),
            Key(there + 0.35 + self.manner.moving, Pose()),
        ]

    def _follow(self, asked: Asked) -> None:
        pose = Pose()
        for place, (x, y) in enumerate(asked.step.path, start=1):
            start = asked.at + place * POINT_SECONDS + self.manner.lag
            target = Pose(yaw=-x * self.manner.yaw * 0.6, pitch=-y * self.manner.pitch * 0.8)
            self.keys += [Key(start, pose), Key(start + 0.5, target)]
            pose = target
        end = asked.at + (len(asked.step.path) + 1) * POINT_SECONDS + self.manner.lag
        self.keys += [Key(end, pose), Key(end + 0.5, Pose())]

    def _swayed(self, at: float, pose: Pose) -> Pose:
        phase = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, 4)
        a, b, c, d = (float(value) for value in np.sin(2 * np.pi * SWAYS * at + phase))
        sway = self.manner.sway
        return replace(
            pose,
            yaw=pose.yaw + sway * a,
            pitch=pose.pitch + 0.6 * sway * b,
            roll=pose.roll + 0.5 * sway * c,
            x=pose.x + 2 * sway * c,
            y=pose.y + sway * d,
            near=pose.near * (1 + 0.4 * sway * b),
        )


def _between(a: Pose, b: Pose, share: float) -> Pose:
    here, there = astuple(a), astuple(b)
    return Pose(*(x + (y - x) * share for x, y in zip(here, there, strict=True)))
