"""Unwrapped data keys, for a moment, in this process only."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# Another process's destroy() is not seen here until the entry expires, so this is also the longest time that
# an erased person's key survives in any process. A minute still spares the key service nearly every call.
TTL = 60.0  # seconds
SIZE = 2_000  # keys; 32 bytes each, so the bound is on what one memory dump can give away


@dataclass(frozen=True, slots=True)
class CachedKey:
    id: str
    key: bytes  # 32 bytes

    def __repr__(self) -> str:
        return f"<CachedKey {self.id}>"


class KeyCache:
    def __init__(self, ttl: float = TTL, size: int = SIZE, clock: Callable[[], float] = time.monotonic):
        self._ttl, self._size, self._clock = ttl, size, clock
        self._entries: OrderedDict[tuple[str, str], tuple[float, CachedKey]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, place: tuple[str, str]) -> CachedKey | None:
        """`place`: (tenant id, owner)."""
        with self._lock:
            until, key = self._entries.get(place, (0.0, None))
            if key is None or until <= self._clock():
                self._entries.pop(place, None)
                return None
            self._entries.move_to_end(place)
            return key

    def put(self, place: tuple[str, str], key: CachedKey) -> None:
        with self._lock:
            self._entries[place] = (self._clock() + self._ttl, key)
            self._entries.move_to_end(place)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def evict(self, place: tuple[str, str]) -> None:
        with self._lock:
            self._entries.pop(place, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
