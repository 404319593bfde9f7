"""The helpers of one process: started when first needed, replaced when lost. (docs/adr/0054)

A crash, a bomb or a hang costs one helper and is an error of that image alone.
"""

from __future__ import annotations

import os
import threading
from functools import cache

from kyc.evidence.cage.helper import Gone, Helper, Silent, Unstartable
from kyc.evidence.cage.result import Normalised
from kyc.evidence.errors import DecoderBusy, DecoderCrashed, DecoderTimeout, ImageRefused
from kyc.evidence.headers import Header
from kyc.evidence.limits import Limits


class Pool:
    """At most `helpers` processes, shared by any number of threads."""

    def __init__(self, limits: Limits, *, helpers: int) -> None:
        self.limits = limits
        self.replaced = 0  # helpers lost to their images, for the metrics
        self._free = threading.BoundedSemaphore(helpers)
        self._idle: list[Helper] = []  # last in, first out: warm caches

    def normalise(self, data: bytes, header: Header) -> Normalised:
        """ImageRefused, or DecoderBusy (retry). `data` has passed kyc.evidence.gate."""
        if not self._free.acquire(timeout=self.limits.seconds):
            raise DecoderBusy()
        helper = None
        try:
            helper = self._idle.pop() if self._idle else Helper(self.limits)
            done = helper.normalise(data, header)
        except Gone as e:
            self.replaced += 1
            self._drop(helper)
            raise _refusal(e) from e
        except ImageRefused:
            self._return(helper)
            raise
        except BaseException:
            self._drop(helper)  # interrupted half-way: its next answer would be the previous image's
            raise
        else:
            self._return(helper)
            return done
        finally:
            self._free.release()

    @property
    def confinement(self) -> dict[str, bool]:
        """Which protections this kernel grants; starts a helper if none is there."""
        with self._free:
            helper = self._idle.pop() if self._idle else Helper(self.limits)
            helper.wait_until_ready()
            self._idle.append(helper)
            return dict(helper.confinement or {})

    def close(self) -> None:
        while self._idle:
            self._idle.pop().stop()

    def _return(self, helper: Helper | None) -> None:
        if helper and helper.served < self.limits.images_per_helper:
            self._idle.append(helper)
        else:
            self._drop(helper)

    def _drop(self, helper: Helper | None) -> None:
        if helper:
            helper.stop()


@cache
def _pool(pid: int, limits: Limits, helpers: int) -> Pool:
    return Pool(limits, helpers=helpers)


def pool(limits: Limits, *, helpers: int) -> Pool:
    """This process's pool. By pid: a forked web worker must not talk to its parent's helpers."""
    return _pool(os.getpid(), limits, helpers)


def _refusal(gone: Gone) -> Exception:
    if isinstance(gone, Unstartable):
        return DecoderBusy("No image decoder could be started.")
    return DecoderTimeout() if isinstance(gone, Silent) else DecoderCrashed()
