"""The helper process: lock down, then decode what arrives until the parent hangs up.

Started as `python -I -c ... main(socket, memory)` with an empty environment and two descriptors:
a socket for short JSON messages and a shared memory file for the bytes and the pixels.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import mmap
import socket
from typing import Any

import numpy as np
from PIL import Image as Pil
from PIL import MpoImagePlugin  # noqa: F401  imported now: a phone's JPEG asks for it after the lock

from ml.decode.confine import lock_down
from ml.decode.limits import Limits
from ml.decode.pixels import decode
from ml.errors import EngineError

MESSAGE = 8_192  # bytes; the longest is a refusal with its sentence


def main(channel_fd: int, memory_fd: int, limits_json: str) -> None:
    limits = Limits(**json.loads(limits_json))
    channel = socket.socket(fileno=channel_fd)
    shared = mmap.mmap(memory_fd, 0)
    rehearse(limits)
    # the parent's clock stops one image; this stops a helper that the parent forgot
    confinement = lock_down(memory=limits.memory, cpu_seconds=int(limits.seconds * limits.images_per_helper))
    send(channel, {"ready": confinement})
    while request := channel.recv(MESSAGE):
        send(channel, answer(json.loads(request), shared, limits))


def rehearse(limits: Limits) -> None:
    """Decode one of each: Pillow and Python import on first use, and after the lock nothing can be opened."""
    turned = Pil.Exif()
    turned[0x0112] = 6
    for kind in ("JPEG", "PNG", "WEBP"):
        for mode in ("L", "RGB", "RGBA", "P"):
            if (kind, mode) in {("JPEG", "RGBA"), ("JPEG", "P")}:
                continue
            file = io.BytesIO()
            Pil.new(mode, (16, 8)).save(file, kind, exif=turned)
            decode(file.getvalue(), limits, detail=8)
            with contextlib.suppress(EngineError):
                decode(file.getvalue()[:-20], limits)


def answer(request: dict[str, Any], shared: mmap.mmap, limits: Limits) -> dict[str, Any]:
    try:
        image = decode(shared[: request["size"]], limits, detail=request["detail"])
    except EngineError as refusal:
        return {"refused": [refusal.code, refusal.detail, refusal.retryable]}
    except MemoryError:
        return {"refused": ["image_too_large", "Decoding this file needs more memory than is allowed.", False]}
    pixels = np.ascontiguousarray(image.pixels).data.cast("B")  # no copy but the one into shared memory
    shared[limits.bytes : limits.bytes + len(pixels)] = pixels
    return {
        "image": {
            field.name: getattr(image, field.name) for field in dataclasses.fields(image) if field.name != "pixels"
        }
    }


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    channel.send(json.dumps(message).encode())
