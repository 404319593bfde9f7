"""`Vouch-Signature`: how a webhook is signed, and how its receiver checks it.

Standard library only: a receiver may copy this file as it is.

    Vouch-Signature: t=1790000000,v1=<hex>[,v1=<hex>]

`v1` is HMAC-SHA256 (RFC 2104) of `"<t>." + body` under the endpoint's secret, the whole `whsec_...` text as
ASCII. During a rotation there are two: one by the new secret, one by the old.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable

HEADER = "Vouch-Signature"
TOLERANCE = 300  # seconds either side: clocks drift, and a captured request must not be replayable for long
SECRET_BYTES = 32  # as long as the SHA-256 output; more adds nothing (RFC 2104 section 3)
MAX_HEADER = 1024  # characters; two signatures take 150


class BadSignature(ValueError):
    """The request was not signed by the holder of the secret, or not lately. Answer 400 and do nothing."""


def new_secret() -> str:
    return "whsec_" + secrets.token_urlsafe(SECRET_BYTES)


def sign(body: bytes, keys: Iterable[str], *, at: int) -> str:
    """The header's value. `at`: Unix seconds of this attempt, not of the event."""
    return ",".join([f"t={at}", *(f"v1={_digest(body, key, at)}" for key in keys)])


def verify(
    body: bytes, header: str, secret: str | Iterable[str], *, now: float | None = None, tolerance: int = TOLERANCE
) -> int:
    """Unix seconds at which the request was signed; BadSignature if any secret given fails to vouch for it.

    `body`: the bytes as received, before any parsing. `secret`: one, or the old and the new during a rotation.
    """
    at, offered = _parse(header)
    keys = [secret] if isinstance(secret, str) else list(secret)
    # every pair is compared: neither which secret matched nor where it differed shows in the time taken
    pairs = [hmac.compare_digest(_digest(body, key, at), given) for key in keys for given in offered]
    if not any(pairs):
        raise BadSignature("no signature matches")
    if abs((time.time() if now is None else now) - at) > tolerance:
        raise BadSignature("signed too long ago, or in the future")
    return at


def _digest(body: bytes, key: str, at: int) -> str:
    return hmac.new(key.encode("ascii"), f"{at}.".encode("ascii") + body, hashlib.sha256).hexdigest()


def _parse(header: str) -> tuple[int, list[str]]:
    if len(header) > MAX_HEADER or not header.isascii():
        raise BadSignature("the header is not a signature")
    fields = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in fields if name == "t"]
    offered = [value for name, value in fields if name == "v1"]
    if len(times) != 1 or not times[0].isdecimal() or len(times[0]) > 12 or not offered:
        raise BadSignature("the header is not a signature")
    return int(times[0]), offered
