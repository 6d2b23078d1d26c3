"""The quota: spacing learnt from headers, tightened by others' use, blocked on demand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.quantity import SECOND, Instant
from syncd.core.quota import (
    INTERVAL_US_MIN,
    UNSEEN,
    WAIT_US_MAX,
    Observation,
    begin,
    block,
    next_slot,
    observe,
    read_headers,
    take,
)

NOW = Instant(1_700_000_000 * SECOND)
WINDOW = 30 * SECOND
BIGCOMMERCE = {
    "X-Rate-Limit-Time-Window-Ms": "30000",
    "X-Rate-Limit-Time-Reset-Ms": "15000",
    "X-Rate-Limit-Requests-Quota": "150",
    "X-Rate-Limit-Requests-Left": "100",
}


def test_while_nothing_is_known_requests_keep_the_configured_distance():
    quota = begin(share=0.5, interval_default_us=SECOND)
    assert next_slot(quota, 0) == 0
    quota = take(quota, 0)
    assert next_slot(quota, 0) == SECOND
    assert next_slot(quota, SECOND // 4) == 3 * SECOND // 4
    assert next_slot(quota, 5 * SECOND) == 0


def test_a_pause_is_not_saved_up_for_a_burst():
    quota = take(begin(share=0.5, interval_default_us=SECOND), 0)
    quota = take(quota, 1000 * SECOND)
    assert next_slot(quota, 1000 * SECOND) == SECOND


def test_half_of_a_quota_of_150_in_30_seconds_is_a_request_each_four_tenths_of_a_second():
    quota = observe(begin(share=0.5, interval_default_us=SECOND), Observation(150, WINDOW, 150, WINDOW), 0)
    assert next_slot(take(quota, 0), 0) == 400_000


def test_what_others_have_used_up_widens_the_distance_until_the_reset_and_no_longer():
    quota = observe(begin(share=0.5, interval_default_us=SECOND), Observation(150, WINDOW, 20, 20 * SECOND), 0)
    quota = take(quota, 0)
    assert next_slot(quota, 0) == 2 * SECOND  # 20 left, 10 for us, in 20 s
    quota = take(quota, 19 * SECOND)
    assert next_slot(quota, 19 * SECOND) == SECOND  # the new window begins before two seconds have passed
    assert next_slot(take(quota, 20 * SECOND), 20 * SECOND) == 400_000


def test_when_nothing_is_left_nothing_starts_before_the_reset():
    quota = observe(begin(share=1.0, interval_default_us=0), Observation(150, WINDOW, 0, 12 * SECOND), SECOND)
    assert next_slot(quota, SECOND) == 12 * SECOND
    assert next_slot(quota, 13 * SECOND) == 0


def test_a_block_holds_until_its_end_and_a_shorter_one_does_not_end_it():
    quota = block(block(begin(share=1.0, interval_default_us=0), 10 * SECOND, 0), SECOND, 0)
    assert next_slot(quota, 0) == 10 * SECOND
    assert next_slot(quota, 10 * SECOND) == 0


def test_neither_a_block_nor_a_quota_of_almost_nothing_stops_us_for_longer_than_an_hour():
    assert next_slot(block(begin(share=1.0, interval_default_us=0), 10**15, 0), 0) == WAIT_US_MAX
    quota = observe(begin(share=0.001, interval_default_us=0), Observation(1, 10**15, 1, 10**15), 0)
    assert next_slot(take(quota, 0), 0) == WAIT_US_MAX


def test_an_unlimited_plan_is_still_not_stormed():
    quota = observe(begin(share=1.0, interval_default_us=SECOND), Observation(10**9, WINDOW, 10**9, WINDOW), 0)
    assert next_slot(take(quota, 0), 0) == INTERVAL_US_MIN


@pytest.mark.parametrize("limit", [0, None])
def test_a_limit_that_says_nothing_changes_nothing(limit):
    quota = begin(share=1.0, interval_default_us=SECOND)
    assert observe(quota, Observation(limit, WINDOW), 0).interval_us == SECOND
    assert observe(quota, UNSEEN, 0) is quota


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        begin(share=share, interval_default_us=0)


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, UNSEEN),
        (BIGCOMMERCE, Observation(150, WINDOW, 100, 15 * SECOND)),
        ({"X-Rate-Limit-Requests-Left": "x", "X-Rate-Limit-Time-Reset-Ms": "-3"}, UNSEEN),
        (
            {"RateLimit-Limit": "25", "RateLimit-Remaining": "3", "RateLimit-Reset": "1700000004"},
            Observation(25, None, 3, 4 * SECOND),
        ),
        (
            {"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "5", "RateLimit-Reset": "9"},
            Observation(100, 60 * SECOND, 5, 9 * SECOND),
        ),
        ({"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59"}, Observation(60, None, 59, None)),
    ],
)
def test_headers_are_read_as_their_vendors_mean_them(headers, seen):
    assert read_headers(headers, NOW) == seen


NAMES = [*BIGCOMMERCE, "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Date"]
TEXT = st.text(max_size=30) | st.integers(-10, 10**18).map(str)


@given(st.dictionaries(st.sampled_from(NAMES), TEXT), st.integers(0, 10**12), st.floats(0.001, 1))
def test_no_headers_break_us_or_stop_us_for_longer_than_an_hour(headers, now_us, share):
    quota = begin(share=share, interval_default_us=SECOND)
    quota = observe(take(quota, now_us), read_headers(headers, NOW), now_us)
    assert 0 <= next_slot(quota, now_us) <= WAIT_US_MAX
    assert next_slot(quota, now_us + WAIT_US_MAX) == 0


@given(
    limit=st.integers(2, 400),
    share=st.floats(0.05, 1),
    offset_us=st.integers(0, WINDOW),
    pauses=st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=300),
    others=st.lists(st.integers(0, 3), min_size=1, max_size=40),
)
def test_no_window_sees_more_than_our_share_and_one_request(limit, share, offset_us, pauses, others):
    """A store that counts windows of its own, other apps that use it too, and us, who ask whenever we may."""
    quota = begin(share=share, interval_default_us=SECOND)
    now_us, used, window = 0, 0, -1
    starts: list[int] = []
    for step, pause_us in enumerate(pauses):
        now_us += pause_us % (SECOND // 2) if step % 3 else 0
        now_us += next_slot(quota, now_us)
        assert next_slot(quota, now_us) == 0
        quota = take(quota, now_us)
        starts.append(now_us)
        current = (now_us + offset_us) // WINDOW
        if current != window:
            window, used = current, 0
        used = min(limit, used + 1 + others[step % len(others)])
        reset_us = (current + 1) * WINDOW - offset_us - now_us
        quota = observe(quota, Observation(limit, WINDOW, limit - used, reset_us), now_us)
    learnt = starts[2:]  # the first two are before anything was known
    for index, start in enumerate(learnt):
        within = sum(1 for other in learnt[index:] if other < start + WINDOW)
        assert within <= limit * share + 1 + 1e-6
