"""The client token: names its session, and proves the right to it with 256 random bits."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from kyc.core.ids import looks_like

PREFIX = "vct"  # "vouch client token": what secret scanners can look for


@dataclass(frozen=True, slots=True)
class Token:
    tenant_id: str
    session_id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}.{self.tenant_id}.{self.session_id}.{self.secret}"

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(str(self).encode()).digest()


def issue(tenant_id: str, session_id: str) -> Token:
    return Token(tenant_id, session_id, secrets.token_urlsafe(32))


def read(text: str) -> Token | None:
    """None for what was never a token of ours; whether it is a living one, the database says."""
    parts = text.split(".")
    if len(parts) != 4 or parts[0] != PREFIX or not (30 <= len(parts[3]) <= 64):
        return None
    if not looks_like("tnt", parts[1]) or not looks_like("cap", parts[2]):
        return None
    return Token(parts[1], parts[2], parts[3])
