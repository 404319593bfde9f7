"""How the page packs frames: four bytes of length (big-endian), JSON of that length, then the files one after another.

{"frames": [{"at": 1.234, "size": 20481}, ...]}     at: s on the page's clock
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from kyc.capture.errors import ChunkRefused

MAX_BYTES = 4_000_000  # of a chunk: forty frames of 100 kB
MAX_FRAMES = 40
MAX_FRAME = 400_000  # bytes: a page sends 480 px JPEGs of 20 to 60 kB
MAX_AT = 900.0  # s: longer than a session lives


@dataclass(frozen=True, slots=True)
class Frame:
    at: float  # s, page's clock
    data: bytes


def unpack(body: bytes) -> list[Frame]:
    """Raises ChunkRefused unless every byte is accounted for and every file begins as a JPEG does."""
    if not 4 < len(body) <= MAX_BYTES:
        raise ChunkRefused()
    length = int.from_bytes(body[:4], "big")
    if not 0 < length <= 16_384 or 4 + length > len(body):
        raise ChunkRefused()
    try:
        listed = json.loads(body[4 : 4 + length])["frames"]
        sizes = [(float(one["at"]), int(one["size"])) for one in listed]
    except (ValueError, KeyError, TypeError) as e:
        raise ChunkRefused() from e
    return _cut(body, 4 + length, sizes)


def _cut(body: bytes, start: int, sizes: list[tuple[float, int]]) -> list[Frame]:
    if not 0 < len(sizes) <= MAX_FRAMES or start + sum(size for _, size in sizes) != len(body):
        raise ChunkRefused()
    frames = []
    for at, size in sizes:
        data = body[start : start + size]
        if not (math.isfinite(at) and 0 <= at <= MAX_AT and 0 < size <= MAX_FRAME and data.startswith(b"\xff\xd8\xff")):
            raise ChunkRefused()
        frames.append(Frame(at, data))
        start += size
    return frames
