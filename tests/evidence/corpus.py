"""Every kind of upload a stranger may send, made here from nothing. Reused by the HTTP tests.

`BAD`: name -> (bytes, the code it must be refused with). `ODD`: name -> bytes that must be accepted and normalised.
Nothing here is a photograph of anyone.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import cache

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 160, 120
LARGE = 40_000_000  # bytes, the "40 MB upload"


def picture(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Unmistakably upright: red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill="red")
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill="lime")
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill="blue")
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg(**options: object) -> bytes:
    return encoded(picture(), "JPEG", **{"quality": 95, "subsampling": 0, **options})


def png() -> bytes:
    return encoded(picture(), "PNG")


def webp() -> bytes:
    return encoded(picture(), "WEBP", quality=95)


def oriented(orientation: int, kind: str = "JPEG") -> bytes:
    """Stored turned, so that honouring EXIF `orientation` shows `picture()` upright."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = picture() if undo is None else picture().transpose(undo)
    return encoded(image, kind, exif=exif(orientation), **({"quality": 95} if kind != "PNG" else {}))


def exif(orientation: int = 1) -> Image.Exif:
    """With a name, a camera and a place, which must not survive."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Secretcam"
    tags[0x013B] = "Ada Lovelace"
    tags.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    return tags


def animated(kind: str) -> bytes:
    other = Image.new("RGB", (WIDTH, HEIGHT), "black")
    return encoded(picture(), kind, save_all=True, append_images=[other], duration=100)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_bomb(side: int = 20_000) -> bytes:
    """side x side pixels in a few kB: one bit each, all alike."""
    squeeze = zlib.compressobj(9)
    row = b"\0" * (1 + side // 8)
    pixels = b"".join(squeeze.compress(row * 100) for _ in range(side // 100)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def png_16_bit() -> bytes:
    """A gray ramp, 16 bits per sample: its darkest sixteenth is 0..4095, where a clip at 255 would show."""
    ramp = Image.new("I;16", (256, 64))
    ramp.putdata([x * 257 for _ in range(64) for x in range(256)])
    return encoded(ramp, "PNG")


def png_16_bit_rgb() -> bytes:
    rows = b"".join(b"\0" + b"".join(struct.pack(">HHH", x * 257, 0x8080, 0) for x in range(256)) for _ in range(64))
    header = struct.pack(">IIBBBBB", 256, 64, 16, 2, 0, 0, 0)
    idat = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + idat + png_chunk(b"IEND", b"")


def zip_file() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("payload.txt", "not a photograph")
    return file.getvalue()


def translucent() -> Image.Image:
    image = picture().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def palette_with_alpha() -> bytes:
    image = picture().quantize(16)
    return encoded(image, "PNG", transparency=0)


def jpeg_with_scans(count: int) -> bytes:
    """The last scan of a small progressive JPEG, again and again: each costs a decoder a pass."""
    whole = jpeg(progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * count + whole[-2:]


def svg() -> bytes:
    return b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def heic() -> bytes:
    return struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0" + b"mif1heic" + b"\0" * 200


def avif() -> bytes:
    return struct.pack(">I", 24) + b"ftypavif" + b"\0\0\0\0" + b"mif1avif" + b"\0" * 200


def motion_photo() -> bytes:
    """As phones write it: a video behind the JPEG."""
    return jpeg() + struct.pack(">I", 24) + b"ftypmp42" + b"\0\0\0\0" + b"isommp42" + b"\0" * 5000


def gain_map() -> bytes:
    """As phones write it: a second, smaller JPEG behind the first."""
    return jpeg() + encoded(picture(80, 60))


@cache
def bad() -> dict[str, tuple[bytes, str]]:
    return {
        "empty": (b"", "not_an_image"),
        "text": (b"this is not an image at all" * 100, "not_an_image"),
        "html": (b"<!doctype html><html><body>hello</body></html>", "not_an_image"),
        "a program": (b"\x7fELF" + b"\0" * 1000, "not_an_image"),
        "an mp4": (struct.pack(">I", 24) + b"ftypisom" + b"\0" * 100, "not_an_image"),
        "truncated JPEG": (jpeg()[: len(jpeg()) // 2], "truncated"),
        "truncated PNG": (png()[: len(png()) // 2], "truncated"),
        "truncated WebP": (webp()[: len(webp()) // 2], "truncated"),
        "JPEG's first three bytes": (b"\xff\xd8\xff", "truncated"),
        "PNG's signature": (b"\x89PNG\r\n\x1a\n", "truncated"),
        "animated WebP": (animated("WEBP"), "animated"),
        "animated PNG": (animated("PNG"), "animated"),
        "animated GIF": (animated("GIF"), "unsupported_format"),
        "GIF": (encoded(picture(), "GIF"), "unsupported_format"),
        "TIFF": (encoded(picture(), "TIFF"), "unsupported_format"),
        "BMP": (encoded(picture(), "BMP"), "unsupported_format"),
        "SVG": (svg(), "unsupported_format"),
        "HEIC": (heic(), "unsupported_format"),
        "AVIF": (avif(), "unsupported_format"),
        "PDF": (b"%PDF-1.7\n" + b"0" * 100, "unsupported_format"),
        "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100, "unsupported_format"),
        "20,000 x 20,000 PNG": (png_bomb(), "too_many_pixels"),
        "1 x 1": (encoded(Image.new("RGB", (1, 1)), "PNG"), "image_too_small"),
        "a line": (encoded(Image.new("RGB", (2000, 1)), "PNG"), "image_too_small"),
        "JPEG + ZIP": (jpeg() + zip_file(), "polyglot"),
        "PNG + ZIP": (png() + zip_file(), "polyglot"),
        "WebP + ZIP": (webp() + zip_file(), "polyglot"),
        "JPEG + HTML": (jpeg() + b"\n<HTML><script>alert(1)</script></HTML>", "polyglot"),
        "JPEG + program": (jpeg() + b"MZ\x90\0" + b"\0" * 500, "polyglot"),
        "JPEG + PDF": (jpeg() + b"\n%PDF-1.7\n", "polyglot"),
        "JPEG of 500 scans": (jpeg_with_scans(500), "image_unreadable"),
        "JPEG without picture": (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9", "image_unreadable"),
        "PNG without pixels": (_png_without_pixels(), "image_unreadable"),
        "PNG with broken pixels": (_png_with_broken_pixels(), "image_unreadable"),
        "WebP whose sizes disagree": (_webp_two_sizes(), "image_unreadable"),
        "40 MB": (jpeg() + b"\0" * (LARGE - len(jpeg())), "upload_too_large"),
    }


@cache
def odd() -> dict[str, bytes]:
    return {
        "JPEG": jpeg(),
        "JPEG 4:2:0": jpeg(subsampling=2),
        "progressive JPEG": jpeg(progressive=True),
        "PNG": png(),
        "WebP": webp(),
        "lossless WebP": encoded(picture(), "WEBP", lossless=True),
        "grayscale JPEG": encoded(picture().convert("L")),
        "grayscale PNG": encoded(picture().convert("L"), "PNG"),
        "CMYK JPEG": encoded(picture().convert("CMYK"), quality=95),
        "16-bit PNG": png_16_bit(),
        "16-bit RGB PNG": png_16_bit_rgb(),
        "1-bit PNG": encoded(picture().convert("1"), "PNG"),
        "palette PNG": encoded(picture().quantize(16), "PNG"),
        "palette + alpha PNG": palette_with_alpha(),
        "alpha PNG": encoded(translucent(), "PNG"),
        "gray + alpha PNG": encoded(translucent().convert("LA"), "PNG"),
        "alpha WebP": encoded(translucent(), "WEBP"),
        "motion photo": motion_photo(),
        "gain map": gain_map(),
        "zeros behind": jpeg() + b"\0" * 512,
        "stray bytes between segments": jpeg().replace(b"\xff\xdb", b"\0\0\xff\xdb", 1),
        **{f"EXIF {n}": oriented(n) for n in range(1, 9)},
    }


def _png_without_pixels() -> bytes:
    whole = png()
    return whole[: whole.index(b"IDAT") - 4] + png_chunk(b"IEND", b"")


def _png_with_broken_pixels() -> bytes:
    whole = png()
    start = whole.index(b"IDAT") - 4
    return whole[:start] + png_chunk(b"IDAT", b"\x78\x9c" + b"\xff" * 200) + png_chunk(b"IEND", b"")


def _webp_two_sizes() -> bytes:
    """A canvas (VP8X) larger than the picture on it."""
    inner = webp()[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + struct.pack("<I", 499)[:3] + struct.pack("<I", 499)[:3]
    body = b"WEBP" + canvas + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body
