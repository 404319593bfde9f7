"""What a camera adds: light from the screen, noise, JPEG, and timestamps that jitter."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.liveness.active.types import Rgb
from ml.types import Pixels

Floats = NDArray[np.float32]

GAMMA = 2.2  # about sRGB's
SPILL = 0.08  # of the face's share of screen light that reaches what is 1.2 m behind: (0.4 / 1.4)^2


@dataclass(frozen=True)
class Camera:
    noise: float = 2.0  # levels, standard deviation of each pixel
    quality: int = 82  # JPEG
    rate: float = 10.0  # frames a second
    jitter: float = 0.008  # s


def lit(levels: Floats, colour: Rgb, strength: float, body: Floats) -> Floats:
    """The screen's light added where the body is (0..1), and a little of it behind."""
    if not any(colour):
        return levels
    reach = SPILL + (1 - SPILL) * body[..., None]
    gain = (1 + strength * np.asarray(colour, np.float32) * reach) ** np.float32(1 / GAMMA)
    return levels * gain


def exposed(levels: Floats, camera: Camera, rng: np.random.Generator) -> Pixels:
    noise = rng.standard_normal(levels.shape, dtype=np.float32) * np.float32(camera.noise)
    return np.clip(levels + noise, 0, 255).astype(np.uint8)


def encoded(pixels: Pixels, quality: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encoded_again(data: bytes, quality: int) -> bytes:
    with Pillow.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return encoded(np.asarray(image.convert("RGB")), quality)
