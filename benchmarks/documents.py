"""Requests per order for whole documents: a thousand orders with all parts wanted, against the least that the API allows.

Counted at a simulated shop, through the adapter and the HTTP client as in production, in turns of as many orders as the daemon
takes. The *least* is what somebody would ask who knew beforehand which parts each order has: the API has no list of taxes,
coupons, messages, quotes or transactions of several orders, and refunds of many orders are one request. *All* is a request for
each part of each order, which knows nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec
from aiohttp import web

from syncd.core.document import OrderDocument, PartState
from syncd.core.document_place import PlaceKind
from syncd.core.quantity import NEVER, SECOND, Instant
from syncd.ports.documents import RawOrder
from syncd.reconcile.document_step import orders_in_turn
from syncd.simulator.bigcommerce import STORE, TOKEN, Shop, make_app
from syncd.simulator.bigcommerce.rich_orders import sell_rich
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.stores.bigcommerce.document_reading import PAGE
from syncd.stores.bigcommerce.document_rules import PARTS
from syncd.stores.bigcommerce.documents import REFUND_ORDERS_MAX
from syncd.transport import Answer, HeaderSigner, HttpClient, Limits, QuietListener, make_session

ORDERS = 1_000
# What orders are made of, and how many in a hundred are: a shop that ships to one country and charges tax.
PLAIN = ("shipping", "transactions", "taxes")
MIX: tuple[tuple[int, tuple[str, ...], dict[str, Any]], ...] = (
    (40, PLAIN, {}),
    (15, (*PLAIN, "coupon", "customer"), {}),
    (10, (*PLAIN, "message"), {}),
    (10, ("transactions", "taxes"), {}),  # shipped for nothing
    (10, ("shipping", "transactions"), {}),  # no tax: abroad
    (5, (*PLAIN, "addresses", "wrapping", "options", "fee", "coupon", "message"), {}),
    (5, ("shipping", "taxes"), {"source": "manual", "paid": False}),
    (5, ("digital", "transactions", "taxes", "pickup"), {}),
)
SHIPPED_SHARE, REFUNDED_SHARE = 0.5, 0.06
SKUS = [f"SKU-{number}" for number in range(20)]
TURN = orders_in_turn(PARTS)  # orders at a time, as the daemon takes them
NAMES = {"transactions": "transactions", "shipments": "shipments", "shipping_quotes": "quotes"}


class PassingClock:
    """Time that passes where somebody sleeps, at once: what is counted is requests."""

    def __init__(self) -> None:
        self._passed_us = 0
        self._began_us = time.time_ns() // 1_000

    def now(self) -> Instant:
        """The one time line."""
        return Instant(self._began_us + self._passed_us)

    wall = now

    def monotonic(self) -> float:
        """Seconds."""
        return self._passed_us / SECOND

    async def sleep(self, wait_seconds: float) -> None:
        """It has passed."""
        self._passed_us += max(0, round(wait_seconds * SECOND))
        await anyio.lowlevel.checkpoint()


class Middle:
    """No chance."""

    def uniform(self, low: float, high: float) -> float:
        """The middle."""
        return (low + high) / 2

    def token(self, length_bytes: int) -> str:
        """Always the same."""
        return "ab" * length_bytes


class Counting:
    """The client, and how often which part was asked for."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self.asked: Counter[str] = Counter()

    async def read(self, path: str, query: Sequence[tuple[str, str]] = (), *, accept: Collection[int] = ()) -> Answer:
        """Counted by the last part of its path."""
        name = path.rpartition("/")[2]
        self.asked["the order list" if path == "/v2/orders" else NAMES.get(name, name)] += 1
        return await self._client.read(path, query, accept=accept)

    async def write(self, method: str, path: str, body: bytes, *, not_after: Instant = NEVER) -> Answer:
        """Nothing of a document is."""
        return await self._client.write(method, path, body, not_after=not_after)


