"""Which way the head points, estimated from five landmarks."""

from __future__ import annotations

from math import atan2, degrees

import numpy as np

from ml.packs import TEMPLATES
from ml.types import Points

# px of the 112 template towards the camera, from the plane of the eyes. Its eyes are 35 px apart, a
# grown-up's 63 mm, so these are 29 mm to the nose tip and 4 mm to the mouth corners: rough averages.
DEPTH = (0.0, 0.0, 16.0, 2.0, 2.0)
MODEL = np.column_stack([np.array(TEMPLATES["arcface-112"]), DEPTH])
MODEL -= MODEL.mean(axis=0)
LEAN = 10.0  # deg: median pitch of lfw_frames before this is taken off; people look at cameras, models of them do not
SOLVE = np.linalg.pinv(MODEL)  # (3, 5)


def pose(landmarks: Points) -> tuple[float, float, float]:
    """(5, 2) px to yaw, pitch, roll in degrees; positive: nose to the right, down, head clockwise, as seen.

    An estimate: the average face under weak perspective, solved linearly. Faces differ, so pitch
    is good to about ten degrees only, and beyond 45 degrees of yaw the points themselves drift.
    """
    centred = landmarks.astype(np.float64) - landmarks.mean(axis=0)
    first, second = (SOLVE @ centred).T  # the first two rows of scale * Rz(roll) Ry(yaw) Rx(pitch)
    if not first.any():
        return float("nan"), float("nan"), float("nan")
    roll = atan2(second[0], first[0])
    along = np.cos(roll) * first + np.sin(roll) * second
    across = np.cos(roll) * second - np.sin(roll) * first
    pitch = atan2(across[2], across[1])
    yaw = atan2(along[2] * np.cos(pitch) - along[1] * np.sin(pitch), along[0])
    return degrees(yaw), degrees(pitch) - LEAN, degrees(roll)
