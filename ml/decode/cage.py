"""Decode in helper processes that hold nothing worth stealing. (docs/adr/0025)

A crash, a bomb or a hang costs one helper and is an error of that image alone. Linux only:
memory that cannot be shrunk under the reader, and system call filters, exist there.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ml.decode.decoder import or_error
from ml.decode.header import admit
from ml.decode.helper import START_SECONDS, Gone, Helper, Silent, Unstartable
from ml.decode.limits import Limits
from ml.errors import EngineError
from ml.types import Image


class Caged:
    """`helpers` processes, started at once, shared by any number of threads."""

    def __init__(self, limits: Limits | None = None, *, helpers: int | None = None) -> None:
        self.limits = limits or Limits()
        self.helpers = helpers or os.cpu_count() or 1
        self.replaced = 0  # helpers lost to their images, for the metrics
        self._lock = threading.Lock()
        self._idle: queue.LifoQueue[Helper] = queue.LifoQueue()  # last in, first out: warm caches
        self._threads = ThreadPoolExecutor(self.helpers, thread_name_prefix="decode")
        for _ in range(self.helpers):
            self._idle.put(Helper(self.limits))

    @property
    def confinement(self) -> dict[str, bool]:
        """Which protections this kernel grants; waits for a helper to be ready."""
        helper = self._idle.get()
        try:
            helper.wait_until_ready()
            return dict(helper.confinement or {})
        finally:
            self._idle.put(helper)

    def decode(self, data: bytes, *, detail: int | None = None) -> Image:
        """As `ml.decode.pixels.decode`; also raises EngineError decoder_crashed, decoder_timeout,
        decoder_busy, decoder_unavailable."""
        admit(data, self.limits)  # what need not travel, does not
        try:
            helper = self._idle.get(timeout=START_SECONDS + self.limits.seconds)
        except queue.Empty:
            raise EngineError("decoder_busy", "All decoders are busy; try again shortly.", retryable=True) from None
        try:
            image = helper.decode(data, detail)
        except Gone as gone:
            helper = self._replacement(helper)
            raise _refusal(gone, self.limits) from gone
        else:
            if helper.served >= self.limits.images_per_helper:
                helper = self._replacement(helper)
            return image
        finally:
            self._idle.put(helper)

    def decode_many(self, batch: Sequence[bytes], *, detail: int | None = None) -> list[Image | EngineError]:
        """All helpers at once; errors stand in their image's place."""
        return list(self._threads.map(lambda data: or_error(self, data, detail), batch))

    def close(self) -> None:
        self._threads.shutdown()
        while not self._idle.empty():
            self._idle.get().stop()

    def _replacement(self, helper: Helper) -> Helper:
        helper.stop()
        with self._lock:
            self.replaced += 1
        return Helper(self.limits)  # starts beside us; its first image waits for it


def _refusal(gone: Gone, limits: Limits) -> EngineError:
    if isinstance(gone, Unstartable):
        return EngineError("decoder_unavailable", "No image decoder could be started.", retryable=True)
    if isinstance(gone, Silent):
        return EngineError("decoder_timeout", f"Decoding took longer than {limits.seconds:g} s.", retryable=True)
    return EngineError("decoder_crashed", "The image could not be decoded safely.")
