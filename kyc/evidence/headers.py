"""Size, frames and end of an image, read from its structure alone, in bounds-checked Python.

No decoder has seen the file yet. What is read here decides whether one will (kyc.evidence.gate).

JPEG: ITU-T T.81 Annex B. PNG: W3C PNG (Third Edition) section 5 and 11.3.6 (acTL). WebP: RFC 9649.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kyc.evidence.errors import ImageUnreadable, Truncated, UnsupportedFormat
from kyc.evidence.formats import Format, recognise

MOST_PARTS = 20_000  # segments or chunks; a 15 MB PNG written in 1 kB pieces has 15,000, and each costs us a step


@dataclass(frozen=True, slots=True)
class Header:
    format: Format
    width: int  # px, as stored (before EXIF orientation)
    height: int  # px
    frames: int
    end: int  # offset after the image's last byte; what follows is not part of it
    scans: int = 1  # JPEG: passes over the picture


def read(data: bytes) -> Header:
    """NotAnImage, UnsupportedFormat, Truncated, ImageUnreadable."""
    named = recognise(data)
    try:
        return {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[named](data)
    except (struct.error, IndexError):
        raise Truncated() from None


# --- JPEG -------------------------------------------------------------------------------------------

FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive Huffman
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless, hierarchical, arithmetic
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length: TEM, RST0..7
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
# In entropy-coded data FF is followed by 00 (stuffing), RSTn, or FF (fill); anything else ends it
ANY_MARKER = re.compile(rb"\xff[^\x00\xff]")
NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _jpeg(data: bytes) -> Header:
    size, scans, at = None, 0, 2
    for _ in range(MOST_PARTS):
        marker, at = _marker(data, at)
        if marker == EOI:
            break
        if marker == SOI:
            raise ImageUnreadable()
        if marker in ALONE:
            continue
        length = _u16(data, at)
        if length < 2:
            raise ImageUnreadable()
        if marker in OTHER_FRAMES:
            raise UnsupportedFormat(
                "This kind of JPEG (lossless, hierarchical or arithmetic) is not accepted.",
                next_step="Save it as an ordinary JPEG.",
            )
        if marker in FRAMES:
            if size is not None:
                raise ImageUnreadable()
            size = (_u16(data, at + 5), _u16(data, at + 3))
        at += length
        if marker == SOS:
            scans += 1
            found = NEXT_MARKER.search(data, at)
            if found is None:
                raise Truncated()
            at = found.start()
    else:
        raise ImageUnreadable()
    if size is None or scans == 0:
        raise ImageUnreadable()
    return Header("JPEG", size[0], size[1], frames=1, end=at, scans=scans)


def _marker(data: bytes, at: int) -> tuple[int, int]:
    """The next marker from `at`, and the offset behind it. Stray bytes before it are skipped, as libjpeg does."""
    found = ANY_MARKER.search(data, at)
    if found is None:
        raise Truncated()
    return data[found.end() - 1], found.end()


def _u16(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">H", data, at)[0])


# --- PNG --------------------------------------------------------------------------------------------


def _png(data: bytes) -> Header:
    size, frames, pixels = None, 1, False
    for name, start, end in _png_chunks(data):
        if name == b"IHDR":
            size = struct.unpack_from(">II", data, start)
        elif size is None:
            raise ImageUnreadable()
        elif name == b"acTL":
            frames = max(2, struct.unpack_from(">I", data, start)[0])
        elif name == b"IDAT":
            pixels = True
        elif name == b"IEND":
            if not pixels:
                raise ImageUnreadable()
            return Header("PNG", size[0], size[1], frames=frames, end=end)
    raise ImageUnreadable()


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 8
    for _ in range(MOST_PARTS):
        if at >= len(data):
            raise Truncated()
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length  # length, name, content, CRC
        if end > len(data):
            raise Truncated()
        yield name, at + 8, end
        at = end
    raise ImageUnreadable()


# --- WebP -------------------------------------------------------------------------------------------


def _webp(data: bytes) -> Header:
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        raise Truncated()
    size, frames, canvas = None, 0, None
    for name, start in _riff_chunks(data, 12, end):
        if name == b"VP8X":
            canvas = (1 + _u24(data, start + 4), 1 + _u24(data, start + 7))
        elif name == b"VP8 ":
            size, frames = _vp8(data, start), frames + 1
        elif name == b"VP8L":
            size, frames = _vp8l(data, start), frames + 1
        elif name in (b"ANIM", b"ANMF"):
            frames += 2
    if size is None and frames == 0:
        raise ImageUnreadable()
    if canvas is not None and size is not None and canvas != size:
        raise ImageUnreadable()
    width, height = size or canvas or (0, 0)
    return Header("WEBP", width, height, frames=frames, end=end)


def _riff_chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int]]:
    for _ in range(MOST_PARTS):
        if at + 8 > end:
            return
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise Truncated()
        yield name, at + 8
        at += 8 + length + (length & 1)  # chunks are padded to even length
    raise ImageUnreadable()


def _vp8(data: bytes, start: int) -> tuple[int, int]:
    """RFC 6386 section 9.1: frame tag, start code, 14-bit sizes."""
    if data[start] & 1 or data[start + 3 : start + 6] != b"\x9d\x01\x2a":
        raise ImageUnreadable()  # not a key frame
    width, height = struct.unpack_from("<HH", data, start + 6)
    return width & 0x3FFF, height & 0x3FFF


def _vp8l(data: bytes, start: int) -> tuple[int, int]:
    """RFC 9649 section 3.4: signature, then two 14-bit sizes less one."""
    signature, bits = struct.unpack_from("<BI", data, start)
    if signature != 0x2F:
        raise ImageUnreadable()
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _u24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")
