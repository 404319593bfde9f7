"""Signed notes: text that a person reads and an Ed25519 key vouches for.

The format of C2SP signed-note (as Go's checksum database and Sigstore use it), so that other people's
tools read our checkpoints: the text, an empty line, then one line per signature:

    — <key name> <base64 of key id (4 bytes) and signature (64 bytes)>
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from kyc.audit import ed25519

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = b"\x01"  # the algorithm byte of C2SP signed-note
DASH = "\u2014 "


class BadNote(ValueError):
    """Not a signed note, or a key that cannot be read."""


class BadSignature(ValueError):
    """No known key has signed this text, or one of its signatures is forged."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key and the name it signs under. Text form: `name+<key id, hex>+<base64>`."""

    name: str
    public: bytes  # 32 bytes

    @property
    def key_id(self) -> str:
        """8 hex digits: SHA-256(name, newline, algorithm, key), its first four bytes."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).hexdigest()[:8]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id}+{_b64(ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        name, key_id, key = _parts(text)
        found = cls(name, key)
        if found.key_id != key_id:
            raise BadNote(f"the key id of {name!r} does not belong to its key")
        return found

    def check(self, message: bytes, signature: bytes) -> bool:
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ImportError:  # an examiner's machine has Python and the verifier, and needs no more
            return ed25519.verify(self.public, message, signature)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A private key. Text form: `PRIVATE+KEY+name+<key id>+<base64 of the seed>`; `repr` shows no secret."""

    name: str
    seed: bytes  # 32 bytes

    @classmethod
    def generate(cls, name: str) -> Signer:
        if not name or "+" in name or any(c.isspace() for c in name):
            raise BadNote("a key's name has neither spaces nor plus signs")
        return cls(name, os.urandom(32))  # RFC 8032, 5.1.5: any 32 random bytes

    @classmethod
    def parse(cls, text: str) -> Signer:
        head, _, rest = text.strip().partition("PRIVATE+KEY+")
        if head:
            raise BadNote("not a private key of a signed note")
        name, key_id, seed = _parts(rest)
        found = cls(name, seed)
        if found.verifier.key_id != key_id:
            raise BadNote(f"the key id of {name!r} does not belong to its key")
        return found

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    def secret_text(self) -> str:
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id}+{_b64(ED25519 + self.seed)}"

    def sign(self, message: bytes) -> bytes:
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"


def sign(text: str, signer: Signer) -> str:
    """The note of `text`, which ends in a newline."""
    if not text.endswith("\n") or "\n\n" in text:
        raise BadNote("a note's text ends in a newline and has no empty line")
    signature = bytes.fromhex(signer.verifier.key_id) + signer.sign(text.encode())
    return f"{text}\n{DASH}{signer.name} {_b64(signature)}\n"


def open_note(note: str, verifiers: Iterable[Verifier]) -> tuple[str, Verifier]:
    """The text and the key that signed it. Raises BadNote or BadSignature.

    Signatures by unknown keys are ignored (witnesses may add theirs); a known key's must be right.
    """
    text, signatures = split(note)
    known = {(v.name, v.key_id): v for v in verifiers}
    signed_by = None
    for name, blob in signatures:
        verifier = known.get((name, blob[:4].hex()))
        if verifier is None:
            continue
        if not verifier.check(text.encode(), blob[4:]):
            raise BadSignature(f"the signature of {name} ({verifier.key_id}) is not over this text")
        signed_by = signed_by or verifier
    if signed_by is None:
        names = ", ".join(f"{name} ({blob[:4].hex()})" for name, blob in signatures)
        raise BadSignature(f"no known key has signed this; it names {names}")
    return text, signed_by


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """(text, [(key name, key id and signature)]), nothing checked yet."""
    text, gap, tail = note.rpartition("\n\n")
    if not gap or not note.endswith("\n"):
        raise BadNote("not a signed note")
    lines = tail[:-1].split("\n")  # not splitlines(): it sees ends of line where others see none
    return text + "\n", [_signature_line(line) for line in lines]


def _signature_line(line: str) -> tuple[str, bytes]:
    name, space, blob = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space:
        raise BadNote("a signature line reads: dash, name, base64")
    raw = _unb64(blob)
    if len(raw) < 5:
        raise BadNote("a signature line is too short")
    return name, raw


def _parts(text: str) -> tuple[str, str, bytes]:
    parts = text.strip().split("+", 2)  # base64 has plus signs of its own
    if len(parts) != 3:
        raise BadNote("a key reads name+id+base64")
    raw = _unb64(parts[2])
    if raw[:1] != ED25519 or len(raw) != 33:
        raise BadNote("not an Ed25519 key of a signed note")
    return parts[0], parts[1], raw[1:]


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as e:
        raise BadNote("not base64") from e
    if _b64(raw) != text:  # the decoder forgives stray bits before the padding: one note would have several texts
        raise BadNote("base64 that no encoder writes")
    return raw
