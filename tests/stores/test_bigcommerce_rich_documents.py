"""Whole orders of the simulated shop, with all that an order can have, become whole documents: row for row what the shop has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.core.document import OrderDocument
from syncd.core.document_line import LineKind
from syncd.ports.documents import DocumentRead, RawOrder
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.rich_orders import PARTS as RICH
from syncd.simulator.bigcommerce.rich_orders import sell_rich
from syncd.stores.bigcommerce.document_rules import PARTS
from tests.stores.bigcommerce_world import World, open_world

WANTED = [{"sku": "RED", "quantity": 2}, {"sku": "BLUE", "quantity": 1}]


def sell(world: World, parts: Any = RICH, **how: Any) -> Order:
    world.add({"sku": "RED", "stock": 100, "price": "19.90"}, {"sku": "BLUE", "stock": 100, "price": "10"})
    return sell_rich(world.shop, WANTED, parts=parts, **how)


async def read(world: World, order: Order, wanted: Any = PARTS) -> DocumentRead:
    page = await world.store.orders.by_number(str(order.id - 1), 1)
    (row,) = msgspec.json.decode(page.raw, type=list[msgspec.Raw])
    (found,) = await world.store.documents(wanted).documents([RawOrder(str(order.id), bytes(row), page.began)])
    return found


async def document_of(world: World, order: Order, wanted: Any = PARTS) -> OrderDocument:
    found = await read(world, order, wanted)
    assert found.document is not None, found.reason
    assert found.unreadable == ()
    return found.document


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("more", [(), ("inclusive",), ("currency",)])
async def test_every_part_of_an_order_is_in_its_document(more: tuple[str, ...], *, noise: bool) -> None:
    async with open_world() as world:
        if noise:
            world.forgive("the noise of the vendor's examples is against its schemas")
        world.shop.settings.change({"type_noise": noise})
        order = sell(world, (*RICH, *more))
        world.shop.ship(order.id, ())
        world.shop.book_refund(order, {order.lines[0].id: 1})
        document = await document_of(world, order)
        details = order.details
        assert details is not None
        assert {line.line for line in document.lines} == {str(line.id) for line in order.lines}
        assert {line.kind for line in document.lines} == set(LineKind)
        assert len(document.fees) == len(details.fees)
        assert [one.code for one in document.coupons] == [one.code for one in details.coupons]
        assert [one.text for one in document.messages] == [one.text for one in details.messages]
        assert len(document.transactions) == len(details.transactions)
        assert [refund.items[0].quantity for refund in document.refunds] == [Decimal(1)]
        assert {one.place for one in document.quotes} == {f"shipping/{number}" for number in order.addresses}
        assert len(document.shipments) == len(order.shipments)
        assert document.taxes
        places = {place.id for place in document.places}
        assert all(line.place in places for line in document.lines if line.kind is not LineKind.CUSTOM)
        assert {shipment.place for shipment in document.shipments} <= places
        assert document.prices_include_tax == ("inclusive" in more)
        assert document.currency.code == ("EUR" if "currency" in more else "USD")


async def test_the_bytes_of_the_list_are_enough_for_fees_and_places() -> None:
    async with open_world() as world:
        order = sell(world)
        world.forget()
        document = await document_of(world, order, ())
        assert [path for path, _ in world.asked.reads if "orders" in path] == ["/v2/orders"]
        assert document.fees
        assert len(document.places) == 4


@pytest.mark.parametrize("answer", ["object", "list"])
async def test_lines_and_fees_that_the_list_leaves_out_are_read_in_either_form(answer: str) -> None:
    async with open_world() as world:
        world.shop.settings.change({"include_lines_max": 1, "fees_answer": answer})
        order = sell(world)
        document = await document_of(world, order, ())
        assert {line.line for line in document.lines} == {str(line.id) for line in order.lines}
        lost = {line.kind for line in document.lines if not line.place}
        assert lost <= {LineKind.DIGITAL, LineKind.GIFT_CERTIFICATE}  # the list has cut off whom these are mailed to
        assert document.fees


async def test_a_pickup_is_a_place_of_its_own() -> None:
    async with open_world() as world:
        order = sell(world, ("pickup", "taxes"))
        document = await document_of(world, order)
        (place,) = document.places
        assert place.location == "LOCATION-1"
        assert {line.place for line in document.lines} == {place.id}
        assert {tax.place for tax in document.taxes} <= {place.id, ""}


@pytest.mark.parametrize("status", [200, 204, 404])
async def test_an_order_without_transactions_has_none_in_each_form(status: int) -> None:
    async with open_world() as world:
        world.shop.settings.change({"no_transactions": status})
        document = await document_of(world, sell(world, ("shipping",)), {"transactions"})
        assert document.transactions == ()
        assert {part.name: part.state.value for part in document.parts}["transactions"] == "none"


async def test_a_refund_that_moves_no_date_is_in_the_stores_list() -> None:
    async with open_world() as world:
        world.shop.settings.change({"refund_moves_date": False})
        order = sell(world)
        since = world.clock.now()
        world.clock.pass_seconds(60)
        world.shop.book_refund(order, {order.lines[0].id: 1})
        page = await world.store.documents(PARTS).refunded(since)
        assert [news.order for news in page.refunds] == [str(order.id)]
        world.clock.pass_seconds(60)
        assert (await world.store.documents(PARTS).refunded(world.clock.now())).refunds == ()
