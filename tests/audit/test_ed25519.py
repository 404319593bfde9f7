"""Verification without a library: the vectors of RFC 8032, and agreement with the library."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.audit.ed25519 import L, verify

VECTORS = [  # RFC 8032 section 7.1, tests 1 to 3: public key, message, signature
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip

seeds = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_verify(public, message, signature):
    public, message, signature = (bytes.fromhex(h) for h in (public, message, signature))
    assert verify(public, message, signature)
    assert not verify(public, message + b"\0", signature)


@given(seeds, st.binary(max_size=100))
@settings(max_examples=25, deadline=None)
def test_what_the_library_signs_verifies(seed, message):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert verify(key.public_key().public_bytes_raw(), message, key.sign(message))


@given(seeds, st.binary(max_size=20), st.integers(0, 95), st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_no_flipped_bit_of_key_or_signature_passes(seed, message, where, bit):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    both = bytearray(key.public_key().public_bytes_raw() + key.sign(message))
    both[where] ^= 1 << bit
    assert not verify(bytes(both[:32]), message, bytes(both[32:]))


@given(seeds, st.binary(min_size=64, max_size=64))
@settings(max_examples=30, deadline=None)
def test_a_random_signature_is_refused_as_the_library_refuses_it(seed, signature):
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"text")
    assert not verify(public.public_bytes_raw(), b"text", signature)


def test_a_signature_has_one_form_only():
    """s + L would verify too, were it not refused: a second signature over the same text (RFC 8032, 5.1.7)."""
    public, message, signature = (bytes.fromhex(h) for h in VECTORS[1])
    other = signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")
    assert not verify(public, message, other)


@pytest.mark.parametrize("public", [b"", bytes(31), b"\xff" * 32, b"\x02" + bytes(31)])
def test_what_is_no_point_is_no_key(public):
    assert not verify(public, b"", bytes(64))
