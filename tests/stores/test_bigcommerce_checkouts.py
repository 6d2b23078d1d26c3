"""Checkouts of a BigCommerce store: what an answer is taken for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from syncd.core.following import ShopStatus
from syncd.core.placing import OUT_OF_STOCK, Address, PlacedLine, Price, WantedOrder
from syncd.core.quantity import units
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.placing import Placement, Refusal
from syncd.stores.bigcommerce import BigCommerceStore
from tests.stores.test_bigcommerce_placing import KEY, Script, order

CART = "0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9"
ORDER = WantedOrder(
    "SO1", "us", Address("Ada", "Example", email="a@b.example", country="US"), (), status=ShopStatus.PENDING
)
WANTED = Placement(
    KEY, ORDER, (PlacedLine("12/30", "A", "", units(2), Price()), PlacedLine("13", "B", "", units(1), Price()))
)


def port_of(client: Script) -> Any:
    return BigCommerceStore(client, store_hash="abc123").checkouts


def refused(status: int, title: str) -> RefusedError:
    return RefusedError(
        "no", status=status, body=msgspec.json.encode({"status": status, "title": title}), operation="POST"
    )


async def test_a_cart_is_named_by_its_lines() -> None:
    client = Script(answered=msgspec.json.encode({"data": {"id": CART}}))
    assert await port_of(client).make_cart(WANTED) == CART
    lines = [{"product_id": 12, "quantity": 2, "variant_id": 30}, {"product_id": 13, "quantity": 1}]
    assert client.sent == [("POST", "/v3/carts", {"line_items": lines})]


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"data": {"id": "../orders"}}'])
async def test_an_answer_without_a_cart_is_an_unknown_outcome(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        await port_of(Script(answered=body)).make_cart(WANTED)


async def test_what_the_shop_has_not_is_told_as_such() -> None:
    told = await port_of(Script(answered=refused(409, "A product is out of stock."))).make_cart(WANTED)
    assert isinstance(told, Refusal)
    assert [flaw.kind for flaw in told.flaws] == [OUT_OF_STOCK]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refused(409, "The request cannot be processed due to a possible conflict."), StoreFault),
        (refused(423, "locked"), StoreFault),
        (refused(402, "payment required"), MisconfiguredError),
    ],
)
async def test_what_is_not_about_the_order_refuses_no_order(error: RefusedError, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await port_of(Script(answered=error)).make_cart(WANTED)


async def test_orders_of_other_carts_are_a_fault_and_no_answer() -> None:
    rows = [order(9, "", cart_id=CART), order(7, "", cart_id=CART.upper())]
    assert (await port_of(Script(rows)).made_of(CART)).orders == ("7", "9")
    assert (await port_of(Script([])).made_of(CART)).orders == ()
    with pytest.raises(StoreFault):
        await port_of(Script([order(7, "", cart_id="")])).made_of(CART)


async def test_a_draft_gets_key_and_status_in_one_request() -> None:
    client = Script(status=200)
    assert await port_of(client).finish("7", WANTED) is None
    assert client.sent == [("PUT", "/v2/orders/7", {"external_order_id": KEY, "status_id": 1})]
