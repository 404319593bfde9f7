"""The parent's end of one helper process."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import mmap
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ml.decode.limits import MIB, Limits
from ml.errors import EngineError
from ml.types import Image

START_SECONDS = 30.0  # importing Pillow and numpy takes 0.2 s; a busy or cold machine far longer
MESSAGE = 8_192  # bytes, see ml.decode.child
KEEP = 32 * MIB  # shared pages above this are given back after use, so one 50 MP file leaves no trace
ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from ml.decode.child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])"
)
# Without threads of its own the helper can enter a namespace; it never multiplies matrices anyway
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Gone(Exception):
    """The helper died, or spoke nonsense."""


class Silent(Gone):
    """The helper did not answer in time."""


class Unstartable(Gone):
    """The helper never became ready: the machine's fault, not the image's."""


class Helper:
    """One confined process and the memory shared with it. Not thread-safe: one caller at a time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.served = 0
        self.confinement: dict[str, bool] | None = None  # known once it is ready
        self._room = limits.pixels * 3
        memory = _sealed_memory(limits.bytes + self._room)
        try:
            self.shared = mmap.mmap(memory, 0)
            self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-I",
                        "-B",
                        "-c",
                        START,
                        str(ROOT),
                        str(theirs.fileno()),
                        str(memory),
                        json.dumps(dataclasses.asdict(limits)),
                    ],
                    env=ENVIRONMENT,
                    cwd="/",
                    pass_fds=(theirs.fileno(), memory),
                    start_new_session=True,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        finally:
            os.close(memory)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self) -> None:
        if self.confinement is None:
            try:
                self.confinement = self._receive(START_SECONDS)["ready"]
            except (Gone, KeyError) as error:
                raise Unstartable(str(error)) from error

    def decode(self, data: bytes, detail: int | None) -> Image:
        """Raises EngineError for what the helper refused, Gone when there is no helper any more."""
        self.wait_until_ready()
        self.served += 1
        self.shared[: len(data)] = data
        self._send({"size": len(data), "detail": detail})
        reply = self._receive(self.limits.seconds)
        if "refused" in reply:
            code, sentence, retryable = reply["refused"]
            raise EngineError(str(code), str(sentence), retryable=bool(retryable))
        try:
            return self._image(reply["image"])
        except (KeyError, TypeError, ValueError) as error:  # a helper taken over may say anything
            raise Gone(f"impossible answer: {error}") from error

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._channel.close()
        with contextlib.suppress(BufferError):
            self.shared.close()

    def _image(self, said: dict[str, Any]) -> Image:
        width, height = int(said["width"]), int(said["height"])
        size = width * height * 3
        if not (0 < width <= self.limits.side and 0 < height <= self.limits.side and size <= self._room):
            raise ValueError(f"{width} x {height}")
        start = self.limits.bytes
        # a copy: the helper could still write to the shared pages while a stage reads them
        pixels = np.frombuffer(self.shared, np.uint8, size, start).copy().reshape(height, width, 3)
        if size > KEEP:
            self.shared.madvise(mmap.MADV_REMOVE, 0, len(self.shared))
        quality = said["jpeg_quality"]
        return Image(
            pixels=pixels,
            width=width,
            height=height,
            format={"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WEBP"}[said["format"]],  # type: ignore[arg-type]
            grayscale=bool(said["grayscale"]),
            scale=float(said["scale"]),
            source_width=int(said["source_width"]),
            source_height=int(said["source_height"]),
            jpeg_quality=None if quality is None else float(quality),
        )

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._channel.send(json.dumps(message).encode())
        except OSError as error:
            raise Gone(str(error)) from error

    def _receive(self, seconds: float) -> dict[str, Any]:
        self._channel.settimeout(seconds)
        began = time.monotonic()
        try:
            message = self._channel.recv(MESSAGE)
            reply = json.loads(message) if message else None
        except TimeoutError as error:
            raise Silent(f"silent for {time.monotonic() - began:.1f} s") from error
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from error
        if not isinstance(reply, dict):
            raise Gone(f"ended with status {self._process.poll()}")
        return reply


def _sealed_memory(size: int) -> int:
    """An anonymous file nobody can shrink: a helper that did so would kill the parent with SIGBUS."""
    memory = os.memfd_create("vouch-decode", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(memory, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return memory
