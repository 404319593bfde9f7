"""The box: AES-256-GCM bytes that open only under their own key, in their own place.

    offset   bytes    content
    0        1        format, 1
    1        1        n, length of the data key's id
    2        n        the data key's id, ASCII
    2+n      12       nonce, random (NIST SP 800-38D section 8.2.2: safe below 2^32 boxes per key;
                      an applicant's key seals a few dozen)
    14+n     rest     ciphertext, then the 16-byte tag

The AES key is HMAC-SHA256(data key, "vouch-derive:seal"): the data key itself only ever derives, one key per use.

The associated data binds the header and the place: tenant, owner, kind and version. A box copied to another
row, column, applicant or tenant, or an old version put back, does not open.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kyc.vault.errors import BoxTampered

FORMAT = 1
KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # the length GCM is specified for without hashing
TAG_BYTES = 16
SEALING = "seal"  # the purpose whose derived key encrypts boxes


class Box(bytes):
    """Sealed bytes. A type of its own, so that a field can refuse anything that was not sealed."""

    def __repr__(self) -> str:
        return f"<Box of {len(self)} bytes>"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box belongs. `kind` says which thing of the owner's it is, e.g. "applicants.applicant.email"."""

    tenant_id: str
    owner: str  # "applicant:app_..." or "tenant:tnt_..."
    kind: str
    version: int  # of the content's layout or value; the writer chooses, the reader must know it

    def associated_data(self, header: bytes) -> bytes:
        return pack(
            b"vouch-box",
            header,
            self.tenant_id.encode(),
            self.owner.encode(),
            self.kind.encode(),
            str(self.version).encode(),
        )


def seal(key: bytes, key_id: str, place: Place, plaintext: bytes) -> Box:
    header = bytes([FORMAT, len(key_id)]) + key_id.encode("ascii")
    nonce = os.urandom(NONCE_BYTES)
    return Box(header + nonce + AESGCM(derive(key, SEALING)).encrypt(nonce, plaintext, place.associated_data(header)))


def open_sealed(key: bytes, place: Place, box: bytes) -> bytes:
    """BoxTampered for any changed byte, another key or another place."""
    header, nonce, ciphertext = split(box)
    try:
        return AESGCM(derive(key, SEALING)).decrypt(nonce, ciphertext, place.associated_data(header))
    except InvalidTag:
        raise BoxTampered() from None


def key_id_of(box: bytes) -> str:
    """The id of the data key that a box names. Unauthenticated until the box is opened."""
    header, _, _ = split(box)
    return header[2:].decode("ascii", "replace")


def split(box: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, nonce, ciphertext with tag."""
    box = bytes(box)
    if len(box) < 2 or box[0] != FORMAT:
        raise BoxTampered()
    end = 2 + box[1]
    if len(box) < end + NONCE_BYTES + TAG_BYTES:
        raise BoxTampered()
    return box[:end], box[end : end + NONCE_BYTES], box[end + NONCE_BYTES :]


def pack(*parts: bytes) -> bytes:
    """The parts with their lengths before them, so that no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def derive(key: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose: HMAC-SHA256 as a PRF (RFC 5869 section 2.3, one block, with a uniform key)."""
    return hmac.digest(key, b"vouch-derive:" + purpose.encode(), "sha256")
