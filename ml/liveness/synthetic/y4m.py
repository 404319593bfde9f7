"""Sequences as files that Chromium takes for a camera (--use-file-for-fake-video-capture)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from ml.types import Pixels


def header(width: int, height: int, rate: int) -> bytes:
    """YUV4MPEG2 stream header, 4:2:0; Chromium's reader wants the frame rate and even sides."""
    return f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode()


def planes(pixels: Pixels) -> bytes:
    """One frame: Y, then U and V at half resolution (JPEG's full-range BT.601)."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"sides must be even, not {width} x {height}")
    ycc = Pillow.fromarray(pixels).convert("YCbCr")
    y, u, v = ycc.split()
    half = (width // 2, height // 2)
    return y.tobytes() + b"".join(c.resize(half, Pillow.Resampling.BOX).tobytes() for c in (u, v))


def write_y4m(path: Path, frames: Iterable[Pixels], *, rate: int) -> int:
    """Frames written; the file loops when it is played to its end."""
    count = 0
    with path.open("wb") as out:
        for frame in frames:
            if not count:
                out.write(header(frame.shape[1], frame.shape[0], rate))
            out.write(b"FRAME\n" + planes(frame))
            count += 1
    return count


class LiveY4m:
    """A file of one frame, written anew while the browser reads it again and again: a camera that can react.

    Chromium reads the next frame with read(2) and starts over at the end, so it always gets what is there now. A frame
    is written with one pwrite(2); a reader may still see two halves of neighbouring frames, as a rolling shutter does.
    """

    def __init__(self, path: Path, width: int, height: int, rate: int) -> None:
        self._start = header(width, height, rate) + b"FRAME\n"
        self._file = path.open("w+b", buffering=0)
        self.show(np.zeros((height, width, 3), np.uint8))

    def show(self, pixels: Pixels) -> None:
        self._file.seek(0)
        self._file.write(self._start + planes(pixels))

    def close(self) -> None:
        self._file.close()


def write_mjpeg(path: Path, frames: Iterable[bytes]) -> int:
    """JPEG files one after the other: Chromium's .mjpeg. Frames written."""
    count = 0
    with path.open("wb") as out:
        for data in frames:
            out.write(data)
            count += 1
    return count
