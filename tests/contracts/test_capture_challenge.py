"""kyc draws the challenge, ml judges it; neither imports the other, so this holds them to the same answers."""

from __future__ import annotations

from kyc.capture import challenge
from ml.liveness.active import draw


def test_both_sides_draw_the_same_steps():
    for number in range(300):
        nonce, secret = f"nonce-{number}", bytes([number % 256]) * 32
        theirs = draw.draw(draw.seed(nonce, secret))
        ours = challenge.draw(challenge.seed(nonce, secret))
        assert [(s.kind, s.seconds, list(s.colours), [list(p) for p in s.path]) for s in theirs.steps] == [
            (s["kind"], s["seconds"], s["colours"], s["path"]) for s in ours]  # fmt: skip


def test_both_sides_show_the_same_light_for_the_same_time():
    assert challenge.SCREEN == draw.SCREEN
    for name in ("FLASH_SECONDS", "DARK_SECONDS", "POINT_SECONDS", "VERSION"):
        assert getattr(challenge, name) == getattr(draw, name)
