"""BigCommerce's shipments: what is sent, what is read, and what is refused before it is sent."""

from __future__ import annotations

import pytest

from syncd.core.quantity import Instant, units
from syncd.core.shipping import ParcelLine
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError
from syncd.ports.shipments import Parcel
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.transport import Answer
from tests.stores.bigcommerce_bodies import product, raw
from tests.stores.bigcommerce_world import open_world

KEY = "sp-" + "a" * 26


class Script:
    """A client that answers lists from `rows` (at most `page_max` a page), and writes with `answered`."""

    def __init__(self, rows, *, page_max: int = 50, answered: bytes = b'{"id": 7}'):
        self.rows, self.page_max, self.answered = rows, page_max, answered
        self.asked: list[str] = []
        self.sent: list[object] = []

    async def read(self, path, query=(), *, accept=()):
        given = dict(query)
        self.asked.append(f"{path}?page={given['page']}")
        start, limit = (int(given["page"]) - 1) * self.page_max, min(int(given["limit"]), self.page_max)
        rows = self.rows.get(path.rpartition("/")[2], [])[start:][:limit]
        return Answer(200 if rows else 204, {}, raw(rows) if rows else b"", Instant(1), Instant(2), f"GET {path}")

    async def write(self, method, path, body, query=(), *, not_after=0):
        self.sent.append(body)
        return Answer(201, {}, self.answered, Instant(1), Instant(2), f"{method} {path}")


def port_of(client):
    return BigCommerceStore(client, store_hash="abc123").shipments


def shipment(number: int, items: dict[int, int], comments: str = "", tracking: object = ""):
    rows = [{"order_product_id": line, "product_id": 1, "quantity": count} for line, count in items.items()]
    return {"id": number, "items": rows, "comments": comments, "tracking_number": tracking}


@pytest.fixture
async def world():
    async with open_world() as opened:
        opened.add({"sku": "RED", "stock": 100})
        yield opened


@pytest.mark.parametrize(
    ("carrier", "sent"),
    [
        ("UPS", {"shipping_provider": "ups"}),
        ("Royal Mail", {"shipping_provider": "royalmail"}),
        ("carrier_7", {"shipping_provider": "carrier_7"}),
        ("Own van", {"shipping_provider": "", "shipping_method": "Own van"}),
        ("", {}),
    ],
)
async def test_a_carrier_is_named_as_the_vendor_names_it_or_told_as_a_method(world, carrier, sent):
    order = world.sell("RED", 2)
    line = world.shop.order(order).lines[0].id
    parcel = Parcel(KEY, order, order, (ParcelLine(str(line), units(1)),), carrier, "T1", "https://t.example/T1")
    ref = await world.store.shipments.ship(parcel)
    ((_, _, body),) = world.asked.writes
    assert body == {
        "order_address_id": int(order),
        "items": [{"order_product_id": line, "quantity": 1}],
        "comments": f"syncd {KEY}",
        "tracking_number": "T1",
        "tracking_link": "https://t.example/T1",
        **sent,
    }
    assert str(world.shop.order(order).shipments[0].id) == ref


async def test_a_link_that_is_none_or_too_long_is_left_out(world):
    for link in ("javascript:alert(1)", "https://t.example/" + "x" * 500):
        order = world.sell("RED", 1)
        line = str(world.shop.order(order).lines[0].id)
        await world.store.shipments.ship(Parcel(KEY, order, order, (ParcelLine(line, units(1)),), link=link))
    assert all("tracking_link" not in body for _, _, body in world.asked.writes)


async def test_a_tracking_number_that_is_too_long_is_refused_before_it_is_sent(world):
    order = world.sell("RED", 1)
    line = str(world.shop.order(order).lines[0].id)
    with pytest.raises(RefusedError, match="51 characters") as caught:
        await world.store.shipments.ship(Parcel(KEY, order, order, (ParcelLine(line, units(1)),), tracking="T" * 51))
    assert caught.value.hint
    assert not world.asked.writes


async def test_a_token_without_the_right_to_write_orders_is_the_operators_business(world):
    async with open_world(token="wrong") as other:
        with pytest.raises(MisconfiguredError):
            await other.store.shipments.ship(Parcel(KEY, "100", "100", (ParcelLine("1", units(1)),)))


async def test_all_pages_are_read_shipments_before_lines():
    rows = {
        "shipments": [shipment(n, {1: 1}, f"packed by Jo, syncd {KEY}" if n == 54 else "") for n in range(55)],
        "products": [product(id=n, quantity=60) for n in range(1, 102)],
    }
    client = Script(rows)
    shown = await port_of(client).of_order("100")
    assert (len(shown.parcels), len(shown.lines)) == (55, 101)
    assert [one.ref for one in shown.parcels if one.key == KEY] == ["54"]
    assert shown.lines[0].shipped == units(55)  # by the shipments, though the line itself doesn't know yet
    assert client.asked[0].startswith("/v2/orders/100/shipments"), "lines are read after shipments"


async def test_lines_say_where_they_go_and_whether_they_are_goods():
    rows = {
        "products": [
            product(id=1, order_address_id="9", quantity=2, quantity_shipped=1),
            product(id=2, order_address_id=0, quantity=1),
            product(id=3, order_address_id=None, quantity=1, type="digital"),
        ]
    }
    shown = await port_of(Script(rows)).of_order("100")
    assert [(line.line, line.place, line.left, line.goods) for line in shown.lines] == [
        ("1", "9", units(1), True),
        ("2", "", units(1), True),
        ("3", "", units(1), False),
    ]
    assert shown.parcels == ()


async def test_an_answer_without_a_shipment_is_an_unknown_outcome():
    with pytest.raises(OutcomeUnknown):
        await port_of(Script({}, answered=b"[]")).ship(Parcel(KEY, "100", "9", (ParcelLine("1", units(1)),)))


async def test_an_order_number_that_can_be_none_is_refused():
    with pytest.raises(RefusedError):
        await port_of(Script({})).of_order("../products")
