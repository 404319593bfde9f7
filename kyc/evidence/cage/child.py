"""The helper process: lock down, then normalise what arrives until the parent hangs up."""

from __future__ import annotations

import dataclasses
import io
import json
import signal
import socket
from typing import Any

from PIL import Image as Pil

from kyc.evidence import headers
from kyc.evidence.cage import wire
from kyc.evidence.cage.confine import lock_down
from kyc.evidence.cage.normalise import normalise
from kyc.evidence.errors import ImageRefused, TooDetailed
from kyc.evidence.headers import Header
from kyc.evidence.limits import Limits


def main(channel_fd: int, limits_json: str) -> None:
    limits = Limits(**json.loads(limits_json))
    channel = socket.socket(fileno=channel_fd)
    rehearse()
    held = lock_down(memory=limits.memory, cpu_seconds=int(limits.seconds * limits.images_per_helper))
    rehearse()  # a protection that stops honest work is found here, not by the first customer
    wire.send(channel, {"ready": held})
    while True:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        try:
            head, data = wire.receive(channel, payload_bytes=limits.bytes)
        except wire.Closed:
            return
        # Nobody handles these signals, so they kill: SIGPROF the bomb, SIGALRM a helper whose parent is gone
        signal.setitimer(signal.ITIMER_PROF, limits.seconds)
        signal.setitimer(signal.ITIMER_REAL, 2 * limits.wall_seconds)
        wire.send(channel, *answer(head, data, limits))


def answer(head: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    try:
        done = normalise(data, Header(**head), stored_bytes=limits.stored_bytes)
    except ImageRefused as refusal:
        return {"refused": refusal.code}, b""
    except MemoryError:
        return {"refused": TooDetailed.code}, b""
    facts = {f.name: getattr(done, f.name) for f in dataclasses.fields(done) if f.name != "jpeg"}
    return {"done": facts}, done.jpeg


def rehearse() -> None:
    """Normalise one of each: Pillow and Python import on first use, and after the lock nothing can be opened."""
    turned = Pil.Exif()
    turned[0x0112] = 6
    for kind, modes in {
        "JPEG": ("L", "RGB", "CMYK"),
        "PNG": ("1", "L", "P", "RGB", "RGBA", "I;16", "LA"),
        "WEBP": ("RGB", "RGBA"),
    }.items():
        for mode in modes:
            file = io.BytesIO()
            Pil.new(mode, (64, 48)).save(file, kind, exif=turned)
            data = file.getvalue()
            header = headers.read(data)
            normalise(data, header, stored_bytes=1 << 20)
            try:
                normalise(data[:-20] + b"\0" * 20, header, stored_bytes=1 << 20)
            except ImageRefused:
                pass
