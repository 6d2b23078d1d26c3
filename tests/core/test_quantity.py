"""Quantities: exact at the edge, integers within."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.quantity import (
    QUANTITY_MAX,
    SECOND,
    UNIT,
    floor_to_whole,
    is_whole,
    microseconds,
    parse,
    seconds,
    show,
    units,
)

AMOUNTS = st.integers(-QUANTITY_MAX, QUANTITY_MAX)


@pytest.mark.parametrize(
    ("told", "meant"),
    [(3, 30_000), ("2.5", 25_000), ("-1", -10_000), (0.1, 1_000), (Decimal("0.0001"), 1), ("1e3", 10_000_000), (0, 0)],
)
def test_a_platform_s_number_is_read_exactly(told, meant):
    assert parse(told) == meant


@pytest.mark.parametrize(
    "told", ["0.00001", 0.00001, "nan", "inf", float("inf"), "sNaN", "", "three", None, [], 10**12, "1e12", "1e999999"]
)
def test_what_is_no_usable_quantity_is_refused_with_the_one_error_that_quarantines_its_item(told):
    with pytest.raises(ValueError, match=r"number|quantity|finer"):
        parse(told)


@given(AMOUNTS)
@example(-1)
@example(-25_000)
def test_what_is_shown_is_read_back_as_the_same_number(amount):
    assert parse(show(amount)) == amount


@given(st.text() | st.floats() | st.decimals() | st.integers())
def test_whatever_a_platform_sends_is_a_quantity_within_bounds_or_a_value_error(told):
    try:
        amount = parse(told)
    except ValueError:
        return
    assert type(amount) is int
    assert abs(amount) <= QUANTITY_MAX


@given(AMOUNTS)
def test_rounding_to_whole_units_never_rounds_up(amount):
    whole = floor_to_whole(amount)
    assert is_whole(whole)
    assert whole <= amount < whole + UNIT


def test_below_zero_is_rounded_away_from_zero():
    assert floor_to_whole(parse("-0.5")) == units(-1)


def test_durations_go_both_ways():
    assert seconds(1_500_000) == 1.5
    assert microseconds(1.5) == 1_500_000 == SECOND * 3 // 2
