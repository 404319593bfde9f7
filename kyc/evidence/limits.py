"""How much of a stranger's file we are willing to handle."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    bytes: int = 15_000_000  # of the upload; a 50 MP phone photograph is about 12 MB
    pixels: int = 50_000_000  # every phone's full-size photograph; a decoded one takes 150 MB
    smallest_side: int = 64  # px; a face in less has no 30 px between the eyes even when it fills the frame
    stored_bytes: int = 16_000_000  # of the normalised JPEG; the engine's own decoder takes 20 MiB
    seconds: float = 10.0  # of processor time for one image; 50 MP decode and encode take about 2
    wall_seconds: float = 25.0  # for one image; a machine under load may give a helper less than half a processor
    memory: int = 1 << 30  # bytes of the helper's address space: 50 MP CMYK (200 MB), turned and converted
    jpeg_scans: int = 100  # a progressive photograph has about ten; each one costs a pass over the picture
    images_per_helper: int = 500  # then a fresh process: bounds leaks and the reach of a silent compromise
