"""A simulated BigCommerce shop on 127.0.0.1, the real HTTP client, and the adapter between them; time is the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import anyio
import msgspec
from aiohttp import web

from syncd.core.quantity import NEVER, SECOND, Instant
from syncd.simulator.bigcommerce import STORE, TOKEN, Shop, make_app
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.transport import Answer, HeaderSigner, HttpClient, Limits, QuietListener, make_session
from tests.simulator.bigcommerce_judge import RECORD, Record, judged, verdict

EPOCH = 1_700_000_000 * SECOND  # Tue, 14 Nov 2023 22:13:20 GMT
LIMITS = Limits(interval_default_seconds=0.0, share=1.0, total_seconds=2.0, read_seconds=2.0, connect_seconds=2.0)


class WorldClock:
    """The shop's and the client's clock: it passes where somebody sleeps, at once, and where a test says so."""

    def __init__(self) -> None:
        self.passed_us = 0

    def now(self) -> Instant:
        return Instant(EPOCH + self.passed_us)

    wall = now

    def monotonic(self) -> float:
        return self.passed_us / SECOND

    async def sleep(self, wait_seconds: float) -> None:
        self.passed_us += max(0, round(wait_seconds * SECOND))
        await anyio.lowlevel.checkpoint()

    def pass_seconds(self, seconds: float) -> None:
        self.passed_us += round(seconds * SECOND)


class MiddleChance:
    """Always the middle."""

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2

    def token(self, length_bytes: int) -> str:
        return "ab" * length_bytes


@dataclass
class Recorder:
    """A client that remembers what was asked through it."""

    client: HttpClient
    reads: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    writes: list[tuple[str, str, Any]] = field(default_factory=list)

    async def read(self, path: str, query=(), *, accept=()) -> Answer:
        self.reads.append((path, dict(query)))
        return await self.client.read(path, query, accept=accept)

    async def write(self, method: str, path: str, body: bytes, query=(), *, not_after: Instant = NEVER) -> Answer:
        self.writes.append((method, path.rpartition("/")[2], msgspec.json.decode(body or b"null")))
        return await self.client.write(method, path, body, query, not_after=not_after)


@dataclass
class World:
    """What a test holds."""

    clock: WorldClock
    shop: Shop
    asked: Recorder
    store: BigCommerceStore
    record: Record

    def forgive(self, why: str) -> None:
        """This test has answers that the vendor's documents don't know, on purpose."""
        self.record.forgiven = why

    def add(self, *products: dict[str, Any]) -> list[str]:
        """Put products on sale; their stock items."""
        items = []
        for number in self.shop.add_products(products):
            product = self.shop.catalog.products[number]
            if product.tracking == "variant":
                items += [f"v:{number}/{variant.id}" for variant in product.variants]
            else:
                items.append(f"p:{number}")
        return items

    def sell(self, sku: str, quantity: int = 1, **how: Any) -> str:
        """A shopper buys; the order's id."""
        return str(self.shop.sell([{"sku": sku, "quantity": quantity}], **how).id)

    def forget(self) -> None:
        """Forget what was asked so far."""
        self.asked.reads.clear()
        self.asked.writes.clear()


@asynccontextmanager
async def open_world(*, token: str = TOKEN, **options: Any) -> AsyncIterator[World]:
    """A shop that runs until the block ends. Whatever passed between it and the adapter is judged then."""
    clock = WorldClock()
    shop = Shop(clock, Random(7))
    app = judged(make_app(shop))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with make_session() as session:
            client = HttpClient(
                session=session,
                base_url=f"http://127.0.0.1:{port}/stores/{STORE}",
                signer=HeaderSigner({"X-Auth-Token": token}),
                clock=clock,
                chance=MiddleChance(),
                limits=LIMITS,
                listener=QuietListener(),
                secrets=[TOKEN],
            )
            asked = Recorder(client)
            yield World(clock, shop, asked, BigCommerceStore(asked, store_hash="configured", **options), app[RECORD])
    finally:
        await runner.cleanup()
    verdict(app)
