"""What is refused before any decoder runs, and why."""

import io
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kyc.core.errors import Problem
from kyc.evidence import headers
from kyc.evidence.errors import ImageUnreadable, Polyglot, TooManyPixels, Truncated, UploadTooLarge
from kyc.evidence.gate import admit
from kyc.evidence.limits import Limits
from tests.evidence import corpus

LIMITS = Limits()
DECODER_FINDS = {"PNG with broken pixels"}


@pytest.mark.parametrize("name", sorted(set(corpus.bad()) - DECODER_FINDS))
def test_each_bad_file_has_its_own_code(name):
    data, code = corpus.bad()[name]
    with pytest.raises(Problem) as refusal:
        admit(data, LIMITS)
    assert refusal.value.code == code
    assert refusal.value.next_step and not refusal.value.retryable


@pytest.mark.parametrize("name", sorted(corpus.odd()))
def test_odd_but_honest_files_pass(name):
    assert admit(corpus.odd()[name], LIMITS).frames == 1


@pytest.mark.parametrize("name", sorted(corpus.odd()))
def test_sizes_are_those_the_decoder_sees(name):
    data = corpus.odd()[name]
    header = headers.read(data)
    with Image.open(io.BytesIO(data)) as image:
        assert (header.width, header.height) == image.size
    if "behind" not in name and name not in ("motion photo", "gain map"):
        assert header.end == len(data)


def test_the_bomb_is_a_few_kilobytes():
    assert len(corpus.png_bomb()) < 60_000


def test_a_refused_file_says_its_numbers():
    with pytest.raises(TooManyPixels, match="20000 x 20000"):
        admit(corpus.png_bomb(), LIMITS)


def test_bounds_are_inclusive():
    exact = Limits(bytes=len(corpus.png()), pixels=corpus.WIDTH * corpus.HEIGHT, smallest_side=corpus.HEIGHT)
    assert admit(corpus.png(), exact)
    with pytest.raises(UploadTooLarge):
        admit(corpus.png() + b"\0", exact)


@pytest.mark.parametrize("make", [corpus.jpeg, corpus.png, corpus.webp], ids=["jpeg", "png", "webp"])
def test_every_cut_of_an_image_is_refused(make):
    whole = make()
    for length in range(0, len(whole), 7):
        with pytest.raises(Problem):
            admit(whole[:length], LIMITS)


def test_a_phones_extras_are_no_polyglot_but_a_zip_behind_them_is():
    assert admit(corpus.motion_photo(), LIMITS)
    with pytest.raises(Polyglot):
        admit(corpus.motion_photo() + corpus.zip_file(), LIMITS)


def test_four_chance_bytes_are_no_zip():
    assert admit(corpus.jpeg() + b"\0PK\x03\x04" + b"\0" * 100, LIMITS)


@given(st.binary(max_size=600))
@settings(max_examples=300)
def test_garbage_is_refused_with_a_problem(data):
    with pytest.raises(Problem):
        admit(data, LIMITS)


@given(st.sampled_from(["jpeg", "png", "webp"]), st.integers(0), st.integers(0, 255))
@settings(max_examples=300)
def test_a_changed_byte_is_refused_with_a_problem_or_passes(which, at, value):
    data = bytearray(getattr(corpus, which)())
    data[at % len(data)] = value
    try:
        assert admit(bytes(data), LIMITS).frames == 1
    except Problem:
        pass


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("jpeg of empty segments", b"\xff\xd8" + b"\xff\xe0\x00\x02" * 3_700_000),
        ("jpeg of fill bytes", b"\xff\xd8" + b"\xff" * 14_900_000),
        ("jpeg of restarts", b"\xff\xd8\xff" + b"\xff\xd0" * 7_400_000),
        ("jpeg of stuffing", b"\xff\xd8\xff\xda\x00\x02" + b"\xff\x00" * 7_400_000),
        ("png of empty chunks", b"\x89PNG\r\n\x1a\n" + corpus.png()[8:33] + b"\0\0\0\0aaaa\0\0\0\0" * 1_200_000),
        ("webp of empty chunks", b"RIFF" + struct.pack("<I", 14_400_004) + b"WEBP" + b"aaaa\0\0\0\0" * 1_800_000),
        ("zip starts without end", corpus.jpeg() + b"PK\x03\x04" * 3_700_000),
        ("comments", b"<!-- -->" * 1_800_000 + b"<sv"),
        ("angle brackets", corpus.jpeg() + b"<" * 14_900_000),
        ("spaces", corpus.jpeg() + b" " * 14_900_000),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_file_of_15_mb_holds_the_web_process_for_long(name, data):
    began = time.process_time()
    try:
        admit(data, LIMITS)
    except Problem:
        pass
    assert time.process_time() - began < 1.0  # generous for a busy machine; each takes 0.2 s or less alone


def test_two_frames_headers_in_one_jpeg_are_refused():
    """Two sizes in one file: one for the gate, another for a decoder that reads on."""
    whole = corpus.jpeg()
    start = whole.index(b"\xff\xc0")
    frame = whole[start : start + 2 + struct.unpack_from(">H", whole, start + 2)[0]]
    with pytest.raises(ImageUnreadable):
        headers.read(whole[:start] + frame + whole[start:])


def test_a_length_beyond_the_file_is_truncated():
    with pytest.raises(Truncated):
        headers.read(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR")
