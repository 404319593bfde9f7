"""Who or what stands before the camera."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from ml.liveness.synthetic.portrait import Portrait
from ml.liveness.synthetic.render import Layer, Pose, View, over, render
from ml.liveness.synthetic.surface import CutOut, Head, Sheet

Floats = NDArray[np.float32]


class Scene(Protocol):
    def picture(self, pose: Pose, view: View, at: float) -> tuple[Floats, Floats]:
        """(H, W, 3) levels, and (H, W) how much of the screen's light each pixel gets."""
        ...


@dataclass(frozen=True)
class Person:
    """A head of the portrait's looks, in the portrait's own surroundings."""

    portrait: Portrait

    def picture(self, pose: Pose, view: View, at: float) -> tuple[Floats, Floats]:
        layer = render(self.portrait, Head(self.portrait.nose), pose, view)
        return layer.colour, layer.body


@dataclass(frozen=True)
class Print:
    """A photograph held before the lens, in front of a room; turns become what hands can do with paper."""

    portrait: Portrait
    room: Portrait  # whose surroundings, blurred, are the room
    sheet: Sheet
    slides: bool = False  # moved about in place of turned
    room_moves: float = 0.0  # eye distances: how far the room sways behind
    behind: Portrait | None = None  # a living face that looks through the holes

    def picture(self, pose: Pose, view: View, at: float) -> tuple[Floats, Floats]:
        held = replace(view, pivot=0.0)
        moved = Pose(x=pose.x + 1.2 * pose.yaw, y=pose.y - 1.2 * pose.pitch, near=pose.near) if self.slides else pose
        layer = render(self.portrait, self.sheet, moved, held)
        levels = over(layer, self._behind(pose, view, at))
        return levels, layer.cover

    def _behind(self, pose: Pose, view: View, at: float) -> Floats:
        if self.behind is None:
            return room(self.room, view, self.room_moves * float(np.sin(1.3 * at)))
        # the attacker's face is a hand's breadth behind the paper and follows it
        far = replace(pose, near=pose.near * 0.85, yaw=pose.yaw * 0.5, pitch=pose.pitch * 0.5)
        layer: Layer = render(self.behind, Head(self.behind.nose), far, view)
        return layer.colour


def room(portrait: Portrait, view: View, shift: float = 0.0) -> Floats:
    """The portrait out of focus: somewhere with edges and colours but no face."""
    image = Pillow.fromarray(portrait.pixels[:, ::-1]).filter(ImageFilter.GaussianBlur(portrait.unit * 0.6))
    wide = image.resize((int(view.width * 1.4), int(view.height * 1.1)))
    left = int(view.width * 0.2 + np.clip(shift * view.eyes, -view.width * 0.19, view.width * 0.19))
    return np.asarray(wide, np.float32)[: view.height, left : left + view.width]


def flat(portrait: Portrait) -> Sheet:
    return Sheet(reach=portrait.reach)


def bent(portrait: Portrait, radius: float) -> Sheet:
    return Sheet(reach=portrait.reach, radius=radius)


def cut_out(portrait: Portrait, *, holes: bool = False) -> CutOut:
    eyes = (portrait.points[:2] - np.asarray(portrait.origin)) / portrait.unit
    places = tuple((float(x), float(y)) for x, y in eyes) if holes else ()
    return CutOut(reach=portrait.reach, eyes=places)
