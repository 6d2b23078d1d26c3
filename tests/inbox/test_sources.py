"""Whoever calls without the secret: told of once an hour, and of all of them together not without an end."""

from __future__ import annotations

from syncd.inbox.sources import ADDRESSES_MAX, TOLD_MAX, TOLD_SECONDS, Sources


def test_an_address_is_told_of_once_an_hour_however_slowly_it_calls() -> None:
    sources = Sources()
    told = [now for now in range(0, 3 * int(TOLD_SECONDS), 4) if sources.was_wrong("198.51.100.7", now)]
    assert told == [0, 3_600, 7_200]


def test_of_all_addresses_together_few_are_told_of_in_an_hour() -> None:
    sources = Sources()

    def lines(since: float) -> int:
        calls = ADDRESSES_MAX + 1_000  # more than are remembered
        return sum(sources.was_wrong(f"2001:db8::{n:x}", since + n / 10) for n in range(calls))

    assert [lines(hours * TOLD_SECONDS) for hours in (0, 1, 2)] == [TOLD_MAX] * 3


def test_who_was_not_told_of_in_the_crowd_is_told_of_after_it() -> None:
    sources = Sources()
    for n in range(TOLD_MAX):
        assert sources.was_wrong(f"2001:db8::{n:x}", 0.0)
    assert not sources.was_wrong("198.51.100.7", TOLD_SECONDS - 1.0)
    assert sources.was_wrong("198.51.100.7", TOLD_SECONDS)
