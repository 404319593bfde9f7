"""What is asked, drawn from the attempt's nonce and a secret of the tenant.

The judge knows the same steps (ml.liveness.active.draw). kyc and ml are strangers, so the drawing is written down
on both sides; tests/contracts holds them to the same answers (docs/adr/0072).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, TypeVar

VERSION = 1
SCREEN: dict[str, tuple[int, int, int]] = {
    "red": (1, 0, 0), "yellow": (1, 1, 0), "green": (0, 1, 0),
    "cyan": (0, 1, 1), "blue": (0, 0, 1), "magenta": (1, 0, 1),
}  # fmt: skip
FLASHES = 6
FLASH_SECONDS = 0.7  # 1.4 changes a second; WCAG 2.2, 2.3.1 allows three flashes
DARK_SECONDS = 0.7
CENTRE_SECONDS = 1.5
TURN_SECONDS = 3.0
CLOSER_SECONDS = 3.0
POINT_SECONDS = 1.1
TURNS = ("left", "right", "up", "down")
PLACES = ((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))

Step = dict[str, Any]
T = TypeVar("T")


class Stream:
    """Uniform choices from HMAC-SHA256 in counter mode."""

    def __init__(self, seed: bytes) -> None:
        self._seed, self._counter = seed, 0

    def below(self, n: int) -> int:
        block = hmac.new(self._seed, self._counter.to_bytes(8, "big"), hashlib.sha256).digest()
        self._counter += 1
        return int.from_bytes(block[:8], "big") % n

    def choice(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        pool = list(items)
        return [pool.pop(self.below(len(pool))) for _ in items]


def seed(nonce: str, secret: bytes) -> bytes:
    """Nobody without the secret can tell the steps from the nonce."""
    return hmac.new(secret, b"vouch liveness challenge 1\0" + nonce.encode(), hashlib.sha256).digest()


def draw(drawn_from: bytes) -> list[Step]:
    """Six steps: a straight look, then a sideways turn, another turn, closer, follow and colours in random order."""
    stream = Stream(drawn_from)
    sideways = stream.choice(("left", "right"))
    other = stream.choice([turn for turn in TURNS if turn != sideways])
    steps = stream.shuffled([
        _step(sideways, TURN_SECONDS), _step(other, TURN_SECONDS), _step("closer", CLOSER_SECONDS),
        _follow(stream), _colours(stream),
    ])  # fmt: skip
    return [_step("centre", CENTRE_SECONDS), *steps]


def shown(step: Step) -> Step:
    """A step as the page needs it: what to show, when and for how long."""
    return step | {
        "rgb": [[255 * part for part in SCREEN[name]] for name in step["colours"]],
        "flash_seconds": FLASH_SECONDS, "dark_seconds": DARK_SECONDS, "point_seconds": POINT_SECONDS,
    }  # fmt: skip


def _step(kind: str, seconds: float, colours: Sequence[str] = (), path: Sequence[Sequence[float]] = ()) -> Step:
    return {"kind": kind, "seconds": seconds, "colours": list(colours), "path": [list(place) for place in path]}


def _follow(stream: Stream) -> Step:
    path = stream.shuffled(PLACES)[:3]
    return _step("follow", POINT_SECONDS * (len(path) + 2), path=path)


def _colours(stream: Stream) -> Step:
    names: list[str] = []
    while len(names) < FLASHES:
        names.append(stream.choice([name for name in SCREEN if name not in names[-1:]]))
    return _step("colours", FLASH_SECONDS * FLASHES + 2 * DARK_SECONDS, colours=names)
