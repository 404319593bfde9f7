"""Files of every kind a stranger may send, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image as Pil


def encoded(picture: Pil.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def gradient(width: int = 64, height: int = 48) -> Pil.Image:
    """Red grows to the right, green downwards: every turn and mirroring shows."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Pil.fromarray(np.stack([x, y, np.full_like(x, 60)], axis=2).astype(np.uint8))


def with_orientation(orientation: int, kind: str = "JPEG") -> bytes:
    exif = Pil.Exif()
    exif[0x0112] = orientation
    return encoded(gradient(), kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header promises width x height pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 4096)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks)
