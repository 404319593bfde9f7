"""Fingerprints that survive re-encoding, to know a frame again.

Two of them, for two questions. The hash is short and coarse: a database finds it. Within a session its neighbours look
alike to it, too: half of all consecutive frames of a person who sits still. The thumbnail keeps parts of a level:
frames that a camera took differ in it (people breathe, hands shake), one frame encoded twice does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ml.types import Pixels

SIDE = 16
BITS = SIDE * SIDE


def difference_hash(pixels: Pixels) -> int:
    """256 bits: is each cell of a 17 x 16 grid brighter than its right neighbour (Krawetz 2013, "dHash")."""
    small = Pillow.fromarray(pixels).convert("L").resize((SIDE + 1, SIDE), Pillow.Resampling.BOX)
    grid = np.asarray(small, np.int16)
    return int.from_bytes(np.packbits(grid[:, 1:] > grid[:, :-1]).tobytes(), "big")


THUMB = (40, 30)  # cells across and down


def thumbnail(pixels: Pixels) -> NDArray[np.float16]:
    """(30, 40) mean brightness of each cell, levels with their fractions."""
    gray = Pillow.fromarray(pixels).convert("L").convert("F")
    return np.asarray(gray.resize(THUMB, Pillow.Resampling.BOX), np.float16)


def difference(a: NDArray[np.float16], b: NDArray[np.float16]) -> NDArray[np.float64]:
    """(...) 95th percentile of the cells' differences, levels. Of one frame encoded twice with JPEG quality 60 it is
    up to 0.6, with 75 up to 0.4; of neighbouring frames of a rendered person, who sways a little, at least 0.7.
    """
    apart = np.abs(a.astype(np.float32) - b.astype(np.float32))
    flat = apart.reshape(*apart.shape[:-2], -1)
    place = int(0.95 * flat.shape[-1])
    return np.partition(flat, place, axis=-1)[..., place].astype(np.float64)


def distances(hashes: Sequence[int], others: Sequence[int]) -> NDArray[np.int64]:
    """(N, M) bits that differ."""
    a, b = _bytes(hashes), _bytes(others)
    return np.bitwise_count(a[:, None] ^ b[None]).sum(-1).astype(np.int64)


def _bytes(hashes: Sequence[int]) -> NDArray[np.uint8]:
    data = b"".join(value.to_bytes(BITS // 8, "big") for value in hashes)
    return np.frombuffer(data, np.uint8).reshape(len(hashes), BITS // 8)
