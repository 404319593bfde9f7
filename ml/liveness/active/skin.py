"""The colour of skin and of what is behind it, to see the screen's light on the one and not on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.liveness.active.types import Rgb
from ml.types import Face, Pixels

# Middles of cheeks and forehead, in the frame of the eyes: along the eye line from the left eye, down from it.
PATCHES = ((0.02, 0.55), (0.98, 0.55), (0.5, -0.42))
HALF = 0.14  # eye distances: half a patch's side
BORDER = 0.16  # of the frame's width: the strips at both sides
UPPER = 0.75  # of its height: shoulders are below
CLEAR = 1.5  # times the face box: hair and ears are no background
ENOUGH = 200  # px of background that make a mean

# sRGB to linear light (IEC 61966-2-1), for the 256 levels
_LEVELS = np.arange(256) / 255
LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)


def skin(pixels: Pixels, landmarks: NDArray[np.float32]) -> Rgb | None:
    """Mean over cheeks and forehead in linear light, 0..1; None when they are outside the frame."""
    left, right = landmarks[0].astype(float), landmarks[1].astype(float)
    along = right - left
    down = np.array([-along[1], along[0]])
    half = max(1, int(HALF * float(np.hypot(*along))))
    means = [_mean(_around(pixels, left + u * along + v * down, half)) for u, v in PATCHES]
    seen = [mean for mean in means if mean is not None]
    return None if len(seen) < 2 else _rgb(np.mean(seen, 0))


def background(pixels: Pixels, face: Face) -> Rgb | None:
    """Mean of the frame's sides without the head, in linear light, 0..1; None when the head fills them."""
    height, width = pixels.shape[:2]
    strip = int(BORDER * width)
    middle, half = face.box.x + face.box.width / 2, face.box.width * CLEAR / 2
    upper = int(UPPER * height)
    parts = [
        pixels[:upper:2, : max(0, min(strip, int(middle - half))) : 2],
        pixels[:upper:2, min(width, max(width - strip, int(middle + half))) :: 2],
    ]
    flat = np.concatenate([part.reshape(-1, 3) for part in parts])
    return _rgb(LINEAR[flat].mean(0)) if len(flat) >= ENOUGH / 4 else None


def _around(pixels: Pixels, at: NDArray[np.float64], half: int) -> Pixels:
    x, y = int(at[0]), int(at[1])
    return pixels[max(0, y - half) : max(0, y + half), max(0, x - half) : max(0, x + half)]


def _mean(part: Pixels) -> NDArray[np.float32] | None:
    return LINEAR[part.reshape(-1, 3)].mean(0) if part.size >= 3 * 4 else None


def _rgb(values: NDArray[np.float32]) -> Rgb:
    r, g, b = (float(value) for value in values)
    return r, g, b
