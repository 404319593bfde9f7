"""A scene filmed while a challenge is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ml.liveness.active.observe import Taken
from ml.liveness.active.types import Asked, Beat
from ml.liveness.synthetic.camera import Camera, encoded, exposed, lit
from ml.liveness.synthetic.performance import Performance
from ml.liveness.synthetic.render import View
from ml.liveness.synthetic.scene import Scene
from ml.types import Pixels


@dataclass(frozen=True)
class Film:
    """What a page sends: frames, when the steps were asked, what its clock said."""

    frames: tuple[Taken, ...]
    asked: tuple[Asked, ...]
    beats: tuple[Beat, ...] = ()
    camera: str = "Integrated Camera"
    known_sha256: frozenset[str] = field(default_factory=frozenset)
    known_phash: tuple[int, ...] = ()


def shoot(
    scene: Scene,
    performance: Performance,
    at: float,
    *,
    view: View,
    camera: Camera,
    rng: np.random.Generator,
    everywhere: bool = False,
    dark: bool = False,
) -> Pixels:
    """One picture. everywhere: the tint lies on all of it; dark: no light of the screen at all."""
    levels, body = scene.picture(performance.pose(at), view, at)
    if not dark:
        shown = performance.light(at)
        levels = lit(levels, shown, performance.manner.light, np.ones_like(body) if everywhere else body)
    return exposed(levels, camera, rng)


def film(
    scene: Scene,
    asked: Sequence[Asked],
    performance: Performance,
    *,
    rng: np.random.Generator,
    view: View | None = None,
    camera: Camera | None = None,
    everywhere: bool = False,
    dark: bool = False,
) -> Film:
    camera, view = camera or Camera(), view or View()
    times = [
        float(at + rng.uniform(-camera.jitter, camera.jitter))
        for at in np.arange(0.1, asked[-1].until + 0.4, 1 / camera.rate)
    ]
    frames = tuple(
        Taken(
            at=at,
            data=encoded(
                shoot(scene, performance, at, view=view, camera=camera, rng=rng, everywhere=everywhere, dark=dark),
                camera.quality,
            ),
        )
        for at in times
    )
    return Film(frames=frames, asked=tuple(asked), beats=beats(asked, rng))


def beats(asked: Sequence[Asked], rng: np.random.Generator) -> tuple[Beat, ...]:
    """The requests that fetched the steps, under way for 20 to 150 ms; the server's clock began 3 s earlier."""
    return tuple(Beat(page=one.at, server=one.at + 3.0 + float(rng.uniform(0.02, 0.15))) for one in asked)
