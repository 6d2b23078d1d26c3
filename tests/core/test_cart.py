"""What has become of a cart: from what was known and what was read."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.account import Product
from syncd.core.cart import (
    ALIVE,
    PERSONAL,
    Cart,
    CartLine,
    CartLineKind,
    CartState,
    Coupon,
    Happened,
    KnownCart,
    SeenCart,
    document,
    settle,
)
from syncd.core.cart_hold import HoldPolicy, held_until, hold_lines
from syncd.core.event import select
from syncd.core.policy import Baseline, Policy, Returns
from syncd.core.quantity import SECOND, UNIT, Instant, Quantity, units
from syncd.core.target import CartHold, ErpReading, sku_target

NOW = Instant(1_780_000_000 * SECOND)
HOUR, MONTH = 3_600 * SECOND, 30 * 86_400 * SECOND


def line(sku: str = "A", quantity: int = 1, kind: CartLineKind = CartLineKind.STOCK, name: str = "l1") -> CartLine:
    return CartLine(name, kind, f"{sku}-product", sku, sku, units(quantity), Decimal("12.5"))


def cart(version: int = 1, *lines: CartLine, updated: Instant = NOW) -> Cart:
    return Cart("c", version, NOW, updated, "USD", lines or (line(),), customer="7", email="ada@example.com")


def look(known: KnownCart | None, content: Cart | None, order: str = "", now: Instant = NOW, looks: int = 2):
    seen = SeenCart(content, order, now)
    return settle(known, seen, life_us=MONTH, abandoned_us=HOUR, looks=looks)


OPEN = KnownCart(CartState.OPEN, cart())


@pytest.mark.parametrize(
    ("known", "content", "order", "after_seconds", "state", "happened"),
    [
        (None, cart(), "", 0, "open", ["created"]),
        (None, cart(), "", 3_600, "abandoned", ["created", "abandoned"]),
        (None, None, "", 0, None, []),
        (None, cart(), "9", 0, "converted", ["created", "converted"]),
        (None, None, "9", 0, "converted", ["converted"]),
        (OPEN, cart(), "", 0, "open", []),
        (OPEN, cart(2), "", 0, "open", ["changed"]),
        (OPEN, cart(1, line("B")), "", 0, "open", ["changed"]),
        (OPEN, cart(), "", 3_600, "abandoned", ["abandoned"]),
        (OPEN, cart(0), "", 0, "open", []),
        (OPEN, None, "9", 0, "converted", ["converted"]),
        (OPEN, cart(), "9", 0, "converted", ["converted"]),
        (KnownCart(CartState.ABANDONED, cart()), cart(), "", 3_600, "abandoned", []),
        (KnownCart(CartState.ABANDONED, cart()), cart(2), "", 0, "open", ["changed"]),
        (KnownCart(CartState.CONVERTED, cart(), "9"), cart(2), "", 0, "converted", []),
        (KnownCart(CartState.CONVERTED, cart(), "9"), None, "", 0, "converted", []),
        (KnownCart(CartState.DELETED, cart()), None, "9", 0, "converted", ["converted"]),
        (KnownCart(CartState.DELETED, cart()), None, "", 0, "deleted", []),
        (KnownCart(CartState.DELETED, cart()), cart(2), "", 0, "open", ["changed"]),
        (KnownCart(CartState.OPEN, None, "9"), None, "9", 0, "converted", ["converted"]),
    ],
)
def test_what_has_happened_follows_from_two_states(known, content, order, after_seconds, state, happened):
    after, told = look(known, content, order, Instant(NOW + after_seconds * SECOND))
    assert (None if after is None else after.state) == state
    assert list(told) == happened
    if after is not None and after.state is not CartState.CONVERTED:
        assert after.order == ""


def test_a_cart_is_missing_twice_before_it_counts_as_deleted_and_an_appearance_between_begins_anew():
    once, told = look(OPEN, None)
    assert (once.state, once.missing, told) == (CartState.OPEN, 1, ())
    again, told = look(once, cart())
    assert (again.missing, told) == (0, ())
    twice, told = look(once, None)
    assert (twice.state, told) == (CartState.DELETED, (Happened.DELETED,))
    late, told = look(once, None, now=Instant(NOW + MONTH + 1))
    assert (late.state, told) == (CartState.EXPIRED, (Happened.DELETED,))


STATES = st.sampled_from([None, *(cart(version, line("A", version)) for version in (1, 2, 3))])


@given(st.lists(st.tuples(STATES, st.sampled_from(["", "", "", "9"]), st.integers(0, 2 * 3_600)), max_size=12))
def test_whatever_comes_an_order_is_told_of_once_and_nothing_twice_for_the_same_state(looks):
    known: KnownCart | None = None
    told: list[Happened] = []
    for content, order, later_seconds in looks:
        before = known
        known, happened = look(known, content, order, Instant(NOW + later_seconds * SECOND))
        told += happened
        same, nothing = look(known, content, order, Instant(NOW + later_seconds * SECOND))
        if content is not None or order:
            assert not nothing
            assert same == known or (known is not None and known.missing)
        if before is not None and before.content and known is not None and known.content and known.state in ALIVE:
            assert known.content.version >= before.content.version
    assert told.count(Happened.CONVERTED) <= 1
    assert told.count(Happened.CREATED) <= 1
    if any(order for _, order, _ in looks):
        assert known is not None
        assert known.state is CartState.CONVERTED


def test_the_document_is_plain_and_says_what_is_personal():
    content = msgspec.structs.replace(cart(), coupons=(Coupon("TEN", Decimal("1.25")),), total=Decimal("11.25"))
    told = document("us", "c", KnownCart(CartState.CONVERTED, content, "9"))
    assert msgspec.json.decode(msgspec.json.encode(told)) == told
    assert told["created"] == "2026-05-28T20:26:40Z"
    assert told["lines"][0] | {"quantity": "1", "list_price": "12.5", "sku": "A"} == told["lines"][0]
    assert told["coupons"] == [{"code": "TEN", "amount": "1.25"}]
    plain, found = select(told, None, PERSONAL)
    assert found == ()
    assert "ada" not in str(plain)
    _, found = select(told, None, PERSONAL, all_personal=True)
    assert set(found) == set(PERSONAL)
    assert document("us", "c", KnownCart(CartState.CONVERTED, None, "9")) == {
        "store": "us", "cart": "c", "state": "converted", "order": "9",
    }  # fmt: skip


# --- holds

POLICY = Policy(Returns.STORE, Baseline.COUNTED, skus={"SHOP": "A"}, kits={"SET": (("A", units(2)), ("B", units(1)))})
LIMITS = HoldPolicy(minutes=15)


def held(*lines: CartLine, limits: HoldPolicy = LIMITS, known: str = "AB", **products: Product):
    found = hold_lines(cart(1, *lines), POLICY, products, set(known).__contains__, limits)
    return [(row.line, row.sku, row.units // UNIT) for row in found]


def test_a_cart_holds_what_an_order_of_its_lines_would_count():
    assert held(line("SHOP", 3)) == [("l1", "A", 3)]
    assert held(line("SET", 2)) == [("l1", "A", 4), ("l1", "B", 2)]
    nameless = CartLine("l1", CartLineKind.STOCK, "p", "", "", units(2))
    assert held(nameless, p=Product("i", "B")) == [("l1", "B", 2)]
    assert held(nameless, p=Product("i", "B", digital=True)) == []


@pytest.mark.parametrize("kind", [kind for kind in CartLineKind if kind is not CartLineKind.STOCK])
def test_what_has_no_counter_holds_nothing(kind):
    assert held(line("A", 3, kind)) == []


def test_a_sku_that_the_erp_does_not_know_holds_nothing_and_a_kit_of_one_neither():
    assert held(line("X", 3), line("A", 1, name="l2")) == [("l2", "A", 1)]
    assert held(line("SET", 1), known="A") == []


def test_one_cart_holds_no_more_than_its_cap_of_a_sku_over_all_of_its_lines():
    limits = HoldPolicy(15, units(10))
    assert held(line("A", 8), line("SHOP", 8, name="l2"), limits=limits) == [("l1", "A", 8), ("l2", "A", 2)]
    assert held(line("SET", 50), limits=limits) == [("l1", "A", 20), ("l1", "B", 10)]


def test_a_hold_lasts_from_the_last_change_by_the_shops_clock_and_a_stamp_of_tomorrow_is_now():
    ahead = 60 * SECOND
    content = cart(updated=Instant(NOW - 10 * SECOND + ahead))
    assert held_until(content, ahead, NOW, LIMITS) == NOW + (900 - 10) * SECOND
    assert held_until(cart(updated=Instant(NOW + HOUR)), 0, NOW, LIMITS) == NOW + 900 * SECOND


def of(store: str, count: int, *, until: int = 1, name: str = "c", share: float = 0.5) -> CartHold:
    return CartHold(store, name, "l", units(count), Instant(NOW + until), Quantity(int(share * UNIT)))


def against(store: str, *holds: CartHold, level: int = 20):
    told = sku_target("A", store, ErpReading(units(level), NOW), (), buffer=Quantity(0), now=NOW, carts=holds)
    return told.target // UNIT, [(term.order, term.units // UNIT) for term in told.terms]


def test_carts_count_against_other_shops_alone_and_only_while_they_hold():
    assert against("woo", of("us", 3)) == (17, [("c", 3)])
    assert against("us", of("us", 3)) == (20, [])
    assert against("woo", of("us", 3, until=0)) == (20, [])


def test_all_carts_of_a_shop_hold_no_more_than_its_share_the_oldest_first():
    many = [of("us", 4, until=k, name=f"c{k}") for k in (3, 1, 2)]
    assert against("woo", *many) == (10, [("c1", 4), ("c2", 4), ("c3", 2)])
    assert against("woo", *many, of("uk", 6, share=0.1)) == (8, [("c", 2), ("c1", 4), ("c2", 4), ("c3", 2)])
    assert against("woo", *many, level=-3) == (-3, [])
    assert against("woo", of("us", 4, share=0)) == (20, [])
