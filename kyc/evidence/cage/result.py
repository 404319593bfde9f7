"""What a helper hands back; checked, because a helper that was taken over may say anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kyc.evidence.limits import Limits

JPEG_START, JPEG_END = b"\xff\xd8\xff\xe0", b"\xff\xd9"
SOURCE_FACTS: dict[str, Any] = {
    "format": str, "bytes": int, "mode": str, "jpeg_quality": (float, type(None)), "exif": bool, "icc_profile": bool,
    "orientation": int, "trailing_bytes": int,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Normalised:
    jpeg: bytes = field(repr=False)
    width: int  # px, upright
    height: int  # px
    grayscale: bool  # the source carries no colour
    phash: int  # 64 bits, see kyc.evidence.cage.normalise.phash
    quality: int  # of our own JPEG, libjpeg's scale
    source: dict[str, Any]  # SOURCE_FACTS: what the file was, nothing that names a person, place, time or device

    @classmethod
    def checked(cls, said: dict[str, Any], jpeg: bytes, limits: Limits) -> Normalised:
        """ValueError, KeyError or TypeError for anything that an honest helper would not say."""
        width, height = int(said["width"]), int(said["height"])
        if min(width, height) < 1 or width * height > limits.pixels:
            raise ValueError("size")
        if not (jpeg.startswith(JPEG_START) and jpeg.endswith(JPEG_END)):
            raise ValueError("not a JPEG of ours")
        source = {name: said["source"][name] for name in SOURCE_FACTS}
        for name, kind in SOURCE_FACTS.items():
            if not isinstance(source[name], kind) or len(str(source[name])) > 20:
                raise TypeError(name)
        return cls(
            jpeg,
            width,
            height,
            bool(said["grayscale"]),
            int(said["phash"]) & (1 << 64) - 1,
            int(said["quality"]),
            source,
        )
