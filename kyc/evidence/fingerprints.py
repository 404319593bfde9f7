"""Telling the same upload again, without keeping anything that another tenant or a thief could compare.

Both are keyed with the tenant's own secret (kyc.vault.derive): two banks' tables cannot be joined on them, and
whoever holds a photograph cannot ask a stolen table whether it is in there. (docs/adr/0052)
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

BITS = 64


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    digest_key: bytes
    xor: int  # 64 bits
    order: tuple[int, ...]  # a permutation of 0..63

    @classmethod
    def of(cls, seed: bytes) -> Secrets:
        """From the tenant's 32 secret bytes. The permutation sorts the positions by a keyed hash of each."""
        stream = [hmac.digest(seed, b"phash-position-%d" % n, "sha256") for n in range(BITS)]
        order = tuple(sorted(range(BITS), key=lambda n: stream[n]))
        xor = int.from_bytes(hmac.digest(seed, b"xor", "sha256")[: BITS // 8])
        return cls(hmac.digest(seed, b"digest", "sha256"), xor, order)


def digest(upload: bytes, secrets: Secrets) -> bytes:
    """HMAC-SHA256 of the upload's SHA-256: the same file, byte for byte."""
    return hmac.digest(secrets.digest_key, hashlib.sha256(upload).digest(), "sha256")


def mask(phash: int, secrets: Secrets) -> int:
    """The perceptual hash with its bits shuffled and flipped by the tenant's secret, as PostgreSQL's signed bigint.

    Hamming distances stay what they were; the picture's coarse light and shade no longer show.
    """
    shuffled = 0
    for position in secrets.order:
        shuffled = shuffled << 1 | (phash >> position & 1)
    masked = shuffled ^ secrets.xor
    return masked - (1 << BITS) if masked >> (BITS - 1) else masked


def distance(a: int, b: int) -> int:
    """Bits that differ, 0..64."""
    return ((a ^ b) & (1 << BITS) - 1).bit_count()
