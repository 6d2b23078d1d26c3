"""What is written to a counter, and what forbids it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.belief import ANYTHING, CONFIRMED, DOUBT, Belief, Interval, ItemBook, Reading, Write
from syncd.core.publish import BRAKE_ITEMS_MIN, Blocked, Surroundings, brake, decide, lost_lowerings
from syncd.core.quantity import Instant, Quantity, units

CALM = Surroundings(erp_fresh=True, orders_fresh=True, in_doubt=False, write_alive=False, lowering_alive=False)
TROUBLES = {
    "erp_fresh": (False, Blocked.ERP_STALE),
    "orders_fresh": (False, Blocked.ORDERS_STALE),
    "in_doubt": (True, Blocked.DOUBT),
    "lowering_alive": (True, Blocked.LANDING),
    "drift_blocks": (True, Blocked.DRIFT),
}


def written(target, lo, hi, floor: int | None = 0, *, absolute=False, **around: Any):
    decision = decide(
        units(target),
        Belief(Interval(units(lo), units(hi))),
        None if floor is None else units(floor),
        msgspec.structs.replace(CALM, **around),
        absolute=absolute,
    )
    return decision.change // units(1), decision.blocked


def test_writing_is_always_target_less_the_upper_end_of_belief():
    assert written(10, 7, 7) == (3, None)
    assert written(10, 12, 13) == (-3, None)
    assert written(10, 8, 11) == (-1, None)
    assert written(10, 8, 10) == (0, None)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_doubt_lowers_and_never_raises(trouble):
    value, why = TROUBLES[trouble]
    assert written(10, 7, 7, **{trouble: value}) == (0, why)
    assert written(5, 7, 7, **{trouble: value}) == (-2, None)


def test_nothing_is_written_to_an_item_that_was_never_read():
    decision = decide(units(5), Belief(ANYTHING), None, CALM, absolute=False)
    assert (decision.change, decision.blocked) == (0, Blocked.UNREAD)


def test_what_is_shown_is_the_greater_of_the_platform_s_floor_and_the_target():
    assert written(-4, 3, 3) == (-3, None)
    assert written(-4, 3, 3, floor=None) == (-7, None)
    assert decide(units(-4), Belief(Interval(units(0), units(0))), units(0), CALM, absolute=False).shown == 0


def test_a_floor_never_raises():
    assert written(-4, -2, -2) == (0, Blocked.BELOW_FLOOR)
    assert written(0, -2, -2) == (0, Blocked.BELOW_FLOOR)
    assert written(1, -2, -2) == (3, None)


@pytest.mark.parametrize("target", [5, 10])
def test_two_absolute_writes_to_one_item_are_never_alive_together(target):
    assert written(target, 7, 7, absolute=True, write_alive=True) == (0, Blocked.LANDING)


def test_a_relative_lowering_waits_for_nothing():
    assert written(5, 7, 7, write_alive=True, lowering_alive=True) == (-2, None)


AROUND = st.builds(
    Surroundings, erp_fresh=st.booleans(), orders_fresh=st.booleans(), in_doubt=st.booleans(), write_alive=st.booleans(),
    lowering_alive=st.booleans(), drift_blocks=st.booleans(),
)  # fmt: skip


@given(
    st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 20), st.none() | st.just(0), AROUND, st.booleans(),
    st.integers(0, 20),
)  # fmt: skip
def test_wherever_the_level_is_within_belief_it_never_ends_above_what_should_show(
    target, lo, width, floor, around, absolute, place
):
    decision = decide(
        Quantity(target), Belief(Interval(Quantity(lo), Quantity(lo + width))), floor, around, absolute=absolute
    )
    level = lo + min(place, width)
    if decision.change > 0:
        assert level + decision.change <= decision.shown
    if decision.change < 0:
        assert decision.change == decision.shown - (lo + width)
    assert decision.shown == (target if floor is None else max(floor, target))


def test_brake_many_items_falling_to_zero_at_once_stop_the_shop():
    assert brake(40, 100, 0.3)
    assert not brake(30, 100, 0.3)


def test_brake_a_handful_of_items_selling_out_is_a_good_day():
    assert not brake(BRAKE_ITEMS_MIN - 1, BRAKE_ITEMS_MIN - 1, 0.3)
    assert brake(BRAKE_ITEMS_MIN, BRAKE_ITEMS_MIN, 0.3)


def lowering(count: int, began: int, state: str = DOUBT, seq: int = 1) -> Write:
    return Write(seq, units(-count), None, Instant(began), Instant(began + 30), state)


def read(began: int, level: int = 35) -> Reading:
    return Reading(units(level), Instant(began), Instant(began + 1))


def test_a_lowering_whose_answer_was_lost_is_not_sent_again_before_a_reading_can_tell():
    book = ItemBook((read(10),), (), (lowering(1, 20), lowering(2, 5, seq=2), lowering(4, 21, CONFIRMED, seq=3)))
    belief = Belief(Interval(units(34), units(35)), used=book.readings)
    lost = lost_lowerings(book, belief, since=Instant(0))
    assert lost == units(1)  # the one of 5 is older than the reading, which has seen the most that it can have left
    assert written(34, 34, 35, lost=lost) == (0, Blocked.DOUBT)
    assert written(31, 34, 35, lost=lost) == (-3, None)  # what else is to be taken off goes at once


def test_it_is_sent_again_when_a_reading_has_told_or_when_none_came_for_long():
    book = ItemBook((read(10), read(25)), (), (lowering(1, 20),))
    belief = Belief(Interval(units(34), units(35)), used=book.readings)
    assert lost_lowerings(book, belief, since=Instant(0)) == 0
    unread = Belief(Interval(units(34), units(35)), used=book.readings[:1])
    assert lost_lowerings(book, unread, since=Instant(0)) == units(1)
    assert lost_lowerings(book, unread, since=Instant(20)) == 0
