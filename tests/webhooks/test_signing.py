from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.webhooks.signing import TOLERANCE, BadSignature, new_secret, sign, verify

AT = 1_790_000_000
BODY = b'{"id":"evt_1"}'


def test_a_signature_verifies_under_its_secret():
    secret = new_secret()
    assert verify(BODY, sign(BODY, [secret], at=AT), secret, now=AT) == AT


def test_the_signature_is_hmac_sha256_over_time_dot_body():
    # printf '1790000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_known
    known = "9b658ee1a66f3233d76d5c0a9e0b2396aac35d5825b14ad24c57b453e2590949"
    assert sign(BODY, ["whsec_known"], at=AT) == f"t={AT},v1={known}"


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_a_changed_byte_of_the_body_does_not_verify(position, mask):
    header = sign(BODY, ["whsec_a"], at=AT)
    changed = bytearray(BODY)
    changed[position] ^= mask
    with pytest.raises(BadSignature):
        verify(bytes(changed), header, "whsec_a", now=AT)


def test_a_changed_time_does_not_verify():
    header = sign(BODY, ["whsec_a"], at=AT).replace(f"t={AT}", f"t={AT + 1}")
    with pytest.raises(BadSignature):
        verify(BODY, header, "whsec_a", now=AT)


@pytest.mark.parametrize("off", [-TOLERANCE - 1, TOLERANCE + 1])
def test_an_old_or_future_signature_is_a_replay(off):
    header = sign(BODY, ["whsec_a"], at=AT)
    assert verify(BODY, header, "whsec_a", now=AT + off - (1 if off > 0 else -1)) == AT
    with pytest.raises(BadSignature):
        verify(BODY, header, "whsec_a", now=AT + off)


def test_during_a_rotation_either_secret_verifies_and_a_stranger_does_not():
    header = sign(BODY, ["whsec_new", "whsec_old"], at=AT)
    verify(BODY, header, "whsec_new", now=AT)
    verify(BODY, header, "whsec_old", now=AT)
    verify(BODY, header, ["whsec_other", "whsec_old"], now=AT)
    with pytest.raises(BadSignature):
        verify(BODY, header, "whsec_other", now=AT)


@pytest.mark.parametrize(
    "header",
    ["", "t=", "v1=abc", f"t={AT}", f"t={AT},v1=", f"t={AT},t={AT},v1=ab", "t=-1,v1=ab", "t=1e9,v1=ab",
     f"t={'9' * 13},v1=ab", f"t={AT},v0=ab", "t=\u0661,v1=ab", f"t={AT},v1=\u00e9", "x" * 5000],
)  # fmt: skip
def test_what_is_no_signature_is_refused_and_never_crashes(header):
    with pytest.raises(BadSignature):
        verify(BODY, header, "whsec_a", now=AT)


@given(st.text(max_size=200), st.binary(max_size=50))
def test_no_header_makes_the_verifier_fail_in_another_way(header, body):
    with pytest.raises(BadSignature):
        verify(body, header, "whsec_a", now=AT)


def test_secrets_are_long_and_different():
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) >= 48


def test_a_receiver_needs_neither_django_nor_anything_installed():
    code = (
        "import sys; import kyc.webhooks.signing; "
        "print([m for m in sys.modules if m.split('.')[0] in ('django', 'httpcore', 'cryptography')])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
