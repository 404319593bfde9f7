"""Public ids: a prefix that says what it is, then a UUIDv7 in Crockford base32.

Time-ordered (RFC 9562 section 5.7), so primary keys append to their index and sort by age;
the random 74 bits keep them unguessable.
"""

from __future__ import annotations

import os
import re
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: no i, l, o, u
SHAPE = re.compile(rf"^[a-z]{{3}}_[{ALPHABET}]{{26}}$")


def uuid7() -> int:
    stamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    return (stamp << 80) | (0x7 << 76) | ((random >> 68 & 0xFFF) << 64) | (0b10 << 62) | (random & ((1 << 62) - 1))


def new_id(prefix: str) -> str:
    """E.g. new_id("vrf") -> "vrf_01jd..." (30 characters)."""
    value = uuid7()
    return f"{prefix}_" + "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def looks_like(prefix: str, text: str) -> bool:
    return text.startswith(f"{prefix}_") and bool(SHAPE.match(text))
