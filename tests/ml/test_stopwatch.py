from __future__ import annotations

import time

import pytest

from ml.stopwatch import Stopwatch


def test_a_stage_is_shared_out_over_those_who_took_part():
    watch = Stopwatch()
    with watch("decode", range(4)):
        time.sleep(0.02)
    with watch("embed", [2]):
        time.sleep(0.01)
    assert watch.shares(0).keys() == {"decode"} and watch.shares(2).keys() == {"decode", "embed"}
    assert 5 <= watch.shares(0)["decode"] < 100 and watch.shares(2)["embed"] >= 10


def test_a_stage_without_images_is_in_nobodys_shares():
    watch = Stopwatch()
    with watch("embed", []):
        pass
    assert watch.shares(0) == {}


def test_a_stage_that_fails_is_timed_too():
    watch = Stopwatch()
    with pytest.raises(ZeroDivisionError), watch("decode", [0]):
        1 / 0  # noqa: B018
    assert "decode" in watch.shares(0)
