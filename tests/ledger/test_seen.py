"""The ledger knows how far time had come, so that a machine with an earlier clock goes on from there."""

from __future__ import annotations

from contextlib import suppress

import pytest

from syncd.core.quantity import SECOND, Instant
from syncd.ledger.hop import InlineHop
from syncd.ledger.ledger import open_ledger
from syncd.ledger.lock import ProcessLock
from tests.ledger.entries import Stopped, add, bad

START = 1_780_000_000 * SECOND


class HandClock:
    """Passes where a test says so."""

    at = START

    def now(self) -> Instant:
        return Instant(self.at)

    wall = now

    def monotonic(self) -> float:
        return self.at / SECOND

    async def sleep(self, wait_seconds: float) -> None:
        raise AssertionError("nobody waits")


async def seen_after(folder, clock, *units) -> Instant:
    """What the next life reads, after each unit was written 0.4 s after the one before."""
    ledger = open_ledger(folder, clock=clock, hop=InlineHop())
    for unit in units:
        clock.at += 400_000
        with suppress(Stopped):
            await ledger.run(unit)
    await ledger.close()
    again = open_ledger(folder, clock=clock, hop=InlineHop(), lock=ProcessLock.acquire(folder))
    await again.close()
    return again.seen


async def test_a_new_ledger_has_seen_nothing(folder):
    assert await seen_after(folder, HandClock()) == 0


@pytest.mark.parametrize("units", range(1, 9))
async def test_nothing_written_is_later_than_what_was_seen(folder, units):
    clock = HandClock()
    seen = await seen_after(folder, clock, *[add(str(n)) for n in range(units)])
    assert clock.at <= seen <= clock.at + SECOND


async def test_a_unit_that_fails_or_writes_nothing_says_nothing(folder):
    assert await seen_after(folder, HandClock(), lambda _: None, bad("bad")) == 0


async def test_an_earlier_clock_does_not_take_back_what_was_seen(folder):
    clock = HandClock()
    seen = await seen_after(folder, clock, add("a"))
    clock.at = START - 3_600 * SECOND
    assert await seen_after(folder, clock, add("b"), add("c"), add("d"), add("e")) == seen