@asynccontextmanager
async def shop_of(count: int) -> AsyncIterator[tuple[Shop, Counting]]:
    """A shop with so many orders, and a client of it."""
    clock, random = PassingClock(), Random(11)
    shop = Shop(clock, random)
    shop.add_products([{"sku": sku, "stock": 10_000_000, "price": "19.90"} for sku in SKUS])
    kinds = [(parts, how) for weight, parts, how in MIX for _ in range(weight)]
    for _ in range(count):
        parts, how = random.choice(kinds)
        lines = [{"sku": sku, "quantity": random.randint(1, 3)} for sku in random.sample(SKUS, random.randint(1, 4))]
        order = sell_rich(shop, lines, parts=parts, **how)
        if order.source == "www" and "pickup" not in parts and random.random() < SHIPPED_SHARE:
            shop.ship(order.id, ())
        if order.source == "www" and random.random() < REFUNDED_SHARE:
            shop.book_refund(order, {order.lines[0].id: 1})
    runner = web.AppRunner(make_app(shop), shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with make_session() as session:
            client = HttpClient(
                session=session,
                base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/stores/{STORE}",
                signer=HeaderSigner({"X-Auth-Token": TOKEN}),
                clock=clock,
                chance=Middle(),
                limits=Limits(interval_default_seconds=0.0, share=1.0),
                listener=QuietListener(),
                secrets=[TOKEN],
            )
            yield shop, Counting(client)
    finally:
        await runner.cleanup()


async def measure(_folder: Path, count: int = ORDERS) -> dict[str, Any]:
    """Requests by part: asked, the least, all. `wrong`: orders whose document lacks something that the shop has."""
    async with shop_of(count) as (shop, client):
        store = BigCommerceStore(client, store_hash=STORE)
        port = store.documents(PARTS)
        raws: list[RawOrder] = []
        after = ""
        while True:
            page = await store.orders.by_number(after, 250)
            rows = msgspec.json.decode(page.raw or b"[]", type=list[msgspec.Raw])
            raws += [RawOrder(e.order, bytes(row), page.began) for e, row in zip(page.orders, rows, strict=True)]
            if not page.full:
                break
            after = page.orders[-1].order
        documents: list[OrderDocument] = []
        for start in range(0, len(raws), TURN):
            reads = await port.documents(raws[start : start + TURN])
            documents += [read.document for read in reads if read.document is not None]
        least = Counter[str]()
        wrong = 0
        for document in documents:
            has = has_of(shop, document)
            wrong += any(len(getattr(document, part)) != rows for part, rows in has.items())
            wrong += any(part.state is PartState.UNREADABLE for part in document.parts)
            least.update({part: -(-rows // PAGE) if part != "quotes" else rows for part, rows in has.items()})
        refunded = sum(1 for document in documents if document.refunds)
        least["refunds"] = -(-refunded // REFUND_ORDERS_MAX)
        places = sum(place.kind is PlaceKind.SHIPPING for document in documents for place in document.places)
        every = dict.fromkeys(PARTS, len(documents)) | {"quotes": places}
        return {
            "orders": count,
            "documents": len(documents),
            "wrong": wrong,
            "list": client.asked["the order list"],
            "parts": {part: [client.asked[part], least[part], every[part]] for part in PARTS},
            "others": sum(client.asked.values()) - client.asked["the order list"] - sum(client.asked[p] for p in PARTS),
        }


def has_of(shop: Shop, document: OrderDocument) -> dict[str, int]:
    """How many rows of each part the shop has for an order, by its own books."""
    order = shop.order(document.order)
    details = order.details
    assert details is not None
    quotes = len(order.addresses) if order.source == "www" else 0
    return {
        "taxes": len(document.taxes),  # the shop has no such rows, it works them out: what came is all
        "coupons": len(details.coupons),
        "messages": len(details.messages),
        "quotes": quotes,
        "transactions": len(details.transactions),
        "refunds": len(order.refunds),
        "shipments": len(order.shipments),
    }
