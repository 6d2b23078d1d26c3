"""Belief: an interval that always contains the book; by examples, and against a modelled shop and its daemon."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.belief import (
    CONFIRMED,
    DOUBT,
    SENT,
    UNKNOWN,
    Change,
    Course,
    Interval,
    ItemBook,
    Reading,
    Write,
    believe,
)
from syncd.core.quantity import NEVER, Instant, units
from tests.core.modelled_shop import Setup, World

LATE = Instant(1_000)


def reading(level, began, ended, write=0):
    return Reading(units(level), Instant(began), Instant(ended), write)


def taking(sold, began, ended, *, plain=True, most=None):
    """A placing of `sold` units, or (not plain) a change that may have been anywhere from nothing to `most` meanwhile."""
    top = sold if most is None else most
    return Change(
        Instant(began),
        Instant(ended),
        units(0),
        units(sold),
        units(sold),
        units(min(0, sold)),
        units(max(0, top)),
        plain,
    )


def put(seq, level, change, base, began, ended, state=CONFIRMED):
    return Write(seq, units(change), units(level), Instant(began), Instant(ended), state, Instant(base))


def add(seq, change, began, ended, state=CONFIRMED):
    return Write(seq, units(change), None, Instant(began), Instant(ended), state)


def known(readings, changes=(), writes=(), drained=LATE):
    belief = believe(ItemBook(tuple(readings), tuple(changes), tuple(writes)), drained)
    return belief.interval.lo // units(1), belief.interval.hi // units(1)


def test_nothing_is_known_without_a_reading():
    belief = believe(ItemBook((), (), ()), LATE)
    assert not belief.interval.is_known
    assert not belief.drift


def test_a_reading_counts_once_the_orders_are_drained_past_it():
    assert known([reading(10, 100, 110)], drained=Instant(110)) == (10, 10)
    assert not believe(ItemBook((reading(10, 100, 110),), (), ()), Instant(109)).interval.is_known


@pytest.mark.parametrize(
    ("began", "ended", "interval"),
    [
        (50, 99, (10, 10)),  # surely before: it is in the reading
        (111, 150, (7, 7)),  # surely after: it moves the interval
        (90, 105, (7, 10)),
        (50, 100, (7, 10)),
        (110, 150, (7, 10)),
    ],
)
def test_each_taking_is_before_the_reading_after_it_or_ambiguous(began, ended, interval):
    assert known([reading(10, 100, 110)], [taking(3, began, ended)]) == interval


@pytest.mark.parametrize(
    ("write", "interval"),
    [
        (add(1, 5, 50, 99), (10, 10)),
        (add(1, 5, 120, 130), (15, 15)),
        (add(1, 5, 105, 130), (10, 15)),
        (add(1, -5, 105, 130), (5, 10)),
        (add(1, 5, 120, 130, DOUBT), (10, 15)),
        (add(1, 5, 105, 130, DOUBT), (10, 15)),
        (add(1, -5, 105, 130, DOUBT), (5, 10)),
        (add(1, -5, 120, NEVER, SENT), (5, 10)),
        (add(1, -5, 50, 99, DOUBT), (10, 10)),
    ],
)
def test_an_own_write_of_unknown_outcome_widens_belief_until_a_reading_is_surely_after_it(write, interval):
    assert known([reading(10, 100, 110)], (), [write]) == interval


def test_no_quiet_moment_is_needed_the_readings_intersect():
    changes = [taking(3, 90, 105), taking(2, 205, 230)]
    assert known([reading(10, 100, 110)], changes) == (5, 8)
    assert known([reading(7, 200, 210)], changes) == (5, 7)
    assert known([reading(10, 100, 110), reading(7, 200, 210)], changes) == (5, 7)


def test_drift_readings_that_contradict_each_other_leave_the_word_to_the_newest():
    belief = believe(ItemBook((reading(10, 100, 110), reading(8, 200, 210)), (), ()), LATE)
    assert belief.drift
    assert belief.interval == Interval(units(8), units(8))
    assert belief.used == (reading(8, 200, 210),)


def test_an_absolute_write_that_is_known_to_be_applied_is_a_reading():
    writes = [put(1, 12, 2, 100, 110, 120)]
    assert known([reading(12, 110, 120, write=1)], [taking(3, 200, 210)], writes) == (9, 9)


def test_an_absolute_write_changes_the_level_by_what_it_meant_to():
    assert known([reading(10, 50, 60)], (), [put(1, 12, 2, 100, 110, 120)]) == (12, 12)
    assert known([reading(10, 50, 60)], [taking(3, 70, 80)], [put(1, 9, 2, 100, 110, 120)]) == (9, 9)


def test_an_absolute_write_may_put_the_level_back_over_a_sale_since_its_base():
    assert known([reading(10, 50, 60)], [taking(3, 105, 115)], [put(1, 12, 2, 100, 110, 120)]) == (9, 12)
    assert known([reading(10, 50, 60)], [taking(3, 121, 130)], [put(1, 12, 2, 100, 110, 120)]) == (9, 9)


def test_an_absolute_write_puts_the_level_back_over_a_sale_that_a_reading_between_has_shown():
    """The reading of 7 contains the sale, the write does not: it was computed from 10."""
    writes = [put(1, 12, 2, 100, 120, 130)]
    lo, hi = known([reading(10, 50, 60), reading(7, 112, 114)], [taking(3, 105, 111)], writes)
    assert lo <= 12 <= hi


@pytest.mark.parametrize("state", [DOUBT, SENT])
def test_an_absolute_write_of_unknown_outcome_is_applied_or_not(state):
    assert known([reading(10, 50, 60)], (), [put(1, 12, 2, 100, 110, 120, state)]) == (10, 12)
    assert known([reading(10, 50, 60), reading(10, 130, 140)], (), [put(1, 12, 2, 100, 110, 120, state)]) == (10, 10)


def test_a_change_there_and_back_within_what_an_absolute_write_overwrites_may_be_half_undone():
    """Cancelled after the write's base was read and placed again before it was put, or the other way round."""
    change = taking(0, 105, 115, plain=False, most=3)
    lo, hi = known([reading(10, 50, 60)], [change], [put(1, 12, 2, 100, 110, 120)])
    assert (lo, hi) == (9, 15)


