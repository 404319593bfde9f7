"""Milliseconds per stage, shared out over the images that took part."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, int]] = {}  # stage -> seconds, images

    @contextmanager
    def __call__(self, stage: str, images: int) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spent[stage] = time.perf_counter() - began, images

    def shares(self) -> dict[str, float]:
        """Stage -> ms for one image; stages that had no image to work on are absent."""
        return {stage: 1000 * seconds / images for stage, (seconds, images) in self._spent.items() if images}
