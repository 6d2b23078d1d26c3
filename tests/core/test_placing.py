"""Orders of the ERP that are to be placed in a shop: what is wrong with them, and what they are in the shop's terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.core.checkout import ShippingOption, choose
from syncd.core.following import ShopStatus
from syncd.core.placing import (
    AMBIGUOUS_SKU,
    INVALID,
    UNKNOWN_SKU,
    Address,
    Offer,
    PlacedLine,
    Price,
    Room,
    Unplaceable,
    WantedLine,
    WantedOrder,
    check,
    order_key,
    resolve,
    rooms_of,
    shop_skus,
)
from syncd.core.policy import Baseline, Policy, Returns
from syncd.core.quantity import UNIT, Quantity, units

BILLING = Address(first_name="Ada", last_name="Example", street_1="1 Road", city="Bonn", zip="53111", country="DE")
ORDER = WantedOrder("SO-1", "us", BILLING, (WantedLine(units(2), "A"),))
SIMPLE = (Offer("12/30", "p:12", "A"), Offer("12", "p:12", "A"))


def policy(**more: Any) -> Policy:
    return Policy(Returns.STORE, Baseline.COUNTED, **more)


def flawed(**changes: Any) -> tuple[str, set[str]]:
    with pytest.raises(Unplaceable) as caught:
        check(msgspec.structs.replace(ORDER, **changes))
    return str(caught.value), {flaw.kind for flaw in caught.value.flaws}


def with_line(**changes: Any) -> dict[str, Any]:
    return {"lines": (msgspec.structs.replace(ORDER.lines[0], **changes),)}


def with_billing(**changes: Any) -> dict[str, Any]:
    return {"billing": msgspec.structs.replace(BILLING, **changes)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key": ""}, "key"),
        ({"key": "k" * 201}, "key"),
        ({"lines": ()}, "0 lines"),
        ({"lines": ORDER.lines * 501}, "501 lines"),
        (with_line(quantity=units(0)), "whole units"),
        (with_line(quantity=Quantity(UNIT // 2)), "whole units, not 0.5"),
        (with_line(quantity=units(-1)), "whole units"),
        (with_line(price=Price("10.00", "")), "with tax and without"),
        (with_line(price=Price("", "10.00")), "with tax and without"),
        (with_line(price=Price("10,00", "8.40")), "no sum"),
        (with_line(price=Price("-1", "-1")), "no sum"),
        (with_line(price=Price("1.00001", "1")), "no sum"),
        (with_line(sku=""), "needs a name"),
        (with_line(sku="", name="Gift wrap"), "needs a name"),
        (with_line(sku="", price=Price("1", "1")), "needs a name"),
        (with_line(name="n" * 251), "250 characters"),
        ({"subtotal": Price("10", "")}, "subtotal"),
        ({"total": Price("", "10")}, "total"),
        ({"shipping_cost": Price("x", "1")}, "shipping_cost"),
        ({"status": ShopStatus.INCOMPLETE}, "begins with"),
        ({"status": ShopStatus.CANCELLED}, "begins with"),
        ({"status": ShopStatus.PARTIALLY_SHIPPED}, "begins with"),
        ({"customer": "ada"}, "customer"),
        ({"channel": -1}, "channel"),
        ({"staff_notes": "n" * 10_001}, "staff_notes"),
        ({"customer_message": "n" * 10_001}, "customer_message"),
        (with_billing(zip=""), "postal code"),
        (with_billing(zip=" 1 "), "postal code"),
        (with_billing(country="Germany"), "ISO 3166"),
        (with_billing(country="de"), "ISO 3166"),
        (with_billing(first_name="", last_name=""), "nobody"),
        ({"shipping": Address(zip="53111", country="DE")}, "shipping: nobody"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], said: str) -> None:
    message, kinds = flawed(**changes)
    assert said in message
    assert kinds == {INVALID}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        with_line(price=Price("11.90", "10")),
        with_line(sku="", name="Gift wrap", price=Price("0", "0")),
        {"status": ShopStatus.COMPLETED, "customer": "17", "channel": 3},
        {"total": Price("0.00", "0.00")},
        {"shipping": Address(company="Example Ltd", zip="SW1A 1AA", country="GB")},
    ],
)
def test_what_keeps_the_rules_may_be_placed(changes: dict[str, Any]) -> None:
    check(msgspec.structs.replace(ORDER, **changes))


def test_all_that_is_wrong_is_said_at_once() -> None:
    message, _ = flawed(customer="x", **with_billing(zip=""))
    assert "customer" in message
    assert "postal code" in message


def test_a_simple_product_is_named_with_its_variant() -> None:
    found = resolve(ORDER, SIMPLE, policy())
    assert found.lines == (PlacedLine("12/30", "A", "", units(2), Price()),)
    assert found.items == {"p:12": units(2)}
    assert rooms_of(ORDER, policy()) == (Room("A", units(2)),)


def test_a_product_without_any_variant_is_named_alone() -> None:
    assert resolve(ORDER, SIMPLE[1:], policy()).lines[0].product == "12"


def test_the_shops_own_name_of_a_sku_is_found() -> None:
    rules = policy(skus={"shop-a": "A"})
    assert shop_skus(["A"], rules) == {"A", "shop-a"}
    found = resolve(ORDER, [Offer("7/8", "p:7", "shop-a")], rules)
    assert (found.lines[0].product, rooms_of(ORDER, rules)) == ("7/8", (Room("A", units(2)),))


def test_a_name_that_means_another_sku_is_not_taken() -> None:
    """The shop calls the ERP's B "A": the ERP's A is nobody's there."""
    with pytest.raises(Unplaceable) as caught:
        resolve(ORDER, SIMPLE, policy(skus={"A": "B"}))
    assert [flaw.kind for flaw in caught.value.flaws] == [UNKNOWN_SKU]


