"""The photographs that are measured on: public-domain portraits, at the sizes that applicants send."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from ml.errors import EngineError

PORTRAITS = Path(__file__).resolve().parents[2] / "tests" / "photos"
VGA = (480, 640)  # px, a webcam held upright; MTCNN's and YuNet's usual benchmark size
PHONE = (3000, 4000)  # px, 12 megapixels
ONE_FACE = ("biden.jpg", "collins.jpg", "obama.jpg", "obama2.jpg")
QUALITY = 90  # JPEG, as phones write


@dataclass(frozen=True)
class Material:
    vga: list[bytes]  # JPEG, one face each
    phone: list[bytes]  # JPEG, 12 megapixels


def load(photos: Path | None = None) -> Material:
    """`photos`: other portraits, one face each. Raises EngineError when there are none."""
    paths = sorted(photos.glob("*.jp*g")) if photos else [PORTRAITS / name for name in ONE_FACE]
    found = [path.read_bytes() for path in paths if path.exists()]
    if not found:
        raise EngineError("bench_material", "no portraits here: give --photos FOLDER with JPEG portraits")
    return Material(vga=[resized(data, VGA) for data in found], phone=[resized(data, PHONE) for data in found[:2]])


def resized(data: bytes, size: tuple[int, int]) -> bytes:
    """Scaled to cover `size` and cut to it around the middle, as JPEG; a little noise, as sensors add, keeps enlarged
    photographs from compressing (and so decoding) better than real ones."""
    picture = Pil.open(io.BytesIO(data)).convert("RGB")
    factor = max(size[0] / picture.width, size[1] / picture.height)
    scaled = picture.resize((round(picture.width * factor), round(picture.height * factor)), Pil.Resampling.BICUBIC)
    left, top = (scaled.width - size[0]) // 2, (scaled.height - size[1]) // 2
    pixels = np.asarray(scaled.crop((left, top, left + size[0], top + size[1])), np.int16)
    noise = np.random.default_rng(0).integers(-4, 5, pixels.shape, np.int16)
    out = io.BytesIO()
    Pil.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def cycle(items: list[bytes], count: int) -> list[bytes]:
    return [items[i % len(items)] for i in range(count)]
