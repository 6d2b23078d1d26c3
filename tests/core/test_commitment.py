"""commitment: the table of the accounts, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.commitment import commitment, shipped_floor
from syncd.core.order import Phase
from syncd.core.policy import CountOn, OnCancel, Returns, counts
from syncd.core.quantity import Quantity, units
from tests.core.orders_by_hand import line, order, policy

NOTHING = Quantity(0)


def committed(phase, of, *, taken=0, shipped_before=0, **rules):
    return commitment(order(phase, of), of, policy(**rules), units(taken), shipped_before=units(shipped_before))


@pytest.mark.parametrize("phase", [Phase.DRAFT, Phase.PENDING])
@pytest.mark.parametrize("count_on", CountOn)
def test_not_placed_yet_commits_nothing_though_the_shop_may_have_taken_it(phase, count_on):
    assert committed(phase, line(3), taken=3, count_on=count_on) == (NOTHING, "not placed")


def test_placed_commits_the_quantity_by_the_tenant_s_policy():
    assert committed(Phase.PLACED, line(3)) == (units(3), "placed")
    assert committed(Phase.PLACED, line(3), count_on=CountOn.PAID) == (NOTHING, "not paid yet")
    assert committed(Phase.PAID, line(3), count_on=CountOn.PAID) == (units(3), "paid")
    assert committed(Phase.PAID, line(3), count_on=CountOn.COMPLETED) == (NOTHING, "not completed yet")
    assert committed(Phase.COMPLETED, line(3), count_on=CountOn.COMPLETED) == (units(3), "completed")


def test_refunded_commits_less_by_the_units_restocked():
    assert committed(Phase.PAID, line(3, restocked=1)) == (units(2), "restocked")
    assert committed(Phase.REFUNDED, line(3, restocked=3)) == (NOTHING, "restocked")


def test_a_refund_of_money_alone_changes_nothing():
    assert committed(Phase.REFUNDED, line(3)) == (units(3), "refunded")


@pytest.mark.parametrize("phase", [Phase.CANCELLED, Phase.GONE])
def test_cancelled_and_gone_commit_nothing(phase):
    assert committed(phase, line(3), taken=3) == (NOTHING, str(phase))


@pytest.mark.parametrize("phase", [Phase.CANCELLED, Phase.GONE])
def test_cancelled_commits_what_the_shop_keeps_where_the_tenant_follows_it(phase):
    assert committed(phase, line(3), taken=3, on_cancel=OnCancel.FOLLOW_STORE)[0] == units(3)
    assert committed(phase, line(3), taken=0, on_cancel=OnCancel.FOLLOW_STORE)[0] == NOTHING


def test_shipped_units_stay_committed_when_the_order_is_cancelled():
    assert committed(Phase.CANCELLED, line(3, shipped=2)) == (units(2), "shipped")


def test_shipped_units_stay_committed_when_the_line_is_edited_below_them():
    assert committed(Phase.PAID, line(1, shipped=2)) == (units(2), "shipped")


def test_shipped_before_the_order_counts_they_count():
    assert committed(Phase.PAID, line(3, shipped=1), count_on=CountOn.COMPLETED) == (units(1), "shipped")


def test_shipped_and_returned_through_the_store_is_given_back_once():
    assert committed(Phase.REFUNDED, line(3, shipped=3, restocked=2))[0] == units(1)
    assert committed(Phase.CANCELLED, line(3, shipped=3, restocked=3))[0] == NOTHING


def test_shipped_and_returned_is_left_to_the_erp_where_the_erp_books_returns():
    assert committed(Phase.REFUNDED, line(3, shipped=3, restocked=2), returns=Returns.ERP) == (units(3), "shipped")
    assert committed(Phase.REFUNDED, line(3, restocked=3), shipped_before=3, returns=Returns.ERP)[0] == units(3)


def test_restocked_before_it_was_shipped_is_given_back_whoever_books_returns():
    assert committed(Phase.PAID, line(3, shipped=1, restocked=1), returns=Returns.ERP)[0] == units(2)


LINES = st.builds(
    line,
    st.integers(0, 5),
    restocked=st.integers(0, 5),
    shipped=st.integers(0, 5),
)


@given(
    st.sampled_from(Phase), LINES, st.integers(0, 5), st.sampled_from(CountOn), st.sampled_from(OnCancel),
    st.sampled_from(Returns), st.integers(0, 5),
)  # fmt: skip
def test_shipped_no_state_commits_less_than_was_shipped_and_not_returned(
    phase, of, taken, count_on, on_cancel, returns, before
):
    told, _ = committed(
        phase, of, taken=taken, shipped_before=before, count_on=count_on, on_cancel=on_cancel, returns=returns
    )
    rules = policy(returns=returns)
    assert told >= shipped_floor(of, rules, units(before))
    assert told >= (of.shipped if returns is Returns.ERP else of.shipped - of.restocked)
    if counts(phase, count_on):
        assert told >= of.quantity - of.restocked
