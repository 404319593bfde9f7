"""How the face is lit, from the aligned crop. Levels are 0..255.

Each function takes the face's pixels that the frame really shows: a crop is black where the
photograph ends, and that black is no shadow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.types import Pixels

Luma = NDArray[np.float32]  # (112, 112), levels
Tones = NDArray[np.float32]  # (K,), levels
Shown = NDArray[np.bool_]  # (112, 112), where the crop shows photograph and not the black beyond it

FACE = np.s_[30:106, 22:90]  # px of the 112 crop: brow to chin, cheek to cheek, little hair or background
LEFT, RIGHT = np.s_[30:106, 22:56], np.s_[30:106, 56:90]
DARK, LIGHT = 25.0, 247.0  # levels; the ranges of ISO/IEC 29794-5 for under- and over-exposure


def luminance(crop: Pixels) -> Luma:
    """(H, W, 3) to (H, W): ITU-R BT.709 weights on the encoded values."""
    return crop.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], np.float32)


def under_exposure(tones: Tones) -> float:
    """Share of the face at 25 levels or less."""
    return float((tones <= DARK).mean())


def over_exposure(tones: Tones) -> float:
    """Share of the face at 247 levels or more."""
    return float((tones >= LIGHT).mean())


def dynamic_range(tones: Tones) -> float:
    """Entropy of the face's histogram, bit: 8 uses every level alike, 0 is one flat tone."""
    counts = np.bincount(tones.astype(np.uint8), minlength=256)
    shares = counts[counts > 0] / tones.size
    return float(-(shares * np.log2(shares)).sum())


def contrast(tones: Tones) -> float:
    """Standard deviation of the face, levels."""
    return float(tones.std())


def uniformity(left: Tones, right: Tones) -> float:
    """Overlap of the histograms of both halves of the face, 0..1: low when light comes from one side."""
    counts = (np.histogram(side, bins=32, range=(0, 256))[0] / max(side.size, 1) for side in (left, right))
    return float(np.minimum(*counts).sum())


def colour(pixels: NDArray[np.uint8]) -> float:
    """Saturation of the face, 0..1: (strongest - weakest channel) / strongest, means over (K, 3) pixels."""
    strongest, weakest = pixels.max(axis=1).mean(), pixels.min(axis=1).mean()
    return float((strongest - weakest) / max(strongest, 1.0))
