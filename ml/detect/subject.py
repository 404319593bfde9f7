"""Which of several faces the picture is about."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, hypot

from ml.types import Box, Face

# Share of the half diagonal at which a face counts exp(-1) = 0.37 of a centred one of the same size.
# The 18 bystanders of lfw_frames sit at 0.39 to 0.71; at 0.5 one has to be twice the subject's size to win.
REACH = 0.6


def order(faces: Iterable[Face], width: int, height: int) -> tuple[Face, ...]:
    """Faces by how likely each is the subject, likeliest first.

    The rule: linear size (root of the box area, px) times exp(-(d / REACH)^2), d being the distance
    of the box centre from the frame's centre as a share of the half diagonal. So the largest face
    wins unless it stands aside; among equals, the one nearest the centre; confidence plays no part.
    """
    return tuple(sorted(faces, key=lambda face: prominence(face.box, width, height), reverse=True))


def prominence(box: Box, width: int, height: int) -> float:
    x, y = box.centre
    aside = hypot(x - width / 2, y - height / 2) / (hypot(width, height) / 2)
    return box.area**0.5 * exp(-((aside / REACH) ** 2))
