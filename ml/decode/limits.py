"""How much of a stranger's file we are willing to handle."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    bytes: int = 20 * MIB  # a 50 MP phone JPEG at quality 95 is about 18 MiB
    pixels: int = 64_000_000  # admits 48, 50 and 64 MP phone cameras
    side: int = 16_384  # px; longer sides are panoramas or bombs, not portraits
    seconds: float = 10.0  # wall clock for one image; 64 MP of PNG takes about 2 s
    memory: int = 1024 * MIB  # of the helper: 64 MP as RGBA (256 MB), its RGB copy, and the interpreter
    images_per_helper: int = 2_000  # then a fresh process: bounds leaks and the reach of a silent compromise
