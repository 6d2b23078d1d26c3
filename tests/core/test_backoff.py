"""Waiting: full jitter within its bounds, and what headers ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.backoff import Backoff, asked_wait, jittered_wait, throttled_wait
from syncd.core.quantity import SECOND, Instant
from syncd.core.quota import WAIT_US_MAX

NOW = Instant(1_700_000_000 * SECOND)  # Tue, 14 Nov 2023 22:13:20 GMT
BOUNDS = Backoff(first_us=SECOND, max_us=60 * SECOND)


@pytest.mark.parametrize(("failures", "bound"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1000, 60)])
def test_the_bound_doubles_with_each_failure_up_to_its_maximum(failures, bound):
    assert jittered_wait(BOUNDS, failures, 1.0) == bound * SECOND


def test_the_jitter_is_full():
    assert jittered_wait(BOUNDS, 5, 0.0) == 0
    assert jittered_wait(BOUNDS, 5, 0.25) == 4 * SECOND


@given(st.integers(0, 10**9), st.floats(0, 1), st.integers(0, 10**8), st.integers(0, 10**9))
def test_no_wait_leaves_its_bounds(failures, draw, first_us, max_us):
    assert 0 <= jittered_wait(Backoff(first_us, max_us), failures, draw) <= max_us


@given(st.integers(1, 40), st.floats(0, 1))
def test_a_further_failure_never_shortens_the_wait_of_the_same_draw(failures, draw):
    assert jittered_wait(BOUNDS, failures, draw) <= jittered_wait(BOUNDS, failures + 1, draw)


@pytest.mark.parametrize(
    ("headers", "wait_seconds"),
    [
        ({}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"X-Retry-After": "12"}, 12),
        ({"Retry-After": "7", "X-Retry-After": "12"}, 12),
        ({"Retry-After": "12", "X-Retry-After": "7"}, 12),
        ({"RateLimit-Retry-After": "9"}, 9),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:10 GMT"}, 0),  # in the past
        # the date is the server's, and so is the clock it was made with: 5 minutes ahead of ours
        ({"Retry-After": "Tue, 14 Nov 2023 22:18:50 GMT", "Date": "Tue, 14 Nov 2023 22:18:20 GMT"}, 30),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": ""}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "NaN"}, 0),
        ({"Retry-After": "999999999"}, WAIT_US_MAX / SECOND),
        ({"Retry-After": "Fri, 14 Nov 2203 22:13:50 GMT"}, WAIT_US_MAX / SECOND),
    ],
)
def test_an_answer_asks_to_wait_in_many_ways(headers, wait_seconds):
    assert asked_wait(headers, NOW) == wait_seconds * SECOND


@pytest.mark.parametrize(
    ("headers", "wait_seconds"),
    [
        ({}, 0),
        ({"X-Rate-Limit-Time-Reset-Ms": "15000"}, 15),
        ({"X-Rate-Limit-Time-Reset-Ms": "15000", "X-Retry-After": "20"}, 20),
        ({"X-Rate-Limit-Time-Reset-Ms": "15000", "X-Retry-After": "10"}, 15),
        ({"X-Rate-Limit-Time-Reset-Ms": "15000", "X-Rate-Limit-Requests-Left": "35"}, 15),  # the vendor's own sample
        ({"RateLimit-Reset": "8", "Retry-After": "3"}, 8),
        ({"RateLimit-Reset": str(1_700_000_000 + 25)}, 25),  # WooCommerce's Store API gives a Unix time
        ({"RateLimit-Reset": str(1_700_000_000 - 25)}, 0),
    ],
)
def test_a_throttled_answer_is_waited_for_until_the_later_of_retry_and_reset(headers, wait_seconds):
    assert throttled_wait(headers, NOW) == wait_seconds * SECOND


HEADER = st.sampled_from(
    ["Retry-After", "X-Retry-After", "X-Rate-Limit-Time-Reset-Ms", "RateLimit-Reset", "Date", "RateLimit-Retry-After"]
)


@given(st.dictionaries(HEADER, st.text(max_size=40) | st.integers().map(str) | st.floats().map(str)))
def test_no_header_breaks_or_stops_us(headers):
    assert 0 <= throttled_wait(headers, NOW) <= WAIT_US_MAX
