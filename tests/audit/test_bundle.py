"""The archive: the same content gives the same bytes, and no byte of it can be changed."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.audit.bundle import BadBundle, read, write
from kyc.audit.note import BadNote, BadSignature
from tests.audit.worlds import SIGNER, THIEF

FILES = {"policy.json": b'{"fmr":0.001}', "images/selfie.jpg": b"\xff\xd8" + bytes(700), "decision.json": b"{}"}


def packed(files=FILES, signer=SIGNER) -> bytes:
    out = io.BytesIO()
    write(out, files=files, about={"verification": "vrf_1"}, signer=signer)
    return out.getvalue()


def opened(raw: bytes):
    return read(io.BytesIO(raw), verifiers=[SIGNER.verifier])


def test_what_was_written_is_read_again():
    found = opened(packed())
    assert found.files == FILES and found.manifest["about"] == {"verification": "vrf_1"}
    assert found.json("policy.json") == {"fmr": 0.001}


def test_the_same_content_gives_the_same_bytes():
    assert packed() == packed(dict(reversed(FILES.items())))


@given(st.integers(0, 10**9), st.integers(0, 7))
@settings(max_examples=200)
def test_no_bit_of_the_content_can_be_flipped(where, bit):
    raw = bytearray(packed())
    where %= len(raw)
    raw[where] ^= 1 << bit
    try:
        found = opened(bytes(raw))
    except (BadBundle, BadNote, BadSignature):
        return
    assert found.files == FILES  # the flip hit tar's own padding


def test_a_bundle_by_another_key_is_not_believed():
    with pytest.raises(BadSignature):
        opened(packed(signer=THIEF))


@pytest.mark.parametrize("change", ["remove", "add", "twice", "link"])
def test_members_cannot_be_added_or_removed(change):
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed())) as source,
        tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as target,
    ):
        for member in source:
            if change == "remove" and member.name == "decision.json":
                continue
            target.addfile(member, source.extractfile(member))
        if change in ("add", "twice"):
            target.addfile(tarfile.TarInfo("extra.json" if change == "add" else "decision.json"), io.BytesIO())
        if change == "link":
            link = tarfile.TarInfo("a-link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            target.addfile(link)
    with pytest.raises(BadBundle):
        opened(out.getvalue())


@pytest.mark.parametrize("raw", [b"", b"manifest.json", bytes(1024), b"manifest.json" + bytes(5000)])
def test_what_is_no_bundle_is_called_so(raw):
    with pytest.raises(BadBundle):
        opened(raw)
