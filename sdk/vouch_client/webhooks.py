"""Verify what arrives at your endpoint before you believe it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

TOLERANCE = 300  # seconds between signing and receipt; older is a replay


class InvalidSignature(Exception):
    """Not from Vouch, changed on the way, or too old. Answer 400 and do nothing."""


def verify(
    body: bytes, header: str, secret: str, *, now: float | None = None, tolerance: int = TOLERANCE
) -> dict[str, Any]:
    """The event in a webhook's body, if `Vouch-Signature: t=...,v1=...` signs it. Raises InvalidSignature."""
    parts = [part.partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name.strip() == "t"]
    signatures = [value for name, _, value in parts if name.strip() == "v1"]
    if len(stamps) != 1 or not stamps[0].isdigit() or not signatures:
        raise InvalidSignature("the header is malformed")
    if abs((time.time() if now is None else now) - int(stamps[0])) > tolerance:
        raise InvalidSignature("the timestamp is too far from now")
    wanted = hmac.new(secret.encode(), stamps[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(wanted.encode(), s.strip().encode()) for s in signatures):
        raise InvalidSignature("no signature fits this body and secret")
    return json.loads(body)
