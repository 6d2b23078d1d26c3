"""A WooCommerce simulator on a real socket, with a clock and chance of its own: shared by its tests."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from syncd.simulator.woocommerce import Settings, Shop, make_app

START_US = 1_795_431_488_000_000  # 2026-11-23T10:58:08Z
V3 = "/wp-json/wc/v3"
KEYS = {"Authorization": "Basic " + base64.b64encode(b"ck_simulated:cs_simulated").decode()}


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = START_US

    def now(self) -> int:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += round(seconds * 1_000_000)


@dataclass
class Reply:
    """One answer, read to its end."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)


class Bench:
    """A shop that runs, and a client that calls it."""

    def __init__(self, shop: Shop, clock: HandClock, session: aiohttp.ClientSession, base: str) -> None:
        self.shop, self.clock, self.session, self.base = shop, clock, session, base

    async def call(self, method: str, path: str, body: Any = None, *, keys: bool = True, **more: Any) -> Reply:
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **(KEYS if keys else {}), **more.pop("headers", {})}
        async with self.session.request(method, self.base + path, data=data, headers=headers, **more) as answer:
            return Reply(
                answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()
            )

    async def get(self, path: str, **params: Any) -> Reply:
        return await self.call("GET", V3 + path, params=params)

    async def put(self, path: str, body: Any) -> Reply:
        return await self.call("PUT", V3 + path, body)

    async def post(self, path: str, body: Any) -> Reply:
        return await self.call("POST", V3 + path, body)

    async def delete(self, path: str, **params: Any) -> Reply:
        return await self.call("DELETE", V3 + path, params=params)

    async def sim(self, method: str, path: str, body: Any = None) -> Reply:
        return await self.call(method, f"/_sim/{path}", body, keys=False)

    def level(self, sku: str) -> int | None:
        return self.shop.level(sku)


@asynccontextmanager
async def open_bench(seed: int = 1, **settings: Any) -> AsyncIterator[Bench]:
    clock = HandClock()
    shop = Shop(clock=clock, rng=Random(seed), settings=Settings(**settings))
    runner = web.AppRunner(make_app(shop), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Bench(shop, clock, session, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
