from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from ml.decode import Bare, Caged, Limits
from ml.decode.helper import Helper
from ml.decode.limits import MIB
from ml.errors import EngineError
from ml.types import Image
from tests.data import PHOTOS
from tests.ml.decode.pictures import encoded, gradient, png_claiming, well_formed

PICTURE = encoded(gradient())


@pytest.fixture(scope="module")
def cage():
    caged = Caged(helpers=2)
    yield caged
    caged.close()


@pytest.fixture
def lone():
    """A cage of one helper with a short clock; `lone.helper()` is that helper."""
    caged = Caged(Limits(seconds=1.0), helpers=1)
    caged.decode(PICTURE)
    yield caged
    caged.close()


def helper_of(caged: Caged) -> Helper:
    helper = caged._idle.get()
    caged._idle.put(helper)
    return helper


def test_caged_and_bare_see_the_same_pixels(cage):
    for path in sorted(PHOTOS.glob("*.jpg")):
        inside, outside = cage.decode(path.read_bytes()), Bare().decode(path.read_bytes())
        assert np.array_equal(inside.pixels, outside.pixels)
        assert (inside.jpeg_quality, inside.scale, inside.source_width) == (
            outside.jpeg_quality,
            outside.scale,
            outside.source_width,
        )


@pytest.mark.parametrize("kind", sorted(well_formed()))
@pytest.mark.parametrize("detail", [None, 60])
def test_nothing_a_good_file_may_contain_needs_what_the_helper_gave_up(kind, detail):
    """A library that Pillow would load on first use cannot be loaded after the lock: each file gets a new helper."""
    caged = Caged(helpers=1)
    try:
        inside = caged.decode(well_formed()[kind], detail=detail)
    finally:
        caged.close()
    assert np.array_equal(inside.pixels, Bare().decode(well_formed()[kind], detail=detail).pixels)


def test_refusals_come_through_with_their_code(cage):
    for data, code in (
        (png_claiming(20_000, 20_000), "image_too_large"),
        (PICTURE[:-30], "image_unreadable"),
        (b"<svg/>", "unsupported_format"),
        (b"", "image_unreadable"),
    ):
        with pytest.raises(EngineError) as caught:
            cage.decode(data)
        assert caught.value.code == code


def test_a_bad_file_is_an_error_in_its_own_place_only(cage):
    outcomes = cage.decode_many([PICTURE, PICTURE[:-30], PICTURE])
    assert [type(outcome) for outcome in outcomes] == [Image, EngineError, Image]


def test_a_crash_costs_one_image_and_one_helper(lone):
    helper = helper_of(lone)
    os.kill(helper.pid, signal.SIGKILL)
    with pytest.raises(EngineError) as caught:
        lone.decode(PICTURE)
    assert (caught.value.code, caught.value.retryable) == ("decoder_crashed", False)
    assert lone.decode(PICTURE).width == 64
    assert lone.replaced == 1 and helper_of(lone).pid != helper.pid


def test_a_hang_is_cut_off_and_the_helper_replaced(lone):
    os.kill(helper_of(lone).pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(EngineError) as caught:
        lone.decode(PICTURE)
    assert caught.value.code == "decoder_timeout" and time.monotonic() - began < 3
    assert lone.decode(PICTURE).width == 64


def test_a_neighbour_does_not_wait_for_a_hang():
    caged = Caged(Limits(seconds=3.0), helpers=2)
    try:
        caged.decode_many([PICTURE, PICTURE])
        first, second = caged._idle.get(), caged._idle.get()
        os.kill(first.pid, signal.SIGSTOP)
        caged._idle.put(second)
        caged._idle.put(first)  # last in, first out: the next caller gets the hanging one
        stuck = threading.Thread(target=lambda: caged.decode_many([PICTURE]))
        stuck.start()
        time.sleep(0.2)
        began = time.monotonic()
        assert caged.decode(PICTURE).width == 64
        assert time.monotonic() - began < 1.5
        stuck.join()
    finally:
        caged.close()


def test_a_picture_too_large_for_the_helpers_memory_is_refused():
    caged = Caged(Limits(memory=420 * MIB), helpers=1)
    try:
        with pytest.raises(EngineError) as caught:
            caged.decode(encoded(gradient(8000, 8000).convert("RGBA"), compress_level=1))
        assert caught.value.code in ("image_too_large", "decoder_crashed")
        assert caged.decode(PICTURE).width == 64
    finally:
        caged.close()


def test_helpers_are_recycled():
    caged = Caged(Limits(images_per_helper=2), helpers=1)
    try:
        pids = []
        for _ in range(4):
            pids.append(helper_of(caged).pid)
            caged.decode(PICTURE)
        assert pids[0] == pids[1] != pids[2] == pids[3]
    finally:
        caged.close()


def test_a_helper_that_cannot_start_is_the_machines_fault(monkeypatch):
    monkeypatch.setattr("ml.decode.helper.START", "raise SystemExit(1)")
    caged = Caged(helpers=1)
    try:
        with pytest.raises(EngineError) as caught:
            caged.decode(PICTURE)
        assert (caught.value.code, caught.value.retryable) == ("decoder_unavailable", True)
    finally:
        caged.close()


def test_a_helper_that_was_taken_over_cannot_hand_us_more_than_it_has(lone):
    helper = helper_of(lone)
    for lie in ({"width": 10**6, "height": 10**6}, {"width": -1, "height": 5}, {"width": "x", "height": 1}, {}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            helper._image(lie)


def test_the_helper_carries_no_torch_no_secrets_and_no_descriptors(cage, monkeypatch):
    helper = helper_of(cage)
    with open(f"/proc/{helper.pid}/maps") as maps:
        assert "torch" not in maps.read()
    with open(f"/proc/{helper.pid}/environ", "rb") as environment:
        names = {entry.split(b"=")[0] for entry in environment.read().split(b"\0") if entry}
    assert names == {b"OPENBLAS_NUM_THREADS", b"OMP_NUM_THREADS", b"MKL_NUM_THREADS"}
    held = {os.readlink(f"/proc/{helper.pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{helper.pid}/fd")}
    assert held <= {"/dev/null", "socket", "/memfd", "/memfd:vouch-decode (deleted)"}


def test_many_threads_share_few_helpers(cage):
    outcomes: list[int] = []
    threads = [threading.Thread(target=lambda: outcomes.append(cage.decode(PICTURE).width)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [64] * 20


def test_no_helper_outlives_its_cage():
    caged = Caged(helpers=2)
    pids = [helper.pid for helper in list(caged._idle.queue)]
    caged.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
