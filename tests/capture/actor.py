"""Somebody before the camera: reads what the page shows, as a person reads a screen, and is filmed doing it.

The camera is a file of one frame that Chromium reads over and over (ml.liveness.synthetic.y4m.LiveY4m). The actor
knows nothing that a person could not see: the step's sign, where the point is, which colour the screen has. It films
in a process of its own, since a busy test process would turn it into a slide show.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from ml.liveness.active.types import Rgb
from ml.liveness.synthetic.camera import SPILL
from ml.liveness.synthetic.performance import TURNS, Key, Manner, Performance
from ml.liveness.synthetic.render import Pose, View
from ml.liveness.synthetic.scene import Scene
from ml.liveness.synthetic.y4m import LiveY4m

READ = "() => { const d = document.documentElement.dataset; return [d.step, d.stepNumber, d.point, d.lamp, d.screen]; }"
VIEW = View(width=480, height=360, eyes=62.0)
RATE = 30  # of the file's header: how often Chromium looks
SHOTS = 15  # pictures a second
GRAIN = 0.03  # rad, and parts of the size: poses are rendered once for each grain
SHAKE = 1.5  # px: the hand that holds the phone; no two frames are the same
MANNER = Manner(reaction=0.3, moving=0.6, light_delay=0.0, lag=0.15, sway=0.0)


class Actor:
    """Films a scene until closed."""

    def __init__(self, scene: Scene, path: Path, manner: Manner = MANNER) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=_film, args=(scene, path, manner, there), daemon=True)
        self._process.start()
        assert self._here.recv() == "ready"

    def see(self, shown: list[str | None]) -> None:
        """What the page shows at this moment."""
        self._here.send([one or "" for one in shown])

    def close(self) -> None:
        self._here.send(None)
        self._process.join(10)


class Body:
    """Turns what is seen into motion, after the time a person needs."""

    def __init__(self, manner: Manner) -> None:
        self.manner, self.performance = manner, Performance(manner)
        self.light: Rgb = (0.0, 0.0, 0.0)
        self._step = self._point = ""
        self._looking = Pose()

    def see(self, shown: list[str], now: float) -> None:
        step, number, point, lamp, _ = shown
        sign = f"{number} {step}" if step else ""
        if sign and sign != self._step:
            self._step = sign
            self._do(step, now + self.manner.reaction)
        if point != self._point:
            self._point = point
            self._look_at(*(map(float, point.split())) if point else (0.0, 0.0), now + self.manner.lag)
        self.light = _colour(lamp)

    def _do(self, step: str, start: float) -> None:
        if step in TURNS:
            sideways, up = TURNS[step]
            self._move(start, Pose(yaw=sideways * self.manner.yaw, pitch=up * self.manner.pitch))
        elif step == "closer":
            self._move(start, Pose(near=self.manner.near))

    def _move(self, start: float, pose: Pose) -> None:
        there, back = start + self.manner.moving, start + self.manner.moving + 0.35
        self.performance.keys += [Key(start, Pose()), Key(there, pose), Key(back, pose),
                                  Key(back + self.manner.moving, Pose())]  # fmt: skip

    def _look_at(self, x: float, y: float, start: float) -> None:
        target = Pose(yaw=-x * self.manner.yaw * 0.6, pitch=-y * self.manner.pitch * 0.8)
        # by the middle: poses about one axis are rendered beforehand
        self.performance.keys += [Key(start, self._looking), Key(start + 0.25, Pose()), Key(start + 0.5, target)]
        self._looking = target


class Studio:
    """Pictures of a scene, fast: each pose rendered once, then shaken, lit and made noisy."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._rng = np.random.default_rng(1)
        self._shape = (VIEW.height, VIEW.width, 3)
        self._noise = self._rng.normal(0, 2, (8, *self._shape)).astype(np.float32)
        self._made: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}

    def warm(self, manner: Manner) -> None:
        """The poses that will be asked for, before anybody waits for them."""
        for name, most, least in (("yaw", manner.yaw, -manner.yaw), ("pitch", manner.pitch, -manner.pitch),
                                  ("near", manner.near - 1, 0.0)):  # fmt: skip
            for grain in range(round(least / GRAIN), round(most / GRAIN) + 1):
                self._pose(Pose(**{name: grain * GRAIN + (name == "near")}))

    def picture(self, pose: Pose, light: Rgb, at: float) -> np.ndarray:
        levels, body = self._pose(pose)
        reach = (SPILL + (1 - SPILL) * body)[..., None]
        gain = (1 + 0.22 * reach * np.asarray(light, np.float32)) ** np.float32(1 / 2.2) if any(light) else 1.0
        shaken = _shifted(levels, SHAKE * np.sin(2.3 * at) + 0.4 * np.sin(9 * at), SHAKE * np.sin(1.7 * at + 1))
        noisy = shaken * gain + self._noise[self._rng.integers(8)]
        return np.clip(noisy, 0, 255).astype(np.uint8)

    def _pose(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        grain = tuple(round(value / GRAIN) for value in (pose.yaw, pose.pitch, pose.near - 1))
        if grain not in self._made:
            yaw, pitch, nearer = (value * GRAIN for value in grain)
            levels, body = self.scene.picture(Pose(yaw=yaw, pitch=pitch, near=1 + nearer), VIEW, 0.0)
            self._made[grain] = levels.astype(np.float32), body.astype(np.float32)
        return self._made[grain]


def _film(scene: Scene, path: Path, manner: Manner, there: Connection) -> None:
    file, body, studio = LiveY4m(path, VIEW.width, VIEW.height, RATE), Body(manner), Studio(scene)
    studio.warm(manner)
    file.show(studio.picture(Pose(), (0, 0, 0), 0.0))
    there.send("ready")
    began = time.monotonic()
    while True:
        now = time.monotonic() - began
        while there.poll():
            shown = there.recv()
            if shown is None:
                file.close()
                return
            body.see(shown, now)
        file.show(studio.picture(body.performance.pose(now), body.light, now))
        time.sleep(max(0.0, 1 / SHOTS - (time.monotonic() - began - now)))


def _shifted(levels: np.ndarray, x: float, y: float) -> np.ndarray:
    """Moved by parts of a pixel, bilinear; what leaves one side enters at the other."""
    for axis, by in ((1, float(x)), (0, float(y))):
        whole = int(np.floor(by))
        part = np.float32(by - whole)
        levels = np.roll(levels, whole, axis) * (1 - part) + np.roll(levels, whole + 1, axis) * part
    return levels


def _colour(lamp: str) -> Rgb:
    """ "rgb(255 0 0)" as parts of full light."""
    if not lamp.startswith("rgb("):
        return 0.0, 0.0, 0.0
    r, g, b = (float(part) / 255 for part in lamp[4:-1].split())
    return r, g, b


def play(page, actor: Actor | None, until: Callable[[str], bool], *, seconds: float = 90.0) -> str:
    """Let the page run, the actor watching it, until its screen is one that `until` accepts; the screen's name."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        shown = page.evaluate(READ)
        if actor:
            actor.see(shown)
        if until(shown[4] or ""):
            return shown[4]
        page.wait_for_timeout(40)
    raise AssertionError(f"the page still shows {page.evaluate(READ)}: {page.inner_text('main')}")
