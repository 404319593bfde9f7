"""Where the face lies in the frame."""

from __future__ import annotations

from math import hypot

import numpy as np
from numpy.typing import NDArray

from ml.align import similarity
from ml.packs import TEMPLATES
from ml.types import Face, Points

TEMPLATE: Points = np.array(TEMPLATES["arcface-112"], np.float32)
SIZE = 112  # px, side of the aligned crop
# The face from brow to chin on the crop, px: centre, half axes
OVAL_CENTRE, OVAL_AXES = (56.0, 70.0), (37.0, 48.0)
EDGE = 2.0  # px of the crop next to the frame's edge that interpolation has mixed with black


def grid(width: int, height: int, step: int) -> NDArray[np.complex128]:
    """Crop positions x + iy, (height / step, width / step)."""
    x, y = np.meshgrid(np.arange(0, width, step), np.arange(0, height, step))
    return (x + 1j * y).astype(np.complex128)


CROP = grid(SIZE, SIZE, 1)
_AROUND = grid(SIZE, SIZE + 16, 4)
OVAL = _AROUND[
    ((_AROUND.real - OVAL_CENTRE[0]) / OVAL_AXES[0]) ** 2 + ((_AROUND.imag - OVAL_CENTRE[1]) / OVAL_AXES[1]) ** 2 <= 1
]


def inside(face: Face, width: int, height: int) -> float:
    """Share of the face that the frame shows, 0..1 (ISO/IEC 29794-5: leftward, rightward, upward, downward crop).

    Detectors clip their boxes at the frame, so the face is drawn from the eyes, nose and mouth.
    """
    return float(_within(OVAL, face, width, height, edge=0.0).mean())


def shown(face: Face, width: int, height: int) -> NDArray[np.bool_]:
    """(112, 112): where the aligned crop shows the photograph, not the black beyond its edge."""
    return _within(CROP, face, width, height, edge=EDGE)


def _within(places: NDArray[np.complex128], face: Face, width: int, height: int, *, edge: float) -> NDArray[np.bool_]:
    fit = similarity(face.landmarks, TEMPLATE)
    if fit.scale == 0:
        return np.zeros(places.shape, bool)
    points, rim = (places - fit.shift) / fit.turn, edge / fit.scale
    return (points.real >= rim) & (points.real < width - rim) & (points.imag >= rim) & (points.imag < height - rim)


def off_centre(face: Face, width: int, height: int) -> float:
    """Distance of the box centre from the frame's centre, as a share of the half diagonal."""
    x, y = face.box.centre
    return hypot(x - width / 2, y - height / 2) / (hypot(width, height) / 2)


def largest_other(faces: tuple[Face, ...]) -> float:
    """Linear size of the largest other face as a share of the subject's; 0 when alone."""
    subject = max(faces[0].box.area, 1.0)
    return max((float((other.box.area / subject) ** 0.5) for other in faces[1:]), default=0.0)
