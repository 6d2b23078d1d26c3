"""From a store's call to the ledger, and to another shop's level: the real daemon with its defaults, one sale at a time, in
real time. Beside it the same requests of the shops by a bare client: what of it is the platforms'."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any, Final

import aiohttp
import anyio

from benchmarks.house import KEY, KINDS, SECRET, TOKEN, House, open_house

SALES: Final = 30  # in each direction
PAUSE_SECONDS: Final = (0.4, 1.2)  # between two sales: what the last one started has ended
KNOWN_SECONDS: Final = 35.0  # a poll later every reading of a level counts
READY: Final = ("store.baseline_done", "webhook.repaired")
SKUS: Final = [f"SKU-{number:03}" for number in range(SALES + 10)]
PAIRS: Final = (("us", "web"), ("web", "us"), ("us", "uk"))  # the shop that sells, the one that has to follow
LOOK_SECONDS: Final = 0.002


async def measure(folder: Path) -> dict[str, Any]:
    """For each pair the median and the 95th percentile, in milliseconds: to the ledger, to the level; and the floors."""
    chance = Random(1)
    async with open_house(folder, "us", "uk", "web") as house:
        await house.open(SKUS)
        house.daemon()
        await house.logged(*[(event, name) for name in house.ports for event in READY])
        await _warm_up(house)
        return {f"{seller} to {other}": await _pair(house, seller, other, chance) for seller, other in PAIRS}


async def _warm_up(house: House) -> None:
    """Until the first sales have gone through: by then every level is known."""
    for name in house.ports:
        order = await house.buy(name, SKUS[-1])
        await house.call(name, order["order"])
    await house.logged(*[("level.written", name) for name in house.ports])
    await anyio.sleep(KNOWN_SECONDS)


async def _pair(house: House, seller: str, other: str, chance: Random) -> dict[str, Any]:
    ledger, level, floor_order, floor_level = [], [], [], []
    for number in range(SALES):
        order = (await house.buy(seller, SKUS[number]))["order"]
        house.news()
        began = time.time()
        status = await house.call(seller, order)
        assert status == 200, status
        told = await _follow(house, seller, order, other)
        ledger.append(told[0] - began)
        level.append(told[1] - began)
        await anyio.sleep(chance.uniform(*PAUSE_SECONDS))
        floor_order.append(await _timed(lambda order=order: _read_order(house, seller, order)))  # type: ignore[misc]
        floor_level.append(await _timed(lambda: _ask_level(house, other)))
    return {
        "ledger_ms": _spread(ledger), "level_ms": _spread(level),
        "floor_order_ms": _spread(floor_order), "floor_level_ms": _spread(floor_level),
    }  # fmt: skip


async def _follow(house: House, seller: str, order: str, other: str) -> tuple[float, float]:
    """When the order was in the ledger, and when the other shop's level was written, as the log tells."""
    seen: dict[str, float] = {}

    def all_seen() -> bool:
        for entry in house.news():
            if entry["event"] == "order.applied" and entry["order"].endswith(f"/{seller}/{order}"):
                seen.setdefault("ledger", _at(entry))
            if entry["event"] == "level.written" and entry["store"] == other:
                seen.setdefault("level", _at(entry))
        return len(seen) == 2

    await house.until(all_seen, look_seconds=LOOK_SECONDS)
    return seen["ledger"], seen["level"]


def _at(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["time"]).timestamp()


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _read_order(house: House, name: str, order: str) -> None:
    """One request for the order, with its lines."""
    if KINDS[name] == "bigcommerce":
        path = f"stores/simshop/v2/orders?min_id={order}&max_id={order}&include=consignments.line_items"
    else:
        path = f"wp-json/wc/v3/orders?include={order}"
    await _ask(house, name, path)


async def _ask_level(house: House, name: str) -> None:
    """As many requests as the other shop gets before its level is written: one, at WooCommerce two (it is read first)."""
    if KINDS[name] == "bigcommerce":
        await _ask(house, name, "stores/simshop/v3/inventory/items?limit=1")
    else:
        for _ in range(2):
            await _ask(house, name, "wp-json/wc/v3/products?per_page=1")


async def _ask(house: House, name: str, path: str) -> None:
    auth = aiohttp.BasicAuth(KEY, SECRET) if KINDS[name] == "woocommerce" else None
    headers = {"X-Auth-Token": TOKEN} if auth is None else {}
    async with house.session.get(f"http://127.0.0.1:{house.ports[name]}/{path}", headers=headers, auth=auth) as answer:
        assert answer.status < 300, (answer.status, await answer.text())
        await answer.read()


def _spread(seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=20)
    return {"median": cuts[9] * 1_000, "p95": cuts[18] * 1_000}
