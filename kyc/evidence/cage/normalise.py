"""A stranger's file in, a JPEG of nothing but its pixels out. Runs in the helper; Pillow and this file only.

Upright (EXIF orientation applied), 8 bit, one frame, no metadata: no EXIF, GPS, XMP, ICC profile, comment, thumbnail.
Colour profiles are dropped, not applied. Transparent pixels become white.
"""

from __future__ import annotations

import io
import math
import statistics
import struct
import warnings
import zlib
from collections.abc import Callable
from operator import mul

from PIL import Image as Pil
from PIL import ImageChops, ImageFile, ImageStat
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from kyc.evidence.cage.result import Normalised
from kyc.evidence.errors import Animated, ImageRefused, ImageUnreadable, TooDetailed
from kyc.evidence.headers import Header

Pil.MAX_IMAGE_PIXELS = None  # the gate's bound is stricter, and has been applied
ImageFile.LOAD_TRUNCATED_IMAGES = False  # half a face is not evidence

# The decoders themselves: Image.open() would let a plug-in of Pillow's choosing have a look (a JPEG with a
# multi-picture segment becomes "MPO", for one).
DECODERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile, "PNG": PngImageFile, "WEBP": WebPImageFile,
}  # fmt: skip
QUALITIES = (95, 90, 85, 80)  # 95 with 4:4:4 chroma; the next only where that exceeds the stored size (docs/adr/0051)

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
GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L")
COLOURLESS = 2.0  # levels; the noise of JPEG on a gray photograph stays below 1
# Sum of the luminance table of ITU-T T.81 Annex K.1, which libjpeg calls quality 50
ANNEX_K_LUMA = 3_688
SIDE = 32  # px of the picture that the perceptual hash sees
# DCT-II basis, frequencies 1..8; its scale does not matter, only what lies above the median
WAVES = [[math.cos(math.pi * k * (2 * x + 1) / (2 * SIDE)) for x in range(SIDE)] for k in range(1, 9)]
# What Pillow raises on malformed files (its fuzzers' list)
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


def normalise(data: bytes, header: Header, *, stored_bytes: int) -> Normalised:
    """ImageUnreadable, Animated, TooDetailed; MemoryError when the picture needs more than the helper may have."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata; we drop it
            return _normalise(data, header, stored_bytes)
    except ImageRefused:
        raise
    except MALFORMED as e:
        raise ImageUnreadable() from e


def _normalise(data: bytes, header: Header, stored_bytes: int) -> Normalised:
    source = DECODERS[header.format](io.BytesIO(data))
    if source.size != (header.width, header.height):
        raise ImageUnreadable()  # two readers, two sizes: the file lies to one of them
    if getattr(source, "n_frames", 1) != 1:
        raise Animated()
    source.load()  # before anything asks for EXIF: Pillow's PNG reader would load there, where errors are forgiven
    facts, turn = about(source, data, header), TURNS.get(orientation(source))
    flat = flatten(source)
    if turn is not None:
        flat = flat.transpose(turn)
    gray = flat.mode == "L" or is_colourless(flat)
    jpeg, quality = encode(flat, stored_bytes)
    return Normalised(jpeg, flat.width, flat.height, gray, phash(flat), quality, facts)


def orientation(source: Pil.Image) -> int:
    try:
        return int(source.getexif().get(ORIENTATION, 1))
    except MALFORMED:  # broken metadata on a sound picture: take it as it lies
        return 1


def flatten(source: Pil.Image) -> Pil.Image:
    """L or RGB, 8 bit, from any mode that these three formats open in."""
    if source.mode.startswith("I"):  # 16-bit gray; Pillow's own conversion to L would clip at 255
        return source.convert("I").point(lambda v: v * (1 / 257) + 0.5).convert("L")
    if source.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in source.info:
        layer = source.convert("RGBA")
        paper = Pil.new("RGBA", layer.size, "white")
        return Pil.alpha_composite(paper, layer).convert("L" if source.mode in ("LA", "La", "L", "1") else "RGB")
    if source.mode in ("L", "RGB"):
        return source
    return source.convert("L" if source.mode == "1" else "RGB")


def is_colourless(rgb: Pil.Image) -> bool:
    """Mean distance between the strongest and the weakest channel is below the noise of compression."""
    red, green, blue = rgb.resize((128, 128), Pil.Resampling.NEAREST).split()
    strongest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    weakest = ImageChops.darker(ImageChops.darker(red, green), blue)
    return ImageStat.Stat(ImageChops.subtract(strongest, weakest)).mean[0] < COLOURLESS


def encode(flat: Pil.Image, stored_bytes: int) -> tuple[bytes, int]:
    flat.info = {}  # Pillow would write a comment found here into the new file
    for quality in QUALITIES:
        file = io.BytesIO()
        flat.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= stored_bytes:
            return file.getvalue(), quality
    raise TooDetailed()


def phash(flat: Pil.Image) -> int:
    """64 bits: which of the lowest 8 x 8 frequencies of the 32 x 32 gray picture lie above their median.

    The mean (frequency 0 in either direction) is left out: it only says how bright the picture is. Survives scaling,
    recompression and small changes of light; docs/adr/0052 has the distances measured on faces.
    (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1)
    """
    gray = flat.resize((SIDE, SIDE), Pil.Resampling.BOX).convert("L").tobytes()
    rows = [gray[at : at + SIDE] for at in range(0, SIDE * SIDE, SIDE)]
    across = [[sum(map(mul, wave, row)) for wave in WAVES] for row in rows]  # (32 rows, 8 frequencies)
    columns = list(zip(*across, strict=True))
    both = [sum(map(mul, wave, column)) for wave in WAVES for column in columns]  # 64, lowest first
    middle = statistics.median(both)
    return sum(1 << (63 - at) for at, strength in enumerate(both) if strength > middle)


def about(source: Pil.Image, data: bytes, header: Header) -> dict[str, object]:
    """What the file was: nothing that names a person, place, time or device."""
    return {
        "format": header.format,
        "bytes": len(data),
        "mode": source.mode,
        "jpeg_quality": jpeg_quality(source),
        "exif": "exif" in source.info,
        "icc_profile": "icc_profile" in source.info,
        "orientation": orientation(source),
        "trailing_bytes": len(data) - header.end,
    }


def jpeg_quality(source: Pil.Image) -> float | None:
    """libjpeg's 1..100 scale, inverted (jcparam.c, jpeg_quality_scaling); None for other formats. An estimate."""
    tables = getattr(source, "quantization", None)
    if not tables or 0 not in tables:
        return None
    percent = 100 * sum(tables[0]) / ANNEX_K_LUMA
    return round(max(1.0, min(100.0, (200 - percent) / 2 if percent <= 100 else 5_000 / percent)), 1)
