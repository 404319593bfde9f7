"""Milliseconds per stage, shared out over the images that took part."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Stopwatch:
    def __init__(self) -> None:
        self._spent: dict[str, tuple[float, frozenset[int]]] = {}  # stage -> seconds, places of its images

    @contextmanager
    def __call__(self, stage: str, places: Iterable[int]) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._spent[stage] = time.perf_counter() - began, frozenset(places)

    def shares(self, place: int) -> dict[str, float]:
        """Stage -> ms for the image at `place`, of those stages that it took part in."""
        return {
            stage: 1000 * seconds / len(places) for stage, (seconds, places) in self._spent.items() if place in places
        }
