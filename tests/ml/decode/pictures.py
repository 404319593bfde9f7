"""Files of every kind a stranger may send, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image as Pil
from PIL import ImageCms, PngImagePlugin


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
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def well_formed() -> dict[str, bytes]:
    """Good files with everything cameras, phones and editors put into them."""
    colour = gradient(200, 150)
    exif = Pil.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 1.5)  # GPS latitude
    exif.get_ifd(0x8769)[0x927C] = b"\0maker note" * 9
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "hello", zip=True)
    text.add_itxt("Title", "Bild", "de", "Titel", zip=True)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><a/></x:xmpmeta>"
    return {
        "JPEG progressive": encoded(colour, "JPEG", progressive=True),
        "JPEG with EXIF, profile, comment": encoded(
            colour, "JPEG", exif=exif, icc_profile=profile, comment=b"hello", xmp=xmp
        ),
        "JPEG gray": encoded(colour.convert("L"), "JPEG"),
        "JPEG CMYK with profile": encoded(colour.convert("CMYK"), "JPEG", icc_profile=profile),
        "JPEG 4:4:4 with restarts": encoded(colour, "JPEG", subsampling=0, restart_marker_rows=1),
        "JPEG with a second picture": encoded(colour, "MPO", save_all=True, append_images=[colour], exif=exif),
        "PNG with EXIF, profile, texts": encoded(
            colour, "PNG", exif=exif, icc_profile=profile, pnginfo=text, dpi=(300, 300)
        ),
        "PNG palette with transparency": encoded(colour.quantize(16), "PNG", transparency=3),
        "PNG gray and alpha": encoded(colour.convert("RGBA").convert("LA"), "PNG"),
        "PNG 16 bit": encoded(Pil.fromarray(np.arange(0, 60_000, 2, dtype=np.uint16).reshape(150, 200)), "PNG"),
        "PNG 1 bit": encoded(colour.convert("1"), "PNG", bits=1),
        "WebP lossy with EXIF, profile": encoded(colour, "WEBP", exif=exif, icc_profile=profile, xmp=xmp),
        "WebP lossless with alpha": encoded(colour.convert("RGBA"), "WEBP", lossless=True),
    }
