"""From what an ERP names to units of a shop's lines: whole kits, whole units, never more than was ordered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.account import Account
from syncd.core.quantity import Quantity, units
from syncd.core.shipping import Named, ParcelLine, ShopLine, Unshippable, check, pack, parcel_key


def line(name: str, quantity: int, *, shipped: int = 0, place: str = "9", goods: bool = True) -> ShopLine:
    return ShopLine(name, place, units(quantity), units(shipped), goods)


def account(name: str, sku: str, quantity: int, *, factor: int = 1, part: int = 0) -> Account:
    return Account(name, part, "p", "", sku, "main", units(factor), part == 0, quantity=units(quantity))


def named(sku: str, quantity: int, at: str = "") -> Named:
    return Named(at, sku, units(quantity))


def one(name: str, quantity: int, place: str = "9") -> tuple[str, tuple[ParcelLine, ...]]:
    return place, (ParcelLine(name, units(quantity)),)


LINES = [line("1", 3), line("2", 2)]
ACCOUNTS = [account("1", "A", 3), account("2", "B", 2)]
KIT = [account("1", "A", 2), account("1", "B", 2, factor=2, part=1)]


def test_lines_are_taken_as_they_are_named():
    assert pack([Named("1", "", units(2))], [], LINES) == (one("1", 2),)


def test_a_sku_is_found_in_the_accounts_of_the_order():
    assert pack([named("B", 1)], ACCOUNTS, LINES) == (one("2", 1),)


def test_a_sku_in_two_lines_goes_to_the_first_with_room():
    lines = [line("1", 3, shipped=2), line("2", 2)]
    both = [account("1", "A", 3), account("2", "A", 2)]
    assert pack([named("A", 2)], both, lines) == (("9", (ParcelLine("1", units(1)), ParcelLine("2", units(1)))),)
    assert pack([named("A", 1, at="2")], both, lines) == (one("2", 1),)


def test_each_place_gets_a_parcel_of_its_own():
    lines = [line("1", 3), line("2", 2, place="10")]
    told = [Named("1", "", units(1)), Named("2", "", units(2))]
    assert pack(told, [], lines) == (one("1", 1), one("2", 2, place="10"))


def test_what_is_digital_is_left_out():
    lines = [line("1", 3), line("2", 2, place="", goods=False)]
    assert pack([Named("1", "", units(1)), Named("2", "", units(1))], [], lines) == (one("1", 1),)
    assert pack([Named("2", "", units(1))], [], lines) == ()


def test_a_kit_goes_by_all_of_its_components():
    lines = [line("1", 2)]
    assert pack([named("A", 1), named("B", 2)], KIT, lines) == (one("1", 1),)
    assert pack([named("A", 2), named("B", 4)], KIT, lines) == (one("1", 2),)


def test_components_go_to_kits_first_and_what_is_left_to_single_lines():
    lines = [line("1", 2), line("2", 1)]
    accounts = [*KIT, account("2", "A", 1)]
    assert pack([named("A", 2), named("B", 2)], accounts, lines) == (
        ("9", (ParcelLine("1", units(1)), ParcelLine("2", units(1)))),
    )
    assert pack([named("A", 1)], accounts, lines) == (one("2", 1),)


@pytest.mark.parametrize(
    ("told", "lines", "accounts", "reason"),
    [
        ([Named("7", "", units(1))], LINES, [], "no line 7"),
        ([Named("1", "", units(4))], LINES, [], "only 3 of the 3 ordered"),
        ([Named("1", "", units(2))], [line("1", 3, shipped=2)], [], "only 1 of the 3 ordered"),
        ([Named("1", "", units(3)), named("A", 1)], LINES, ACCOUNTS, "beyond what is left"),
        ([Named("1", "", Quantity(5_000))], LINES, [], "whole units, not 0.5"),
        ([Named("1", "", units(1))], [line("1", 3, place="")], [], "picked up"),
        ([named("X", 1)], LINES, ACCOUNTS, "no line with 1 of X"),
        ([named("A", 4)], LINES, ACCOUNTS, "beyond what is left"),
        ([named("A", 1)], [line("1", 2)], KIT, "no whole kit"),
        ([named("A", 1), named("B", 1)], [line("1", 2)], KIT, "no whole kit"),
        ([named("A", 3), named("B", 6)], [line("1", 2)], KIT, "no whole kit that is left"),
    ],
)
def test_what_a_shop_cannot_be_told_says_why_and_what_to_do(told, lines, accounts, reason):
    with pytest.raises(Unshippable, match=reason) as caught:
        pack(told, accounts, lines)
    assert caught.value.hint


def test_a_parcel_is_checked_against_the_order_as_it_is_now():
    check([ParcelLine("1", units(3))], LINES)
    with pytest.raises(Unshippable):
        check([ParcelLine("1", units(3))], [line("1", 3, shipped=1)])
    with pytest.raises(Unshippable):
        check([ParcelLine("1", units(1))], [line("2", 1)])


def test_the_key_is_of_one_shipment_and_place():
    assert parcel_key("t", "us", "1", "s", "9") == parcel_key("t", "us", "1", "s", "9")
    assert len({parcel_key("t", "us", "1", key, place) for key in ("s", "r") for place in ("9", "8")}) == 4


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "1", "2", "3"]), st.sampled_from(["", "A", "B"]), st.integers(1, 5)), max_size=4
    ),
    st.lists(st.integers(0, 3), min_size=3, max_size=3),
)
def test_whatever_is_named_no_parcel_holds_more_than_is_left(told, shipped):
    lines = [
        line("1", 3, shipped=shipped[0]),
        line("2", 3, shipped=shipped[1], place="10"),
        line("3", 3, shipped=shipped[2]),
    ]
    accounts = [
        account("1", "A", 3),
        account("2", "B", 3),
        account("3", "A", 3),
        account("3", "B", 3, factor=2, part=1),
    ]
    wanted = [Named(at, sku, units(count)) for at, sku, count in told if at or sku]
    try:
        parcels = pack(wanted, accounts, lines)
    except Unshippable:
        return
    sent = {part.line: part.quantity for _, parts in parcels for part in parts}
    assert all(sent.get(each.line, 0) <= each.left for each in lines)
    for sku in "AB":  # nothing that was named by SKU alone is lost or made
        out = sum(sent.get(row.line, 0) * row.factor // units(1) for row in accounts if row.sku == sku)
        if all(not at for at, _, _ in told):
            assert out == sum(units(count) for _, name, count in told if name == sku)