def test_a_change_to_and_fro_within_what_an_absolute_write_overwrites_is_not_taken_for_a_placing():
    """Placed, cancelled and placed again: the net is a placing, and yet the write may have undone more than that."""
    change = taking(3, 105, 115, plain=False, most=3)
    assert known([reading(10, 50, 60)], [change], [put(1, 12, 2, 100, 110, 120)]) == (6, 12)


def test_a_reading_inside_a_change_that_may_hide_others_comes_last():
    change = taking(0, 90, 150, plain=False, most=3)
    assert known([reading(7, 100, 110)], [change]) == (7, 10)
    assert known([reading(10, 50, 60), reading(7, 100, 110)], [change]) == (10, 10)


def test_an_absolute_write_whose_base_is_older_than_all_that_is_remembered_is_not_carried_over():
    """The ledger forgets what is older than the oldest reading: what the write has overwritten is not known any more."""
    writes = [put(1, 12, 2, 80, 105, 120)]
    assert not believe(ItemBook((reading(10, 100, 110),), (), tuple(writes)), LATE).interval.is_known
    assert known([reading(10, 100, 110), reading(12, 130, 140)], (), writes) == (12, 12)


def test_an_absolute_write_may_undo_another_that_its_base_didn_t_show():
    writes = [put(1, 15, 5, 60, 65, 90, DOUBT), put(2, 9, -1, 85, 100, 110)]
    lo, hi = known([reading(10, 50, 60)], (), writes)
    assert lo <= 9 <= hi  # the first one landed after the second's base was read


def test_the_interval_of_one_reading_is_what_its_neighbours_narrow():
    book = ItemBook((reading(10, 100, 110),), (taking(3, 90, 105),), ())
    assert Course(book).carried(book.readings[0]) == Interval(units(7), units(10))
    assert Interval(units(7), units(10)) & Interval(units(9), UNKNOWN) == Interval(units(9), units(10))


SHOPS = {
    "adds": Setup(),
    "puts": Setup(relative=False),
    "adds and puts": Setup(mixed=True),
    "without a witness": Setup(witnessed=False),
    "puts, without a witness": Setup(relative=False, witnessed=False),
    "slow": Setup(relative=False, hurry=3.0),
    "in a hurry": Setup(mixed=True, hurry=0.4),
    "edits up and down again": Setup(wild=True, mixed=True, hurry=2.0),
    "puts, edits up and down again": Setup(wild=True, relative=False, hurry=2.0),
}


@pytest.mark.parametrize("kind", SHOPS)
@given(st.integers(0, 2**32))
@settings(max_examples=80)
def test_belief_always_contains_the_book_of_a_modelled_shop(kind, seed):
    world = World(SHOPS[kind], seed)
    world.run()


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="an edit within the second of the placing has its stamp")
def test_belief_known_gap_a_quantity_edited_up_and_down_within_the_second_of_the_placing():
    World(Setup(wild=True, hasty=True), 10466).run()


def test_the_modelled_shops_are_known_most_of_the_time_and_narrow_where_little_happens():
    """A belief that claims nothing would be sound as well."""
    calm = [World(Setup(relative=relative, hurry=10.0), seed) for relative in (True, False) for seed in range(20)]
    for world in calm:
        world.run()
    assert sum(world.known for world in calm) > 0.8 * sum(world.checks for world in calm)
    assert sum(world.width for world in calm) < units(3) * sum(world.known for world in calm)
