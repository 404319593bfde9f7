"""One function turns a file into pixels, in the cage and outside it.

Every check runs before the step it protects: magic bytes and size before Pillow opens the
file, pixel and frame counts (header only) before a decoder allocates anything.
Imports Pillow and numpy only, so that a helper process starts fast and carries little.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Literal, cast

import numpy as np
from PIL import Image as Pil
from PIL import ImageFile

from ml.decode import jpeg
from ml.decode.header import admit
from ml.decode.limits import Limits
from ml.errors import EngineError
from ml.types import Image, Pixels

Pil.MAX_IMAGE_PIXELS = None  # ours is stricter, and raises instead of warning
ImageFile.LOAD_TRUNCATED_IMAGES = False  # half a face is not evidence

ORIENTATION = 0x0112  # EXIF 2.32, tag 274
TURNS = {
    2: Pil.Transpose.FLIP_LEFT_RIGHT,
    3: Pil.Transpose.ROTATE_180,
    4: Pil.Transpose.FLIP_TOP_BOTTOM,
    5: Pil.Transpose.TRANSPOSE,
    6: Pil.Transpose.ROTATE_270,
    7: Pil.Transpose.TRANSVERSE,
    8: Pil.Transpose.ROTATE_90,
}
SIDEWAYS = (Pil.Transpose.TRANSPOSE, Pil.Transpose.ROTATE_270, Pil.Transpose.TRANSVERSE, Pil.Transpose.ROTATE_90)
GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")
WHOLE = 2_000_000  # px; 12 MP: 16 ms in strips, 32 whole; 0.3 MP: 0.23 and 0.12
STRIP = 128  # rows; stays within the last-level cache
COLOURLESS = 2.0  # levels; JPEG noise on a gray photograph stays below 1, the palest lfw_frames has 8
# Pillow raises these, and only these, on malformed files (its fuzzers' list)
MALFORMED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    AttributeError,
    RuntimeError,
    struct.error,
    zlib.error,
    Pil.DecompressionBombError,
)


def decode(data: bytes, limits: Limits, *, detail: int | None = None) -> Image:
    """Pixels of one still photograph: upright, RGB, 8 bit, no metadata.

    detail: the longest side the caller needs, px. The image comes back at 1/1, 1/2, 1/4 or 1/8,
    the smallest whose longest side is still at least `detail`; JPEGs skip the work (scaled IDCT).
    Colour profiles are dropped, not applied. Transparent pixels become white.

    Raises EngineError: image_unreadable, image_too_large, unsupported_format, animated_image.
    """
    named = admit(data, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata; we drop it
            return _decode(data, named, limits, detail)
    except MALFORMED as error:
        raise EngineError("image_unreadable", f"The {named} file is damaged or incomplete.") from error


def _decode(data: bytes, named: str, limits: Limits, detail: int | None) -> Image:
    with Pil.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as source:
        _check_header(source, limits)
        width, height = source.size
        divisor = shrink(max(width, height), detail)
        turn = TURNS.get(_orientation(source))
        squeezed = jpeg.quality(source)
        colourless_mode = source.mode in GRAY_MODES
        if divisor > 1 and named == "JPEG":
            source.draft(None, (width // divisor, height // divisor))
        rgb = to_rgb(source)
    if divisor > 1 and rgb.size == (width, height):  # no scaled IDCT in PNG and WebP
        rgb = rgb.reduce(divisor)
    if turn is not None:
        rgb = rgb.transpose(turn)
        width, height = (height, width) if turn in SIDEWAYS else (width, height)
    pixels = to_array(rgb)
    return Image(
        pixels=pixels,
        width=rgb.width,
        height=rgb.height,
        format=cast(Literal["JPEG", "PNG", "WEBP"], named),
        grayscale=colourless_mode or chroma(pixels) < COLOURLESS,
        scale=rgb.width / width,
        source_width=width,
        source_height=height,
        jpeg_quality=squeezed,
    )


def _check_header(source: Pil.Image, limits: Limits) -> None:
    width, height = source.size
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise EngineError(
            "image_too_large",
            f"{width} x {height} pixels are more than "
            f"{limits.pixels // 1_000_000} megapixels or {limits.side} on a side.",
        )
    # MPO is a phone's JPEG with a gain map or depth map behind it: its first picture is the photograph
    if source.format != "MPO" and getattr(source, "n_frames", 1) > 1:
        raise EngineError("animated_image", "Send a still photograph, not an animation.")


def _orientation(source: Pil.Image) -> int:
    if source.format == "PNG":
        source.load()  # Pillow's getexif() would, below, where errors are forgiven: damage would come out black
    try:
        return int(source.getexif().get(ORIENTATION, 1))
    except MALFORMED:  # broken metadata on a sound picture: take it as it lies
        return 1


def shrink(longest: int, detail: int | None) -> int:
    """The largest of 1, 2, 4, 8 that leaves `longest` px at `detail` px or more."""
    if detail is None:
        return 1
    return max(divisor for divisor in (1, 2, 4, 8) if divisor == 1 or longest / divisor >= detail)


def to_rgb(source: Pil.Image) -> Pil.Image:
    """Any mode Pillow opens these formats in, as 8-bit RGB; transparency over white."""
    if source.mode.startswith("I"):  # 16-bit gray; Pillow's own convert() would clip it at 255
        wide = np.asarray(source, dtype=np.uint32)
        return Pil.fromarray((wide // 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if source.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in source.info:
        layer = source.convert("RGBA")
        paper = Pil.new("RGBA", layer.size, "white")
        return Pil.alpha_composite(paper, layer).convert("RGB")
    source.load()
    return source if source.mode == "RGB" else source.convert("RGB")


def to_array(rgb: Pil.Image) -> Pixels:
    """(H, W, 3). Large pictures in strips: of a whole copy the fresh pages cost more than the copying."""
    if rgb.width * rgb.height < WHOLE:
        return np.asarray(rgb)
    pixels = np.empty((rgb.height, rgb.width, 3), np.uint8)
    for top in range(0, rgb.height, STRIP):
        bottom = min(top + STRIP, rgb.height)
        pixels[top:bottom] = np.asarray(rgb.crop((0, top, rgb.width, bottom)))
    return pixels


def chroma(pixels: Pixels) -> float:
    """Mean distance between the strongest and the weakest channel, levels 0..255, on a grid of pixels."""
    step = max(1, min(pixels.shape[:2]) // 128)
    red, green, blue = (pixels[::step, ::step, channel] for channel in range(3))
    strongest, weakest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float(np.mean(strongest - weakest))
