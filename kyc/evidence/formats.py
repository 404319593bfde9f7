"""What a file is, by its first bytes; never by its name or Content-Type."""

from __future__ import annotations

from typing import Literal

from kyc.evidence.errors import NotAnImage, UnsupportedFormat

Format = Literal["JPEG", "PNG", "WEBP"]

HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}  # ISO/IEC 23008-12
OTHERS = [
    (b"GIF8", "GIF", "Save a still photograph as JPEG, PNG or WebP."),
    (b"II*\0", "TIFF", "Export it as JPEG or PNG."),
    (b"MM\0*", "TIFF", "Export it as JPEG or PNG."),
    (b"II+\0", "BigTIFF", "Export it as JPEG or PNG."),
    (b"MM\0+", "BigTIFF", "Export it as JPEG or PNG."),
    (b"BM", "BMP", "Save it as JPEG or PNG."),
    (b"%PDF", "PDF", "Upload the page's photograph as JPEG, not the document."),
    (b"\xff\x0a", "JPEG XL", "Export it as JPEG."),
    (b"\0\0\0\x0cJXL ", "JPEG XL", "Export it as JPEG."),
    (b"\0\0\0\x0cjP  ", "JPEG 2000", "Convert it to JPEG where you read the passport's chip."),
    (b"\xff\x4f\xff\x51", "JPEG 2000", "Convert it to JPEG where you read the passport's chip."),
    (b"8BPS", "Photoshop", "Export it as JPEG or PNG."),
    (b"\0\0\1\0", "icon", "Send a photograph."),
]


def recognise(data: bytes) -> Format:
    """NotAnImage, or UnsupportedFormat with what to do about it."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        raise _heif(data[8:12])
    for magic, name, next_step in OTHERS:
        if data.startswith(magic):
            raise UnsupportedFormat(f"{name} files are not accepted.", next_step=next_step)
    if _is_svg(data[:4096]):
        raise UnsupportedFormat("SVG files are drawings, and may hold programs.", next_step="Send a photograph.")
    raise NotAnImage()


def _is_svg(start: bytes) -> bool:
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in start.lower()


def _heif(brand: bytes) -> UnsupportedFormat | NotAnImage:
    if brand in HEIF_BRANDS:
        return UnsupportedFormat(
            "HEIC files are not accepted.",
            next_step="On an iPhone choose Settings > Camera > Formats > Most Compatible, or export as JPEG.",
        )
    if brand in (b"avif", b"avis"):
        return UnsupportedFormat("AVIF files are not accepted.", next_step="Export it as JPEG.")
    return NotAnImage("The file is a video or audio container.")
