import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.vault import boxes
from kyc.vault.boxes import Place
from kyc.vault.errors import BoxTampered

KEY, KEY_ID = os.urandom(32), "dky_01jd0000000000000000000000"
PLACE = Place("tnt_a", "applicant:app_a", "applicants.applicant.name:app_a", 1)


def a_box(plaintext=b"Ada Lovelace"):
    return boxes.seal(KEY, KEY_ID, PLACE, plaintext)


@given(st.binary(max_size=300))
def test_what_was_sealed_opens_in_its_own_place(plaintext):
    assert boxes.open_sealed(KEY, PLACE, a_box(plaintext)) == plaintext


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, tenant_id="tnt_b"),
        replace(PLACE, owner="applicant:app_b"),
        replace(PLACE, owner="tenant:app_a"),
        replace(PLACE, kind="applicants.applicant.email:app_a"),
        replace(PLACE, version=2),
    ],
    ids=["tenant", "owner", "owner kind", "kind", "version"],
)
def test_a_box_moved_elsewhere_does_not_open(elsewhere):
    with pytest.raises(BoxTampered):
        boxes.open_sealed(KEY, elsewhere, a_box())


def test_no_two_places_share_their_associated_data():
    """Lengths are bound, so a character cannot slide from one part of the place into the next."""
    one = Place("t", "applicant:a", "bc", 1)
    other = Place("t", "applicant:ab", "c", 1)
    assert one.associated_data(b"h") != other.associated_data(b"h")


def test_any_flipped_bit_refuses_to_open():
    box = a_box()
    for position in range(len(box)):
        broken = bytearray(box)
        broken[position] ^= 1
        with pytest.raises(BoxTampered):
            boxes.open_sealed(KEY, PLACE, bytes(broken))


def test_any_cut_refuses_to_open():
    box = a_box()
    for length in range(len(box)):
        with pytest.raises(BoxTampered):
            boxes.open_sealed(KEY, PLACE, box[:length])


def test_another_key_refuses_to_open():
    with pytest.raises(BoxTampered):
        boxes.open_sealed(os.urandom(32), PLACE, a_box())


def test_the_same_plaintext_never_gives_the_same_box():
    assert a_box() != a_box()


def test_a_box_names_its_key_and_shows_nothing_of_its_content():
    box = a_box(b"Ada Lovelace" * 10)
    assert boxes.key_id_of(box) == KEY_ID
    assert b"Ada" not in box and "Ada" not in repr(box)


def test_the_format_is_the_documented_one():
    box = a_box(b"four")
    n = len(KEY_ID)
    assert box[0] == 1 and box[1] == n and box[2 : 2 + n] == KEY_ID.encode()
    assert len(box) == 2 + n + 12 + len(b"four") + 16


def test_derived_keys_differ_by_purpose():
    assert boxes.derive(KEY, "rotation") != boxes.derive(KEY, "phash") != boxes.derive(KEY, boxes.SEALING)