def test_a_kit_needs_room_for_its_components() -> None:
    rules = policy(kits={"A": (("X", units(1)), ("Y", units(3)))})
    assert resolve(ORDER, SIMPLE, rules).items == {"p:12": units(2)}
    assert rooms_of(ORDER, rules) == (Room("X", units(2)), Room("Y", units(6)))


def test_lines_of_one_product_add_up() -> None:
    order = msgspec.structs.replace(ORDER, lines=ORDER.lines * 2)
    found = resolve(order, SIMPLE, policy())
    assert (len(found.lines), found.items) == (2, {"p:12": units(4)})
    assert rooms_of(order, policy()) == (Room("A", units(4)),)


def test_what_is_in_no_catalogue_or_not_counted_needs_no_room() -> None:
    custom = WantedLine(units(1), "", "Gift wrap", Price("1", "1"))
    order = msgspec.structs.replace(ORDER, lines=(custom, *ORDER.lines))
    found = resolve(order, [Offer("12", "", "A")], policy())
    assert [line.product for line in found.lines] == ["", "12"]
    assert found.items == {}
    assert rooms_of(msgspec.structs.replace(ORDER, lines=(custom,)), policy()) == ()


def test_skus_that_are_nobodys_or_several_things_are_all_named() -> None:
    lines = (WantedLine(units(1), "A"), WantedLine(units(1), "B"), WantedLine(units(1), "C"))
    offers = [Offer("1/1", "p:1", "A"), Offer("2/2", "p:2", "A"), Offer("3/3", "p:3", "B")]
    with pytest.raises(Unplaceable) as caught:
        resolve(msgspec.structs.replace(ORDER, lines=lines), offers, policy())
    assert [(flaw.kind, flaw.sku) for flaw in caught.value.flaws] == [(AMBIGUOUS_SKU, "A"), (UNKNOWN_SKU, "C")]


def test_our_name_of_an_order_never_changes_and_is_its_own() -> None:
    key = order_key("acme", "us", "SO-1")
    assert key.startswith("syncd-")
    assert len(key) == 32
    assert key == order_key("acme", "us", "SO-1") != order_key("acme", "eu", "SO-1")


def test_what_may_name_a_person_is_not_in_the_reason():
    """It is logged, and kept."""
    assert "ada@example.com" not in flawed(customer="ada@example.com")[0]


def option(name: str, cost: str) -> ShippingOption:
    return ShippingOption(name.lower(), name, Decimal(cost))


@pytest.mark.parametrize(("wanted", "found"), [("", "b"), ("C", "c"), (" a ", "a"), ("d", None)])
def test_the_cheapest_way_of_shipping_or_the_named_one(wanted: str, found: str | None) -> None:
    options = [option("A", "9"), option("B", "5.00"), option("C", "5")]
    chosen = choose(options, wanted)
    assert (chosen.option if chosen else None) == found
    assert choose([], "") is None
