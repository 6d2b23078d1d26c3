"""taken: the witness where there is one, else a fold with honest bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.order import Phase
from syncd.core.quantity import Quantity, units
from syncd.core.taking import UNTOLD_MAX, Earlier, take, take_back
from syncd.core.taking_rule import TakingRule
from tests.core.orders_by_hand import FOLDED, WITNESSED, line, order

NOTHING = Quantity(0)


def taking(phase, of, *, was=0, before=None, rule=FOLDED, after_seconds=0, held=None, **values):
    state = order(phase, of, after_seconds=after_seconds, **values)
    earlier = Earlier(before, units(was), units(was if held is None else held))
    return take(state, of, rule, earlier)


def bounds(of):
    return of.low // units(1), of.high // units(1), of.least // units(1), of.most // units(1)


def test_taken_is_what_the_platform_witnesses_whatever_the_order_says():
    assert taking(Phase.PAID, line(3, reduced=2), rule=WITNESSED).taken == units(2)
    assert taking(Phase.CANCELLED, line(3, reduced=3), was=3, before=Phase.PAID, rule=WITNESSED).taken == units(3)
    assert taking(Phase.PENDING, line(3, reduced=0), was=3, before=Phase.PAID, rule=WITNESSED).taken == NOTHING


def test_taken_a_single_placing_hides_nothing():
    told = taking(Phase.PLACED, line(3))
    assert (told.taken, bounds(told), told.plain) == (units(3), (3, 3, 0, 3), True)


def test_taken_an_order_modified_in_the_second_of_its_placing_is_no_placing_when_it_was_known():
    told = taking(Phase.PLACED, line(1), was=3, before=Phase.PLACED)
    assert not told.plain
    assert bounds(told) == (1, 3, 0, 3)


def test_taken_units_that_came_back_within_the_second_of_the_placing_are_another_change():
    told = taking(Phase.PAID, line(3, restocked=1, reduced=2), rule=WITNESSED)
    assert (bounds(told), told.plain) == ((2, 2, 0, 3), False)


def test_taken_an_order_that_was_modified_since_may_hide_a_way_there_and_back():
    told = taking(Phase.PAID, line(3), after_seconds=9)
    assert (told.taken, bounds(told), told.plain) == (units(3), (3, 3, 0, 3), False)


@pytest.mark.parametrize("rule", [FOLDED, WITNESSED])
def test_taken_a_change_that_leaves_the_account_as_it_was_still_matters(rule):
    """There and back again: cancelled and placed anew between two looks shows nothing in the state read in the end."""
    of = line(3, reduced=3) if rule.witnessed else line(3)
    told = taking(Phase.COMPLETED, of, was=3, before=Phase.PAID, rule=rule, after_seconds=9)
    assert (told.taken, bounds(told), told.plain, told.matters) == (units(3), (3, 3, 0, 3), False, True)


def test_taken_nothing_placed_is_nothing_taken_and_doesn_t_matter():
    told = taking(Phase.PENDING, line(3))
    assert (told.taken, told.matters) == (NOTHING, False)
    assert taking(Phase.DRAFT, line(3)).taken == NOTHING


def test_taken_follows_the_settings_in_force_when_the_order_is_cancelled():
    given_back = taking(Phase.CANCELLED, line(3), was=3, before=Phase.PAID, after_seconds=9)
    kept = taking(Phase.CANCELLED, line(3), was=3, before=Phase.PAID, rule=TakingRule(cancel_returns=False))
    assert (given_back.taken, bounds(given_back)[:2]) == (NOTHING, (0, 3))  # no reading has shown it yet
    assert (kept.taken, bounds(kept)[:2]) == (units(3), (3, 3))


@pytest.mark.parametrize("takes_at", ["placed", "shipped"])
@pytest.mark.parametrize("cancel_returns", [False, True])
def test_taken_stays_when_a_cancelled_order_is_read_again_under_other_settings(takes_at, cancel_returns):
    rule = TakingRule(takes_at, cancel_returns=cancel_returns)
    for was in (0, 3):
        told = taking(Phase.CANCELLED, line(3), was=was, held=3, before=Phase.CANCELLED, rule=rule, after_seconds=9)
        assert told.taken == units(was)


@pytest.mark.parametrize("phase", [Phase.PAID, Phase.COMPLETED])
def test_taken_on_placing_stays_when_the_shop_takes_on_shipping_now(phase):
    late = TakingRule("shipped")
    told = taking(phase, line(3, shipped=1), was=3, before=Phase.PAID, rule=late, after_seconds=9)
    assert (told.taken, bounds(told)[:2]) == (units(3), (3, 3))


def test_taken_a_refund_puts_back_no_more_than_was_taken():
    late = TakingRule("shipped")
    told = taking(
        Phase.REFUNDED, line(3, restocked=3, shipped=1), was=1, held=3, before=Phase.PAID, rule=late, after_seconds=9
    )
    assert (told.taken, bounds(told)[:2]) == (NOTHING, (0, 1))


def test_taken_an_edit_moves_the_counter_by_its_difference():
    """Of 5 units 2 were added while edits moved nothing: one more is one more. The shop may as well set the number: in bounds."""
    told = taking(Phase.PAID, line(6), was=3, held=5, before=Phase.PAID, after_seconds=9)
    assert (told.taken, bounds(told)[:2]) == (units(4), (3, 6))


UNPAID = frozenset({Phase.PLACED})


def test_taken_an_unpaid_order_of_which_no_document_tells_may_have_taken_or_not():
    placed = taking(Phase.PLACED, line(3), untold=UNPAID)
    assert (placed.taken, bounds(placed)[:2], placed.plain) == (units(3), (0, 3), False)


def test_taken_a_payment_may_take_what_the_placing_did_not():
    paid = taking(Phase.PAID, line(3), was=3, before=Phase.PLACED, untold=UNPAID, after_seconds=9)
    assert (paid.taken, bounds(paid)[:2]) == (units(3), (3, 6))  # from 3, or from none: 3 more at most


def test_taken_an_order_that_is_over_for_a_reason_of_which_no_document_tells_stays_and_may_have_been_put_back():
    archived = taking(
        Phase.CANCELLED, line(3), was=3, before=Phase.PAID, untold=frozenset({Phase.CANCELLED}), after_seconds=9
    )
    assert (archived.taken, bounds(archived)[:2]) == (units(3), (0, 3))


def test_taken_a_draft_of_which_no_document_tells_may_take_and_what_becomes_of_it_too():
    untold = frozenset({Phase.DRAFT})
    draft = taking(Phase.DRAFT, line(3), untold=untold)
    assert (draft.taken, bounds(draft)[:2]) == (NOTHING, (0, 3))
    placed = taking(Phase.PAID, line(3), before=Phase.DRAFT, held=3, untold=untold, after_seconds=9)
    assert (placed.taken, bounds(placed)[:2]) == (units(3), (0, 3))


def test_taken_an_order_back_from_the_dead_takes_again_what_was_put_back_perhaps():
    back = taking(Phase.PAID, line(3), held=3, before=Phase.CANCELLED, after_seconds=9)
    assert (back.taken, bounds(back)[:2]) == (units(3), (0, 3))
    kept = taking(Phase.PAID, line(3), was=3, before=Phase.CANCELLED, after_seconds=9)
    assert (kept.taken, bounds(kept)[:2]) == (units(3), (3, 6))


def test_taken_follows_the_settings_in_force_when_a_line_is_edited():
    moved = taking(Phase.PAID, line(5), was=3, before=Phase.PAID, after_seconds=9)
    stood = taking(Phase.PAID, line(5), was=3, before=Phase.PAID, rule=TakingRule(edits_adjust=False))
    assert (moved.taken, bounds(moved)[:2]) == (units(5), (3, 5))
    assert stood.taken == units(3)


def test_taken_an_order_changed_before_anybody_saw_it_took_what_was_placed_where_edits_are_not_followed():
    deaf = TakingRule(edits_adjust=False)
    told = taking(Phase.PLACED, line(3), rule=deaf, after_seconds=9)
    assert (told.taken, bounds(told)[:2]) == (
        units(3),
        (0, UNTOLD_MAX // units(1)),
    )  # it may have been placed with less, or more
    assert bounds(taking(Phase.PLACED, line(3), rule=deaf))[:2] == (3, 3)  # nothing happened since the placing
    assert bounds(taking(Phase.PLACED, line(3), before=Phase.PENDING, rule=deaf, after_seconds=9))[:2] == (3, 3)


def test_taken_whatever_the_settings_say_a_refund_as_a_whole_may_have_put_units_back():
    told = taking(
        Phase.REFUNDED, line(3), was=3, before=Phase.PAID, rule=TakingRule(edits_adjust=False), after_seconds=9
    )
    assert (told.taken, bounds(told)[:2]) == (units(3), (0, 3))


def test_taken_an_order_that_was_refunded_and_is_no_more_may_have_been_taken_again():
    told = taking(Phase.PAID, line(3), before=Phase.REFUNDED, rule=TakingRule(edits_adjust=False), after_seconds=9)
    assert bounds(told)[:2] == (0, 3)


def test_taken_restocking_is_followed_even_where_edits_are_not():
    told = taking(Phase.PAID, line(3, restocked=1), was=3, before=Phase.PAID, rule=TakingRule(edits_adjust=False))
    assert told.taken == units(2)


def test_taken_first_seen_in_a_final_state_without_a_witness_is_nothing_and_as_wide_as_the_quantity():
    told = taking(Phase.CANCELLED, line(3), after_seconds=9)
    assert (told.taken, bounds(told)[:2]) == (NOTHING, (0, 3))


def test_taken_at_shipping_follows_what_was_shipped():
    late = TakingRule(takes_at="shipped")
    assert taking(Phase.PAID, line(3, shipped=1), rule=late).taken == units(1)
    assert taking(Phase.COMPLETED, line(3), was=1, before=Phase.PAID, rule=late).taken == units(3)


def test_taken_an_order_that_is_gone_was_put_back_by_nobody():
    assert taking(Phase.GONE, line(3), was=3, before=Phase.PAID).taken == units(3)


def test_taken_a_line_that_vanished_is_put_back_where_edits_adjust():
    doubtful, sure = take_back(units(3), FOLDED), take_back(units(3), WITNESSED)
    assert (doubtful.taken, bounds(doubtful)) == (NOTHING, (0, 3, 0, 3))
    assert (sure.taken, bounds(sure)) == (NOTHING, (0, 0, 0, 3))
    assert bounds(take_back(units(3), TakingRule(edits_adjust=False)))[:2] == (3, 3)


RULES = st.builds(
    TakingRule, st.sampled_from(["placed", "shipped"]), edits_adjust=st.booleans(), cancel_returns=st.booleans()
)
LINES = st.builds(
    lambda quantity, restocked, shipped, reduced: line(
        quantity, restocked=min(quantity, restocked), shipped=shipped, **({} if reduced is None else {"reduced": reduced})
    ),
    st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.none() | st.integers(0, 5),
)  # fmt: skip


@given(
    st.sampled_from(Phase), LINES, st.tuples(st.integers(0, 5), st.integers(0, 5)), st.none() | st.sampled_from(Phase),
    RULES, st.sampled_from([0, 9]), st.tuples(st.frozensets(st.sampled_from(Phase)), st.booleans()),
)  # fmt: skip
def test_taken_lies_within_its_own_bounds(phase, of, earlier, before, rule, after_seconds, silence):
    (was, held), (untold, puts_back) = earlier, silence
    told = taking(
        phase, of, was=was, held=held, before=before, rule=rule, after_seconds=after_seconds, untold=untold,
        puts_back=puts_back,
    )  # fmt: skip
    assert told.low <= told.taken <= told.high
    assert min(told.was, told.low) >= told.least
    assert max(told.was, told.high) <= told.most
    assert not told.plain or (told.low == told.high and before in (None, Phase.DRAFT, Phase.PENDING))
