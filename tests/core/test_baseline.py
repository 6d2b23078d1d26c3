"""BASELINE: what orders from before the cutover had committed at the cutover."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.baseline import at_cutover, belongs, was_over
from syncd.core.commitment import commitment
from syncd.core.order import Phase
from syncd.core.policy import CountOn
from syncd.core.quantity import SECOND, Instant, Quantity, units
from tests.core.orders_by_hand import CREATED, line, order, policy

CUTOVER = Instant(CREATED + 100 * SECOND)
BEFORE, AFTER = 50, 200  # seconds after the order was created, of which the cutover is at 100
EARLY, LATE = Instant(CREATED + BEFORE * SECOND), Instant(CREATED + AFTER * SECOND)


def at(phase, of=None, *, count_on=CountOn.PLACED, **dates):
    """(units at the cutover, whether they are decided) of an order that was modified after the cutover."""
    of = of or line(3)
    state = order(phase, of, after_seconds=AFTER, **dates)
    rules = policy(count_on=count_on)
    now, _ = commitment(state, of, rules, Quantity(0))
    told = at_cutover(state, of, now, rules, CUTOVER)
    return told.units // units(1), not told.undecided


def test_baseline_begins_at_the_cutover_in_the_shop_s_clock():
    assert belongs(order(Phase.PAID), CUTOVER)
    assert not belongs(msgspec.structs.replace(order(Phase.PAID), created=CUTOVER), CUTOVER)


@pytest.mark.parametrize("phase", Phase)
def test_baseline_an_order_that_has_not_changed_since_had_committed_what_it_commits(phase):
    of = line(3, restocked=1)
    state = order(phase, of, after_seconds=BEFORE)
    now, _ = commitment(state, of, policy(), Quantity(0))
    told = at_cutover(state, of, now, policy(), CUTOVER)
    assert (told.units, told.undecided) == (now, "")


def test_baseline_placed_before_counts_as_before_though_it_was_paid_and_shipped_since():
    assert at(Phase.PAID, paid=LATE) == (3, True)
    assert at(Phase.COMPLETED, completed=LATE) == (3, True)


def test_baseline_placed_before_and_paid_after_moves_stock_after_where_payment_counts():
    assert at(Phase.PAID, count_on=CountOn.PAID, paid=LATE) == (0, True)
    assert at(Phase.PAID, count_on=CountOn.PAID, paid=EARLY) == (3, True)


def test_baseline_completed_after_moves_stock_after_where_completion_counts():
    assert at(Phase.COMPLETED, count_on=CountOn.COMPLETED, paid=EARLY, completed=LATE) == (0, True)
    assert at(Phase.COMPLETED, count_on=CountOn.COMPLETED, completed=EARLY) == (3, True)


def test_baseline_what_does_not_count_yet_will_count_later():
    assert at(Phase.PLACED, count_on=CountOn.PAID) == (0, True)
    assert at(Phase.PENDING) == (0, True)


@pytest.mark.parametrize("count_on", [CountOn.PAID, CountOn.COMPLETED])
def test_baseline_without_a_date_that_tells_it_is_never_guessed(count_on):
    """BigCommerce names no instant of payment."""
    assert at(Phase.COMPLETED, count_on=count_on)[1] is False


def test_baseline_restocked_since_or_before_can_t_be_told():
    assert at(Phase.PAID, line(3, restocked=1))[1] is False


def test_baseline_restocked_after_it_began_to_count_after_the_cutover_is_decided():
    assert at(Phase.PAID, line(3, restocked=1), count_on=CountOn.PAID, paid=LATE) == (0, True)


def test_baseline_cancelled_since_or_before_can_t_be_told():
    assert at(Phase.CANCELLED)[1] is False
    assert at(Phase.CANCELLED, count_on=CountOn.PAID, paid=EARLY)[1] is False
    assert at(Phase.CANCELLED, count_on=CountOn.PAID)[1] is False  # was it paid? This platform tells no date of it


def test_baseline_cancelled_and_never_paid_had_committed_nothing_where_payment_counts():
    assert at(Phase.CANCELLED, line(3, reduced=0), count_on=CountOn.PAID) == (0, True)
    assert at(Phase.CANCELLED, count_on=CountOn.PAID, paid=LATE) == (0, True)
    assert at(Phase.CANCELLED, count_on=CountOn.COMPLETED) == (0, True)


def test_baseline_partly_shipped_at_an_unknown_time_can_t_be_told():
    assert at(Phase.PAID, line(3, shipped=1), count_on=CountOn.COMPLETED)[1] is False


@pytest.mark.parametrize(
    ("phase", "after_seconds", "dates", "over"),
    [
        (Phase.COMPLETED, BEFORE, {}, True),
        (Phase.COMPLETED, AFTER, {"completed": EARLY}, True),
        (Phase.COMPLETED, AFTER, {"completed": LATE}, False),
        (Phase.CANCELLED, BEFORE, {}, True),
        (Phase.CANCELLED, AFTER, {}, False),
        (Phase.PAID, BEFORE, {}, False),
    ],
)
def test_baseline_whether_the_erp_has_counted_the_open_ones_is_not_asked_of_those_that_were_over(
    phase, after_seconds, dates, over
):
    assert was_over(order(phase, after_seconds=after_seconds, **dates), CUTOVER) is over


DATES = st.none() | st.sampled_from([EARLY, CUTOVER, LATE])


@given(
    st.sampled_from(Phase), st.integers(0, 3), st.sampled_from([0, 0, 1]), st.sampled_from([0, 0, 1]),
    st.sampled_from(CountOn), DATES, DATES, st.sampled_from([BEFORE, 100, AFTER]),
)  # fmt: skip
def test_baseline_what_is_decided_is_all_or_nothing_of_what_is_committed_now(
    phase, quantity, restocked, shipped, count_on, paid, completed, after_seconds
):
    of = line(quantity, restocked=min(restocked, quantity), shipped=min(shipped, quantity))
    state = order(phase, of, after_seconds=after_seconds, paid=paid, completed=completed)
    rules = policy(count_on=count_on)
    now, _ = commitment(state, of, rules, Quantity(0))
    told = at_cutover(state, of, now, rules, CUTOVER)
    assert told.units in (0, now)
