"""Orders with everything that one can have, from the simulated shop over HTTP: counted right, and whole as documents."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from syncd.core.document import OrderDocument
from syncd.core.document_place import PlaceKind
from syncd.core.order import LineKind, Order
from syncd.core.quantity import UNIT, Instant
from syncd.ports.documents import RawOrder
from syncd.ports.store import ScanRequest
from syncd.simulator.bigcommerce.orders import Order as ShopOrder
from syncd.simulator.bigcommerce.rich_orders import PARTS as SOLD
from syncd.simulator.bigcommerce.rich_orders import sell_rich
from syncd.stores.bigcommerce.document_rules import PARTS
from tests.stores.bigcommerce_world import World, open_world

WHOLE = (("include", "consignments.line_items,fees"), ("consignment_structure", "object"))
LINES = [{"sku": "RED", "quantity": 2}, {"sku": "BLUE", "quantity": 3}]


@pytest.fixture
async def world():
    async with open_world() as opened:
        opened.add({"sku": "RED", "stock": 100, "price": "20"}, {"sku": "BLUE", "stock": 100, "price": "5"})
        yield opened


async def document_of(world: World, order: ShopOrder) -> OrderDocument:
    answer = await world.asked.read("/v2/orders", (("min_id", str(order.id)), *WHOLE))
    (row,) = msgspec.json.decode(answer.body, type=list[msgspec.Raw])
    (read,) = await world.store.documents(frozenset(PARTS)).documents([RawOrder(str(order.id), bytes(row), Instant(0))])
    assert read.document is not None, read.reason
    assert read.unreadable == ()
    return read.document


def everything(world: World, *more: str, **how: Any) -> ShopOrder:
    order = sell_rich(world.shop, LINES, parts=(*SOLD, *more), **how)
    first = order.lines[0].id
    world.shop.ship(order.id, [{"line": first, "quantity": 1}], tracking_number="T-1", shipping_provider="ups")
    world.shop.book_refund(order, {first: 1}, reason="broken", provider_id="stripe")
    return order


def states(document: OrderDocument) -> dict[str, str]:
    return {part.name: str(part.state) for part in document.parts}


@pytest.mark.parametrize("more", [(), ("inclusive",), ("currency",)], ids=str)
async def test_everything_of_an_order_is_in_its_document_and_adds_up(world, more):
    order = everything(world, *more)
    document = await document_of(world, order)
    assert set(states(document).values()) == {"read"}
    totals, lines = document.totals, document.lines
    assert document.prices_include_tax is ("inclusive" in more)
    paid = sum((line.discounted_total or 0 for line in lines), Decimal(0))
    rest = [totals.shipping.inc_tax, totals.handling.inc_tax, totals.wrapping.inc_tax]
    rest += [fee.cost.inc_tax for fee in document.fees]
    assert totals.total.inc_tax == paid + sum(amount or 0 for amount in rest)
    assert totals.total.tax == sum(tax.amount or 0 for tax in document.taxes)
    sent = [place for place in document.places if place.kind is PlaceKind.SHIPPING]
    assert len(sent) == 2
    apart = sum((place.cost.inc_tax or Decimal(0) for place in sent), Decimal(0))
    assert round(apart, 3) == round(totals.shipping.inc_tax or Decimal(0), 3)
    assert {place.kind for place in document.places} > {PlaceKind.SHIPPING}
    assert all(line.place in {place.id for place in document.places} for line in lines)
    assert (lines[0].wrapping is not None, len(document.coupons), len(document.messages), len(document.fees)) == (
        True,
        1,
        2,
        1,
    )
    assert [transaction.event for transaction in document.transactions][-1] == "refund"
    assert len(document.refunds) == len(document.shipments) == 1
    assert len(document.quotes) == 2
    assert document.billing.fields[0].value == "DE123456789"


async def test_an_order_that_is_fetched_has_its_place_and_its_lines(world):
    order = sell_rich(world.shop, LINES, parts=("pickup", "custom"))
    document = await document_of(world, order)
    assert [place.kind for place in document.places] == [PlaceKind.PICKUP]
    assert [line.name for line in document.lines] == ["RED", "BLUE", "Engraving"]


@pytest.mark.parametrize("status", [200, 204, 404])
async def test_a_paid_order_without_transactions_has_none_however_the_shop_says_so(world, status):
    world.shop.settings.switches.no_transactions = status
    order = sell_rich(world.shop, LINES, parts=("shipping",))
    assert states(await document_of(world, order))["transactions"] == "none"


async def test_the_vendors_noise_changes_nothing_in_a_document(world):
    order = everything(world)
    clean = await document_of(world, order)
    world.shop.settings.switches.type_noise = True
    world.forgive("the noise of the vendor's examples is against its schemas")
    noisy = await document_of(world, order)
    assert len(noisy.lines) == len(clean.lines)
    was, now = (msgspec.to_builtins(document) for document in (clean, noisy))
    assert {name for name in was if was[name] != now[name]} == {"parts"}, "they were read at another time"


async def test_what_is_counted_of_an_order_with_everything_is_what_the_shop_took(world):
    everything(world)
    page = await world.store.orders.changed(ScanRequest(since=Instant(0)))
    (read,) = page.orders
    assert isinstance(read, Order)
    kinds = Counter(line.kind for line in read.lines)
    assert kinds == {LineKind.STOCK: 3, LineKind.BUNDLE: 1, LineKind.CUSTOM: 1, LineKind.DIGITAL: 2}
    counted: Counter[str] = Counter()
    for line in read.lines:
        if line.kind is LineKind.STOCK:
            counted[line.sku] += line.quantity // UNIT
    truth = world.shop.truth()["skus"]
    assert counted == {sku: truth[sku]["sold"] for sku in ("RED", "BLUE")}
