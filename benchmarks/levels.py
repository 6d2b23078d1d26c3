"""`python -m benchmarks.levels`: how many requests a BigCommerce store's levels cost, beside the least that the API allows.

Counted, not timed, so any machine gives the same numbers: the real adapter and HTTP client against the simulated shop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import Any, Final

from aiohttp import web

from syncd.core.quantity import NEVER, SECOND, Instant, units
from syncd.ports.store import LevelWrite
from syncd.simulator.bigcommerce import STORE, TOKEN, Shop, make_app
from syncd.stores.bigcommerce import BigCommerceStore
from syncd.transport import Answer, HeaderSigner, HttpClient, Limits, QuietListener, make_session

WRITES_MAX: Final = 2_000  # of the API: items of an adjustment
ROWS_MAX: Final = 1_000  # rows of a page
STOCK: Final = 50


class Clock:
    """Time that passes where somebody waits, at once."""

    def __init__(self) -> None:
        self.passed_us = 0

    def now(self) -> Instant:
        """Microseconds."""
        return Instant(1_700_000_000 * SECOND + self.passed_us)

    wall = now

    def monotonic(self) -> float:
        """Seconds."""
        return self.passed_us / SECOND

    async def sleep(self, wait_seconds: float) -> None:
        """At once."""
        self.passed_us += max(0, round(wait_seconds * SECOND))
        await asyncio.sleep(0)


class NoChance:
    """Always the middle."""

    def uniform(self, low: float, high: float) -> float:
        """The middle."""
        return (low + high) / 2

    def token(self, length_bytes: int) -> str:
        """No secret is made here."""
        return "00" * length_bytes


@dataclass
class Counted:
    """A client that counts."""

    client: HttpClient
    requests: int = 0

    async def read(self, path: str, query: Any = (), *, accept: Any = ()) -> Answer:
        """Counted."""
        self.requests += 1
        return await self.client.read(path, query, accept=accept)

    async def write(self, method: str, path: str, body: bytes, *, not_after: Instant = NEVER) -> Answer:
        """Counted."""
        self.requests += 1
        return await self.client.write(method, path, body, not_after=not_after)


@dataclass
class Place:
    """A shop with so many products at so many locations, and what its counters are called."""

    clock: Clock
    shop: Shop
    asked: Counted
    store: BigCommerceStore
    items: list[str]

    async def count(self, work: Awaitable[Any]) -> int:
        """The requests that this takes."""
        before = self.asked.requests
        await work
        return self.asked.requests - before

    async def sweep(self, items: Sequence[str]) -> None:
        """The whole list, for these."""
        sweep = self.store.inventory.begin_sweep(items)
        while await sweep.next_page() is not None:
            pass


@asynccontextmanager
async def opened(products: int, locations: int = 1) -> AsyncIterator[Place]:
    """The shop runs until the block ends."""
    clock = Clock()
    shop = Shop(clock, Random(1))
    numbers = range(1, locations + 1)
    for number in numbers[1:]:
        shop.add_location(number, f"L{number}", f"Location {number}")
    found = shop.add_products(
        [{"sku": f"S{n}", "name": f"S{n}", "stock": dict.fromkeys(numbers, STOCK)} for n in range(products)]
    )
    items = [f"p:{n}" + ("" if number == 1 else f"@{number}") for n in found for number in numbers]
    runner = web.AppRunner(make_app(shop), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with make_session() as session:
            client = HttpClient(
                session=session, base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/stores/{STORE}",
                signer=HeaderSigner({"X-Auth-Token": TOKEN}), clock=clock, chance=NoChance(),
                limits=Limits(share=1.0, interval_default_seconds=0.0), listener=QuietListener(), secrets=[TOKEN],
            )  # fmt: skip
            asked = Counted(client)
            store = BigCommerceStore(asked, store_hash="bench", locations=numbers)
            yield Place(clock, shop, asked, store, items)
    finally:
        await runner.cleanup()


def changes(items: Sequence[str], by: int) -> list[LevelWrite]:
    """All changed by as much."""
    return [LevelWrite(f"w{n}", item, change=units(by)) for n, item in enumerate(items)]


async def _write(place: Place, writes: Sequence[LevelWrite]) -> None:
    for start in range(0, len(writes), WRITES_MAX):
        await place.store.inventory.write(writes[start : start + WRITES_MAX])


async def _sell_out(place: Place, items: Sequence[str]) -> None:
    await place.store.inventory.levels(items)
    not_after = Instant(place.clock.now() + 30 * SECOND)
    await place.store.inventory.write(
        [LevelWrite(f"w{n}", item, level=units(0)) for n, item in enumerate(items)], not_after=not_after
    )


async def _bad(place: Place, number: int, answer: str) -> int:
    """Requests for all of the items, one of which hasn't enough."""
    place.shop.settings.change({"shortage_answer": answer})
    place.shop.set_stock(f"S{number}", 0)
    return await place.count(_write(place, changes(place.items, -1)))


async def measure() -> list[tuple[str, int, int]]:
    """(what, requests, the least that the API allows) of each case."""
    rows: list[tuple[str, int, int]] = []
    async with opened(10_000) as place:
        for count in (1_000, 10_000):
            requests = await place.count(_write(place, changes(place.items[:count], -1)))
            rows.append((f"{count:,} changed levels written", requests, ceil(count / WRITES_MAX)))
        for count in (500, 1_000, 10_000):
            wanted = place.items[:: len(place.items) // count]
            pages = await place.count(place.sweep(wanted))
            named = await place.count(
                _all([place.store.inventory.levels(wanted[s : s + 500]) for s in range(0, count, 500)])
            )
            rows.append((f"{count:,} of 10,000 levels read", min(pages, named), min(ceil(count / 500), 10)))
        rows.append(("500 items sold out", await place.count(_sell_out(place, place.items[:500])), 2))
    async with opened(2_000) as place:
        for number in (0, 1_000, 1_999):
            rows.append((f"2,000 lowered, no. {number:,} refused by name", await _bad(place, number, "named"), 2))
            place.shop.set_stock(f"S{number}", STOCK)
    for number in (0, 1_000, 1_999):
        async with opened(2_000) as place:
            what = f"2,000 lowered, no. {number:,} refused, nobody named"
            rows.append((what, await _bad(place, number, "unnamed"), 2 + ceil(10.97)))
    async with opened(1_000, locations=4) as place:
        requests = await place.count(_write(place, changes(place.items, -1)))
        rows.append(("1,000 items at 4 locations written", requests, ceil(4_000 / WRITES_MAX)))
        rows.append(("1,000 items at 4 locations read", await place.count(place.sweep(place.items)), 1))
    return rows


async def _all(work: Sequence[Awaitable[Any]]) -> None:
    for one in work:
        await one


def main(show: Callable[[str], None] = print) -> None:
    """The table."""
    show(f"{'':<52}{'requests':>10}{'least':>8}")
    for what, requests, least in asyncio.run(measure()):
        show(f"{what:<52}{requests:>10}{least:>8}")


if __name__ == "__main__":
    main()
