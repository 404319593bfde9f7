import os

from hypothesis import given
from hypothesis import strategies as st

from kyc.evidence.fingerprints import Secrets, digest, distance, mask

SEED, OTHER = b"s" * 32, b"o" * 32
BITS = st.integers(0, 2**64 - 1)


@given(BITS, BITS)
def test_masking_keeps_every_distance(a, b):
    secrets = Secrets.of(SEED)
    assert distance(mask(a, secrets), mask(b, secrets)) == (a ^ b).bit_count()


@given(BITS)
def test_masks_fit_postgresqls_bigint(a):
    assert -(2**63) <= mask(a, Secrets.of(SEED)) < 2**63


def test_two_tenants_masks_of_one_picture_are_unrelated():
    one, other = Secrets.of(SEED), Secrets.of(OTHER)
    apart = [distance(mask(h, one), mask(h, other)) for h in (int.from_bytes(os.urandom(8)) for _ in range(200))]
    assert 28 < sum(apart) / len(apart) < 36  # 32 by chance


def test_a_digest_tells_nothing_without_the_tenants_key():
    one, other = Secrets.of(SEED), Secrets.of(OTHER)
    assert digest(b"photo", one) == digest(b"photo", one)
    assert digest(b"photo", one) != digest(b"photo", other) != digest(b"photo!", other)


def test_secrets_do_not_show_in_a_traceback():
    assert "digest_key" not in repr(Secrets.of(SEED))
