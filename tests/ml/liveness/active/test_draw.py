from __future__ import annotations

from collections import Counter
from itertools import pairwise

from ml.liveness.active import draw
from ml.liveness.active.draw import colour_at, point_at


def challenge(nonce: str, secret: bytes = b"secret"):
    return draw.draw(draw.seed(nonce, secret))


def test_the_same_nonce_and_secret_ask_the_same_again():
    assert challenge("n-1") == challenge("n-1")


def test_another_nonce_or_another_secret_asks_something_else():
    drawn = {challenge(f"n-{number}") for number in range(200)}
    assert len(drawn) == 200
    assert challenge("n-1") != challenge("n-1", b"other secret")


def test_a_straight_look_comes_first_and_a_sideways_turn_is_always_asked():
    for number in range(100):
        kinds = [step.kind for step in challenge(f"n-{number}").steps]
        assert kinds[0] == "centre"
        assert {"left", "right"} & set(kinds)
        assert {"closer", "follow", "colours"} <= set(kinds)
        assert len(kinds) == len(set(kinds)) == 6


def test_no_order_of_steps_is_much_likelier_than_another():
    first = Counter(challenge(f"n-{number}").steps[1].kind for number in range(2000))
    assert max(first["closer"], first["follow"], first["colours"]) < 480  # 400 expected, 17.9 is one sigma
    assert min(first["closer"], first["follow"], first["colours"]) > 320


def test_no_colour_follows_itself_and_none_flashes_faster_than_three_times_a_second():
    for number in range(100):
        colours = next(step for step in challenge(f"n-{number}").steps if step.kind == "colours")
        assert all(a != b for a, b in pairwise(colours.colours))
    assert 1 / draw.FLASH_SECONDS < 3  # WCAG 2.2, success criterion 2.3.1


def test_the_screen_is_dark_before_and_after_the_colours():
    step = next(step for step in challenge("n").steps if step.kind == "colours")
    assert colour_at(step, 0.1) == colour_at(step, step.seconds - 0.1) == (0, 0, 0)
    assert colour_at(step, draw.DARK_SECONDS + 0.1) == draw.SCREEN[step.colours[0]]


def test_the_point_starts_in_the_middle_and_comes_back():
    step = next(step for step in challenge("n").steps if step.kind == "follow")
    assert point_at(step, 0.1) == point_at(step, step.seconds - 0.1) == (0.0, 0.0)
    assert point_at(step, draw.POINT_SECONDS + 0.1) == step.path[0]
