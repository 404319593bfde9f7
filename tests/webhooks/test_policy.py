from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.webhooks.policy import (
    BACKOFF,
    DISABLE_FAILURES,
    GIVE_UP,
    HOLD_FROM,
    HOLD_LONGEST,
    MAX_RETRY_AFTER,
    Health,
    after_failure,
    crowded_until,
    has_room,
    is_lost,
    next_attempt,
    spared_until,
)

NOW = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)
END = NOW + GIVE_UP


def test_waits_grow_and_the_whole_schedule_fits_into_a_day():
    assert list(BACKOFF) == sorted(BACKOFF)
    assert timedelta(hours=20) < sum(BACKOFF, timedelta()) < timedelta(hours=24)


@given(st.floats(0, 1))
def test_jitter_only_shortens_and_by_at_most_a_fifth(dice):
    wait = next_attempt(1, now=NOW, expires_at=END, dice=dice) - NOW
    assert BACKOFF[0] * 0.8 <= wait <= BACKOFF[0]


@given(st.lists(st.floats(0, 1), min_size=len(BACKOFF), max_size=len(BACKOFF)))
def test_with_any_dice_all_eleven_attempts_happen_within_the_day(dice):
    now = NOW
    for attempt, throw in enumerate(dice, start=1):
        now = next_attempt(attempt, now=now, expires_at=END, dice=throw)
    assert now < END
    assert next_attempt(len(BACKOFF) + 1, now=now, expires_at=END, dice=0.5) is None


def test_no_attempt_is_planned_beyond_the_end():
    assert next_attempt(1, now=END - timedelta(seconds=5), expires_at=END, dice=0.0) is None


def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_ever():
    assert next_attempt(1, now=NOW, expires_at=END, dice=0.0, retry_after=120) == NOW + timedelta(seconds=120)
    assert next_attempt(1, now=NOW, expires_at=END, dice=0.0, retry_after=1) == NOW + BACKOFF[0]
    assert next_attempt(1, now=NOW, expires_at=END, dice=0.0, retry_after=999_999) == NOW + MAX_RETRY_AFTER


def test_an_endpoint_is_spared_from_the_third_failure_and_never_for_longer_than_five_minutes():
    health = Health()
    for failure in range(1, 40):
        health = after_failure(health, now=NOW)
        assert (health.held_until is not None) is (failure >= HOLD_FROM)
    assert health.held_until == NOW + HOLD_LONGEST
    assert health.failing_since == NOW


@pytest.mark.parametrize(
    ("failures", "hours", "lost"),
    [(DISABLE_FAILURES, 72, True), (DISABLE_FAILURES, 71, False), (DISABLE_FAILURES - 1, 500, False)],
)
def test_an_endpoint_is_lost_after_three_days_of_many_failures(failures, hours, lost):
    assert is_lost(Health(failures, NOW), now=NOW + timedelta(hours=hours)) is lost


def test_a_healthy_endpoint_is_never_lost():
    assert not is_lost(Health(), now=NOW)


def test_an_endpoint_and_a_tenant_have_their_bounds():
    assert has_room(to_endpoint=5, to_tenant=7)
    assert not has_room(to_endpoint=6, to_tenant=6)
    assert not has_room(to_endpoint=0, to_tenant=8)


@given(st.integers(0, 100_000), st.floats(0, 1))
def test_however_many_wait_none_looks_again_at_once_or_after_more_than_its_bound(waiting, dice):
    assert NOW < crowded_until(now=NOW, waiting=waiting, dice=dice) <= NOW + timedelta(seconds=61)
    assert NOW <= spared_until(NOW, waiting=waiting, dice=dice) <= NOW + timedelta(hours=1)
