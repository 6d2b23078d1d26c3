"""The accounts of an order: what each state read last makes of them."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.account import COUNTED, IGNORED, QUARANTINED, Product, account, lowers_only, scaled
from syncd.core.order import LineKind, Phase
from syncd.core.policy import CountOn, OnCancel, Returns
from syncd.core.quantity import Quantity, parse, units
from syncd.core.taking_rule import TakingRule
from tests.core.orders_by_hand import ERP_SKUS, FOLDED, KITS, SHOP, WITNESSED, Told, book, line, order, policy

NOTHING = Quantity(0)


def test_last_read_the_accounts_follow_the_state_and_never_what_was_before():
    told = Told(book())
    for quantity in (3, 1, 4, 1, 5):
        told.read(Phase.PLACED, line(quantity))
        assert told.commits() == {"BOLT": quantity}


def test_last_read_the_same_state_read_again_changes_nothing():
    told = Told(book())
    told.read(Phase.PLACED, line(3), line(2, "3", "b"))
    assert not told.read(Phase.PLACED, line(3), line(2, "3", "b")).changed


def test_edited_a_line_added_commits_and_a_line_removed_falls_to_nothing():
    told = Told(book())
    told.read(Phase.PLACED, line(3))
    told.read(Phase.PLACED, line(3), line(1, "2", "b"))
    assert told.commits() == {"BOLT": 3, "NUT": 1}
    told.read(Phase.PLACED, line(1, "2", "b"))
    assert told.commits() == {"NUT": 1}


def test_edited_a_removed_line_that_comes_back_is_the_same_line():
    told = Told(book())
    told.read(Phase.PLACED, line(3))
    told.read(Phase.PLACED)
    told.read(Phase.PLACED, line(2))
    assert [row.part for row in told.rows.values()] == [0]
    assert told.commits() == {"BOLT": 2}


def test_pin_another_product_in_the_line_is_a_swap_and_the_old_content_falls_to_nothing():
    told = Told(book())
    told.read(Phase.PLACED, line(3))
    told.read(Phase.PLACED, line(3, "2"))
    assert told.commits() == {"NUT": 3}
    assert told.rows["a", 0].rule == "another product is in the line"
    told.read(Phase.PLACED, line(1))
    assert told.commits() == {"BOLT": 1}
    assert sorted(part for _, part in told.rows) == [0, 1]


def test_pin_a_changed_sku_moves_no_old_line():
    told = Told(book())
    told.read(Phase.PLACED, line(3))
    told.read(Phase.PAID, line(3, sku="WASHER"))
    assert told.commits() == {"BOLT": 3}


def test_pin_a_changed_map_kit_or_location_moves_no_old_line():
    told = Told(book())
    told.read(Phase.PLACED, line(1, "3"))
    told.book = book(kits={}, skus={"BOLT": "WASHER"}, location="elsewhere")
    told.read(Phase.PAID, line(2, "3"), line(1, "1", "b"))
    assert told.commits() == {"BOLT": 8, "NUT": 4, "WASHER": 1}
    assert {row.location for row in told.rows.values() if row.line == "a"} == {"main"}


@pytest.mark.parametrize(
    ("sold", "shown"),
    [("1", line(2, "", kind=LineKind.CUSTOM, sku="")), ("12/3", line(2, "12", sku=""))],
    ids=["a deleted product", "a deleted variation"],
)
def test_pin_a_product_deleted_in_the_shop_is_no_swap(sold, shown):
    told = Told(book())
    told.read(Phase.PLACED, line(2, sold, sku="BOLT"))
    told.read(Phase.PAID, shown)
    assert told.commits() == {"BOLT": 2}


def test_pin_what_was_no_stock_when_it_was_sold_doesn_t_become_so():
    told = Told(book())
    told.read(Phase.PLACED, line(1, "5"))
    told.book = told.book.__class__(policy(), FOLDED, SHOP | {"5": Product("5", "BOLT")}, ERP_SKUS.__contains__)
    told.read(Phase.PAID, line(1, "5", sku="BOLT"))
    assert told.commits() == {}


def test_kits_a_line_commits_its_components_and_one_of_them_leads():
    told = Told(book())
    outcome = told.read(Phase.PLACED, line(2, "3"))
    assert told.commits() == {"BOLT": 8, "NUT": 4}
    assert [(row.sku, row.lead, row.item) for row in told.rows.values()] == [("BOLT", True, "3"), ("NUT", False, "")]
    assert [(entry.item, entry.taking.taken) for entry in outcome.takings] == [("3", units(2))]


def test_kits_never_parent_and_child():
    told = Told(book())
    told.read(Phase.PLACED, line(1, "3", "p"), line(4, "1", "c", parent="p"))
    assert told.commits() == {"BOLT": 4}
    assert told.rows["p", 0].state == IGNORED
    assert told.rows["p", 0].rule.startswith("bundle")


def test_kits_a_parent_whose_children_show_later_gives_way_to_them():
    told = Told(book())
    told.read(Phase.PLACED, line(1, "3", "p"))
    told.read(Phase.PLACED, line(1, "3", "p"), line(4, "1", "c", parent="p"))
    assert told.commits() == {"BOLT": 4}


def test_kits_parts_of_a_unit_are_exact():
    assert scaled(parse("0.5"), units(4)) == units(2)
    assert scaled(units(3), parse("0.25")) == parse("0.75")


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (line(1, "", kind=LineKind.CUSTOM, sku=""), "custom"),
        (line(1, kind=LineKind.DIGITAL), "digital"),
        (line(1, "5"), "digital"),
        (line(1, kind=LineKind.BUNDLE), "bundle"),
        (line(1, "4", sku=""), "counts no stock"),
    ],
)
def test_custom_digital_and_untracked_lines_commit_nothing_and_say_so(of, why):
    told = Told(book())
    assert not told.read(Phase.PAID, of).problems
    assert (told.only().state, told.commits()) == (IGNORED, {})
    assert why in told.only().rule


def test_an_unknown_sku_is_quarantined_and_the_other_lines_go_on():
    told = Told(book())
    outcome = told.read(Phase.PLACED, line(2, "6"), line(1, "1", "b"))
    (problem,) = outcome.problems
    assert (problem.line, "GHOST" in problem.reason) == ("a", True)
    assert told.rows["a", 0].state == QUARANTINED
    assert told.rows["b", 0].state == COUNTED


def test_an_empty_sku_of_a_product_is_quarantined():
    told = Told(book())
    (problem,) = told.read(Phase.PLACED, line(2, "9", sku="")).problems
    assert "no SKU" in problem.reason


def test_untold_a_quarantined_line_commits_all_the_same():
    told = Told(book())
    told.read(Phase.PLACED, line(2, "6"))
    assert told.only().commitment == units(2)


def test_an_unknown_sku_that_commits_nothing_yet_is_not_quarantined_before_it_does():
    told = Told(book(count_on=CountOn.PAID))
    assert not told.read(Phase.PLACED, line(2, "6")).problems
    assert told.only().state == IGNORED
    assert told.read(Phase.PAID, line(2, "6")).problems
    assert told.only().state == QUARANTINED


def test_taken_is_recorded_once_though_the_line_moves_no_stock_yet():
    told = Told(book(count_on=CountOn.PAID))
    first = told.read(Phase.PLACED, line(2, "6"))
    assert [entry.taking.taken - entry.taking.was for entry in first.takings] == [units(2)]
    later = [*told.read(Phase.PLACED, line(2, "6")).takings, *told.read(Phase.PAID, line(2, "6")).takings]
    assert [entry.taking.taken - entry.taking.was for entry in later] == [0, 0]


def test_taken_of_a_swapped_product_falls_and_of_the_new_one_rises():
    told = Told(book())
    told.read(Phase.PLACED, line(3))
    outcome = told.read(Phase.PLACED, line(2, "2"))
    assert {entry.item: entry.taking.taken - entry.taking.was for entry in outcome.takings} == {
        "1": -units(3),
        "2": units(2),
    }


def test_taken_of_a_removed_line_is_given_back_once():
    kept = TakingRule(edits_adjust=False)
    for rule, left in ((FOLDED, 0), (kept, 3)):
        told = Told(book(rule))
        told.read(Phase.PLACED, line(3), line(1, "2", "b"))
        assert len(told.read(Phase.PLACED, line(1, "2", "b")).takings) == 2
        assert told.rows["a", 0].taken == units(left)
        assert [entry.item for entry in told.read(Phase.PAID, line(1, "2", "b")).takings] == ["2"]


def test_taken_a_line_added_by_an_edit_follows_the_shop_s_setting():
    for rule, taken in ((FOLDED, 2), (TakingRule(edits_adjust=False), 0)):
        told = Told(book(rule))
        told.read(Phase.PLACED, line(3))
        told.read(Phase.PLACED, line(3), line(2, "2", "b"))
        assert told.rows["b", 0].taken == units(taken)


def test_taken_lines_that_show_later_than_their_order_were_placed_not_added():
    told = Told(book(TakingRule(edits_adjust=False)))
    told.read(Phase.PLACED)
    told.read(Phase.PLACED, line(3))
    assert told.only().taken == units(3)


def test_taken_an_item_that_the_catalogue_learns_later_gets_its_account():
    told = Told(book())
    told.read(Phase.PLACED, line(1, "9", sku="BOLT"))
    assert told.only().item == ""
    told.book = told.book.__class__(policy(), FOLDED, SHOP | {"9": Product("9", "BOLT")}, ERP_SKUS.__contains__)
    told.read(Phase.PAID, line(1, "9", sku="BOLT"))
    assert told.only().item == "9"


def test_claim_what_the_shop_has_taken_for_an_order_not_committed_yet():
    told = Told(book(count_on=CountOn.PAID))
    told.read(Phase.PLACED, line(1, "3"))
    assert {row.sku: row.claim for row in told.rows.values()} == {"BOLT": units(4), "NUT": units(2)}
    told.read(Phase.PAID, line(1, "3"))
    assert all(row.claim == 0 for row in told.rows.values())
    assert told.commits() == {"BOLT": 4, "NUT": 2}


@pytest.mark.parametrize("final", [Phase.CANCELLED, Phase.GONE])
def test_claim_only_a_final_state_gives_it_back(final):
    told = Told(book(TakingRule(cancel_returns=False), count_on=CountOn.PAID))
    told.read(Phase.PLACED, line(3))
    told.read(Phase.PENDING, line(3, reduced=3))
    assert told.only().claim == units(3)
    told.read(final, *(() if final is Phase.GONE else (line(3),)))
    assert told.only().claim == 0


def test_holds_a_pending_order_holds_what_it_has_neither_taken_nor_committed():
    told = Told(book(WITNESSED))
    told.read(Phase.PENDING, line(3, reduced=0), hold_until=99)
    row = told.only()
    assert (row.commitment, row.claim, row.hold, row.hold_until) == (0, 0, units(3), 99)
    told.read(Phase.PAID, line(3, reduced=3))
    assert (told.only().hold, told.only().hold_until, told.commits()) == (0, 0, {"BOLT": 3})


def test_holds_none_where_the_shop_keeps_nothing_aside():
    told = Told(book(WITNESSED))
    told.read(Phase.PENDING, line(3, reduced=0))
    assert told.only().hold == 0


def test_an_order_of_the_erp_s_own_moves_nothing_but_the_shop_s_counter():
    told = Told(book())
    outcome = told.read(Phase.PAID, line(3), own_key="syncd-1")
    assert (told.commits(), told.only().state) == ({}, IGNORED)
    assert [entry.taking.taken for entry in outcome.takings] == [units(3)]


@pytest.mark.parametrize("final", [Phase.COMPLETED, Phase.REFUNDED, Phase.CANCELLED])
def test_gone_brings_nothing_back_of_an_order_that_was_over(final):
    told = Told(book())
    told.read(final, line(3, shipped=2))
    before = dict(told.rows)
    assert told.read(Phase.GONE).changed == ()
    assert told.rows == before


def test_gone_a_living_order_commits_nothing_and_nobody_put_its_units_back():
    told = Told(book())
    told.read(Phase.PAID, line(3))
    outcome = told.read(Phase.GONE)
    assert (told.commits(), told.only().taken, outcome.takings) == ({}, units(3), ())


@pytest.mark.parametrize("edits_adjust", [True, False])
def test_gone_what_had_left_the_house_stays_committed(edits_adjust):
    told = Told(book(TakingRule(edits_adjust=edits_adjust)))
    told.read(Phase.PAID, line(3, shipped=1), line(2, "3", "b", shipped=1))
    told.read(Phase.GONE)
    assert told.commits() == {"BOLT": 1 + 4, "NUT": 2}
    assert {row.rule for row in told.rows.values()} == {"shipped"}


def test_gone_what_was_shipped_and_came_back_is_not_committed():
    told = Told(book())
    told.read(Phase.PAID, line(3, shipped=3, restocked=1))
    told.read(Phase.GONE)
    assert told.commits() == {"BOLT": 2}


def test_pin_policy_gone_where_the_tenant_follows_the_shop_stays_committed():
    told = Told(book(on_cancel=OnCancel.FOLLOW_STORE))
    told.read(Phase.PAID, line(1, "3"))
    told.read(Phase.GONE)
    assert told.commits() == {"BOLT": 4, "NUT": 2}


def test_shipped_is_remembered_however_often_the_cancelled_order_is_read():
    told = Told(book(returns=Returns.ERP))
    told.read(Phase.COMPLETED, line(3))
    for _ in range(3):
        told.read(Phase.CANCELLED, line(3, restocked=3))
        assert told.commits() == {"BOLT": 3}
        assert told.only().rule == "shipped"


def test_shipped_kits_are_remembered_in_units_sold():
    told = Told(book(returns=Returns.ERP))
    told.read(Phase.COMPLETED, line(2, "3"))
    told.read(Phase.REFUNDED, line(2, "3", restocked=2))
    assert told.commits() == {"BOLT": 8, "NUT": 4}


@pytest.mark.parametrize(
    ("returns", "edits_adjust", "left"),
    [
        (Returns.STORE, True, {}),
        (Returns.STORE, False, {"BOLT": 3}),
        (Returns.ERP, True, {"BOLT": 3}),
        (Returns.ERP, False, {"BOLT": 3}),
    ],
)
def test_shipped_a_line_taken_out_of_a_completed_order_is_a_return_only_where_the_shop_books_it(
    returns, edits_adjust, left
):
    told = Told(book(TakingRule(edits_adjust=edits_adjust), returns=returns))
    told.read(Phase.COMPLETED, line(3), line(1, "2", "b"))
    for _ in range(2):
        told.read(Phase.COMPLETED, line(1, "2", "b"))
        assert told.commits() == left | {"NUT": 1}


def test_a_draft_opens_no_account():
    told = Told(book())
    told.read(Phase.DRAFT, line(3))
    assert not told.rows


def test_untold_a_state_that_gives_nothing_back_lowers():
    told = Told(book())
    first = told.read(Phase.PLACED, line(3))
    assert lowers_only((), first.changed)
    before = list(told.rows.values())
    assert lowers_only(before, account(order(Phase.PAID, line(4)), before, told.book, phase_before=Phase.PAID).changed)
    for shown in ((line(2),), (), (line(3, "2"),)):
        after = account(order(Phase.PAID, *shown), before, told.book, phase_before=Phase.PAID)
        assert not lowers_only(before, after.changed)


def test_an_order_that_shows_nothing_when_it_is_first_seen_may_lack_its_lines_and_doesn_t_lower():
    assert not lowers_only((), ())
    assert not lowers_only((), Told(book()).read(Phase.PLACED, line(1, "", kind=LineKind.CUSTOM, sku="")).changed)


def test_the_tenant_s_kits_are_what_these_tests_mean():
    assert policy().kits == KITS


@pytest.mark.parametrize("phase", [Phase.CANCELLED, Phase.REFUNDED])
@pytest.mark.parametrize("returns", list(Returns))
@pytest.mark.parametrize("cancel_returns", [False, True])
@pytest.mark.parametrize("shipped", [0, 1, 3])
@pytest.mark.parametrize("seen_before", [False, True])
def test_put_back_is_decided_once_whatever_the_settings_are_when_the_order_is_read_again(
    phase, returns, cancel_returns, shipped, seen_before
):
    """Also of an order that was over when it was first seen, and of one from before the cutover, whose rule says just that."""
    told = Told(book(TakingRule(cancel_returns=not cancel_returns), returns=returns))
    if seen_before:
        told.read(Phase.PAID, line(3, shipped=shipped))
    told.read(phase, line(3, shipped=shipped), puts_back=True, rule=TakingRule(cancel_returns=cancel_returns))
    told.rows = {name: msgspec.structs.replace(row, rule="baseline") for name, row in told.rows.items()}
    decided = told.commits()
    for rule in (None, TakingRule(cancel_returns=cancel_returns), None):
        told.read(phase, line(3, shipped=shipped), puts_back=True, rule=rule)
        assert told.commits() == decided
