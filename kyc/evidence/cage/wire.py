"""What parent and helper say to each other: a JSON head and a payload, each with its length before it."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

HEAD_BYTES = 64 * 1024  # a head is a few hundred bytes; more is nonsense


class Closed(OSError):
    """The other side hung up, or spoke nonsense."""


def send(channel: socket.socket, head: dict[str, Any], payload: bytes = b"") -> None:
    text = json.dumps(head).encode()
    channel.sendall(struct.pack(">II", len(text), len(payload)) + text)
    channel.sendall(payload)


def receive(channel: socket.socket, *, payload_bytes: int, until: float | None = None) -> tuple[dict[str, Any], bytes]:
    """`payload_bytes`: the most that is accepted. `until`: time.monotonic(); TimeoutError after it."""
    head_size, size = struct.unpack(">II", _exactly(channel, 8, until))
    if head_size > HEAD_BYTES or size > payload_bytes:
        raise Closed("too long")
    try:
        head = json.loads(_exactly(channel, head_size, until))
    except ValueError as e:
        raise Closed("not JSON") from e
    if not isinstance(head, dict):
        raise Closed("not an object")
    return head, _exactly(channel, size, until)


def _exactly(channel: socket.socket, size: int, until: float | None) -> bytes:
    buffer, at = bytearray(size), 0
    view = memoryview(buffer)
    while at < size:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
        got = channel.recv_into(view[at:], min(size - at, 1 << 20))
        if not got:
            raise Closed("hung up")
        at += got
    return bytes(buffer)
