"""The challenge: drawn from the session's nonce and a secret, so it can be drawn again to explain a verdict."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

from ml.liveness.active.types import Challenge, Rgb, Step

VERSION = 1

# The corners of the colour cube without black and white: six directions of chroma, 60 degrees apart.
SCREEN: dict[str, Rgb] = {
    "red": (1, 0, 0),
    "yellow": (1, 1, 0),
    "green": (0, 1, 0),
    "cyan": (0, 1, 1),
    "blue": (0, 0, 1),
    "magenta": (1, 0, 1),
}
FLASHES = 6  # 6 * 5^5 = 18,750 sequences
FLASH_SECONDS = 0.7  # 1.4 changes a second; WCAG 2.2, 2.3.1 allows three flashes
DARK_SECONDS = 0.7  # of no colour before the first and after the last: longest believed delay is 0.8 s

CENTRE_SECONDS = 1.5
TURN_SECONDS = 3.0  # there and back; people take 0.4 to 1 s to begin and about 1 s to turn
CLOSER_SECONDS = 3.0
POINT_SECONDS = 1.1  # at each place of the point
TURNS = ("left", "right", "up", "down")
PLACES = ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))

T = TypeVar("T")


class Stream:
    """Uniform choices from HMAC-SHA256 in counter mode: the same seed gives the same choices anywhere."""

    def __init__(self, seed: bytes) -> None:
        self._seed, self._counter = seed, 0

    def below(self, n: int) -> int:
        """An integer in 0..n-1; the bias of 64 bits modulo n is below n / 2^64."""
        block = hmac.new(self._seed, self._counter.to_bytes(8, "big"), hashlib.sha256).digest()
        self._counter += 1
        return int.from_bytes(block[:8], "big") % n

    def choice(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        pool = list(items)
        return [pool.pop(self.below(len(pool))) for _ in items]


def seed(nonce: str, secret: bytes) -> bytes:
    """32 bytes that only the holder of `secret` can compute; the nonce may be public."""
    return hmac.new(secret, b"vouch liveness challenge 1\0" + nonce.encode(), hashlib.sha256).digest()


def draw(drawn_from: bytes) -> Challenge:
    """Look straight first (the reference), then two turns, closer, follow and colours in random order.

    One turn is always sideways: yaw shows depth best. In all 600 orders of the steps, 24 paths of the point and
    18,750 colour sequences.
    """
    stream = Stream(drawn_from)
    sideways = stream.choice(("left", "right"))
    other = stream.choice([turn for turn in TURNS if turn != sideways])
    steps = stream.shuffled(
        [
            Step(kind=sideways, seconds=TURN_SECONDS),  # type: ignore[arg-type]
            Step(kind=other, seconds=TURN_SECONDS),  # type: ignore[arg-type]
            Step(kind="closer", seconds=CLOSER_SECONDS),
            _follow(stream),
            _colours(stream),
        ]
    )
    return Challenge(version=VERSION, steps=(Step(kind="centre", seconds=CENTRE_SECONDS), *steps))


def _follow(stream: Stream) -> Step:
    path = tuple(stream.shuffled(PLACES)[:3])
    return Step(kind="follow", seconds=POINT_SECONDS * (len(path) + 2), path=path)  # from the middle and back there


def _colours(stream: Stream) -> Step:
    names: list[str] = []
    while len(names) < FLASHES:
        names.append(stream.choice([name for name in SCREEN if name not in names[-1:]]))
    return Step(kind="colours", seconds=FLASH_SECONDS * FLASHES + 2 * DARK_SECONDS, colours=tuple(names))


def point_at(step: Step, since: float) -> tuple[float, float]:
    """Where the point of a follow step stands `since` seconds after it was handed out."""
    place = int(since // POINT_SECONDS) - 1
    return step.path[place] if 0 <= place < len(step.path) else (0.0, 0.0)


def colour_at(step: Step, since: float) -> Rgb:
    """The screen's colour, 0..1; black between the sequences."""
    flash = int((since - DARK_SECONDS) // FLASH_SECONDS)
    return SCREEN[step.colours[flash]] if 0 <= flash < len(step.colours) else (0.0, 0.0, 0.0)
