"""A BigCommerce shop on a real socket, with a clock that the test turns and a client that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from syncd.simulator.bigcommerce import STORE, TOKEN, Shop, make_app
from tests.simulator.bigcommerce_judge import RECORD, Record, judged, verdict

START_US = 1_700_000_000_000_000
"""Tue, 14 Nov 2023 22:13:20 +0000."""
WHOLE = {"include": "consignments.line_items", "consignment_structure": "object"}


class HandClock:
    """Time that stands still until somebody turns it."""

    def __init__(self) -> None:
        self.at_us = START_US

    def now(self) -> int:
        return self.at_us

    def turn(self, seconds: float) -> None:
        self.at_us += round(seconds * 1_000_000)


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


@dataclass
class Bench:
    shop: Shop
    clock: HandClock
    address: str
    session: aiohttp.ClientSession
    record: Record

    def forgive(self, why: str) -> None:
        """This test has answers that the documents don't know, on purpose."""
        self.record.forgiven = why

    async def call(self, method: str, path: str, body: Any = None, *, token: str = TOKEN, **query: Any) -> Reply:
        """A request of the vendor's API."""
        return await self._send(method, f"/stores/{STORE}{path}", body, query, {"X-Auth-Token": token})

    async def get(self, path: str, **query: Any) -> Reply:
        return await self.call("GET", path, **query)

    async def sim(self, method: str, path: str, body: Any = None) -> Reply:
        """A request of the driving API."""
        return await self._send(method, f"/_sim{path}", body, {}, {})

    async def listed(self, **query: Any) -> list[int]:
        """The ids of a list of orders."""
        return [order["id"] for order in (await self.get("/v2/orders", **query)).json or []]

    async def level(self, sku: str) -> int:
        """What the inventory API shows at the default location."""
        rows = (await self.get("/v3/inventory/locations/1/items", **{"sku:in": sku})).json["data"]
        return int(rows[0]["total_inventory_onhand"])

    def truth(self, sku: str) -> dict[str, int]:
        skus: dict[str, dict[str, int]] = self.shop.truth()["skus"]
        return skus[sku]

    async def _send(self, method: str, path: str, body: Any, query: dict[str, Any], headers: dict[str, str]) -> Reply:
        data = None if body is None else msgspec.json.encode(body)
        params = {name: str(value) for name, value in query.items()}
        async with self.session.request(method, self.address + path, data=data, params=params, headers=headers) as got:
            lower = {name.lower(): value for name, value in got.headers.items()}
            return Reply(got.status, await got.read(), lower)


@asynccontextmanager
async def open_bench(seed: int = 7) -> AsyncIterator[Bench]:
    """A shop without products, quota off, on 127.0.0.1 and a free port. All its answers are judged at the end."""
    clock = HandClock()
    shop = Shop(clock, Random(seed))
    shop.faults.quota_requests = 0
    app = judged(make_app(shop))
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            yield Bench(shop, clock, f"http://127.0.0.1:{port}", session, app[RECORD])
    finally:
        await runner.cleanup()
    verdict(app, requests=False)
