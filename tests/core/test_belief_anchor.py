"""An item that is read more often than its own writes take to land: all new readings are wide, an older one is exact."""

from __future__ import annotations

from syncd.core.belief import CONFIRMED, Interval, ItemBook, Reading, Write, believe
from syncd.core.quantity import NEVER, SECOND, Instant, units


def at(second: float) -> Instant:
    return Instant(round(second * SECOND))


RAISE = Write(1, units(5), None, at(10), at(15), CONFIRMED)
WHILE_IT_LANDS = tuple(Reading(units(66), at(second), at(second + 5)) for second in (6, 8, 10, 12))


def test_readings_taken_while_an_own_write_lands_are_wide_by_it():
    assert believe(ItemBook(WHILE_IT_LANDS, (), (RAISE,)), NEVER).interval == Interval(units(66), units(71))


def test_a_reading_from_before_an_own_write_stays_exact_however_many_are_newer():
    before = Reading(units(61), at(0), at(5))
    belief = believe(ItemBook((before, *WHILE_IT_LANDS), (), (RAISE,)), NEVER)
    assert belief.interval == Interval(units(66), units(66))
    assert before in belief.used
    assert not belief.drift


def test_an_older_reading_that_contradicts_the_newer_ones_is_drift_and_the_newest_speaks():
    before = Reading(units(80), at(0), at(5))
    belief = believe(ItemBook((before, *WHILE_IT_LANDS), (), (RAISE,)), NEVER)
    assert belief.drift
    assert belief.used == WHILE_IT_LANDS[-1:]
