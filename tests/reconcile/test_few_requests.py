"""Many levels cost few requests, and no request of a store overlaps a write of its levels."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncd.transport import HttpClient
from tests.reconcile.world import Store, World, open_world

PRODUCTS = 1_200


def requests_of(asked: list[str], part: str) -> list[str]:
    return [request for request in asked if part in request]


async def stocked(world: World) -> tuple[Store, dict[str, int]]:
    levels = {f"S{number:04}": 5 for number in range(PRODUCTS)}
    shop = await world.serve("us", "bigcommerce", stock=levels)
    await world.serve_erp()
    world.open_stock(levels)
    world.configure()
    path = world.folder / "config" / "tenants" / "acme.toml"
    path.write_text(path.read_text().replace("read_items_every_seconds = 10", "read_items_every_seconds = 50000"))
    return shop, levels


async def test_a_whole_shop_is_read_by_pages_and_written_in_one_request(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop, levels = await stocked(world)
        async with world.daemon():
            await world.started()
            await world.settled(levels)
            await world.clock.sleep(30.0)
            asked = await world.asked(shop)
            reads = requests_of(asked, "/inventory/locations/1/items")
            assert len(reads) == 2
            assert not requests_of(reads, "product_id:in")
            assert world.erp is not None
            since = len(await world.asked(shop))
            for sku in levels:
                world.erp.book.record("receipt", sku, "main", Decimal(1))
            await world.settled(dict.fromkeys(levels, 6))
            asked = await world.asked(shop, since)
    assert len(requests_of(asked, "/adjustments/")) == 1


async def test_no_request_of_a_store_runs_beside_a_write_of_its_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor: bulk writes of stock in parallel with the catalogue or orders may give wrong results."""
    active: list[str] = []
    beside: list[tuple[str, list[str]]] = []
    writes = 0

    def watched(plain: Any, at: int) -> Any:
        async def call(self: Any, *args: Any, **more: Any) -> Any:
            nonlocal writes
            path = args[at]
            writes += "/adjustments/" in path
            active.append(path)
            if len(active) > 1 and any("/adjustments/" in one for one in active):
                beside.append((path, list(active)))
            try:
                return await plain(self, *args, **more)
            finally:
                active.remove(path)

        return call

    monkeypatch.setattr(HttpClient, "read", watched(HttpClient.read, 0))
    monkeypatch.setattr(HttpClient, "write", watched(HttpClient.write, 1))
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 50, "B": 50})
        world.open_stock({"A": 50, "B": 50})
        world.configure(poll_seconds=1.0)
        async with world.daemon():
            await world.started()
            shop.shop.faults.latency_seconds = (0.3, 0.9)
            for number in range(20):
                world.adjust("A" if number % 2 else "B", 1)
                assert await shop.buy({"A": 1, "B": 1})
                await world.clock.sleep(1.3)
            shop.shop.faults.latency_seconds = (0.0, 0.0)
            await world.settled({"A": 40, "B": 40})
    assert writes >= 5
    assert beside == []
