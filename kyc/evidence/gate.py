"""Who may see a decoder: every refusal here happens before one runs. (docs/adr/0051)"""

from __future__ import annotations

from kyc.evidence import headers
from kyc.evidence.errors import (
    Animated,
    ImageTooSmall,
    ImageUnreadable,
    NotAnImage,
    Polyglot,
    TooManyPixels,
    UploadTooLarge,
)
from kyc.evidence.headers import Header
from kyc.evidence.limits import Limits

# A second file behind the image. Phones append their own things (a gain map's JPEG, a motion photo's MP4, Samsung's
# trailer): those are dropped with everything that is not pixels. These have no business there.
ZIP_FIRST, ZIP_LAST = b"PK\x03\x04", b"PK\x05\x06"  # both are asked for: four bytes alone occur by chance
PAGES = (b"<html", b"<script", b"<svg", b"<?php", b"<!doctype", b"<iframe")
OTHERS = (b"%pdf-1", b"rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")  # folded to lower case, like the bytes they are sought in
PROGRAMS = (b"MZ", b"\x7fELF", b"#!")


def admit(data: bytes, limits: Limits) -> Header:
    """The image's header, or why it is refused: every ImageRefused but those of the decoder, and UploadTooLarge."""
    if not data:
        raise NotAnImage("The file is empty.")
    if len(data) > limits.bytes:
        raise UploadTooLarge()
    header = headers.read(data)
    if header.frames != 1:
        raise Animated()
    if min(header.width, header.height) < 1 or header.scans > limits.jpeg_scans:
        raise ImageUnreadable()
    if header.width * header.height > limits.pixels:
        raise TooManyPixels(
            f"The image has {header.width} x {header.height} pixels; at most "
            f"{limits.pixels / 1e6:g} megapixels are accepted."
        )
    if min(header.width, header.height) < limits.smallest_side:
        raise ImageTooSmall(
            f"The image has {header.width} x {header.height} pixels; each side must have "
            f"at least {limits.smallest_side}."
        )
    _refuse_second_file(data, header.end)
    return header


def _refuse_second_file(data: bytes, end: int) -> None:
    rest = data[end:]
    first = rest.find(ZIP_FIRST)
    archive = first >= 0 and rest.find(ZIP_LAST, first) >= 0
    folded = rest.lower()
    if archive or rest[:64].lstrip().startswith(PROGRAMS) or any(mark in folded for mark in PAGES + OTHERS):
        raise Polyglot()
