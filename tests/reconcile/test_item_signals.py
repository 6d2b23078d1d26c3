"""A store that speaks of its stock levels: somebody else's change is found at once, and our own is not read for."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.quantity import units
from syncd.ledger import items
from tests.reconcile.world import Store, World, open_world

RARELY = "read_items_every_seconds = 50000"


def configure(world: World, *, speaks: bool) -> None:
    world.configure(per_store={"us": f"level_webhooks = {str(speaks).lower()}"}, webhooks=True)
    path = world.folder / "config" / "tenants" / "acme.toml"
    path.write_text(path.read_text().replace("read_items_every_seconds = 10", RARELY))


def level(shop: Store, sku: str) -> int:
    return int(shop.shop.stockroom.final_level(shop.shop.counter(sku)))


async def started(world: World, shop: Store) -> None:
    await world.started()
    await world.until(lambda: "" if shop.shop.hooks.known else "no webhooks")
    await world.settled({"A": 10, "B": 5})
    await world.clock.sleep(30.0)


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_hands_change_is_corrected_within_seconds_where_the_store_speaks_of_levels(
    tmp_path: Path, speaks: bool
) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 10, "B": 5})
        world.open_stock({"A": 10, "B": 5})
        configure(world, speaks=speaks)
        async with world.daemon():
            await started(world, shop)
            await shop.call("POST", "/stock", {"sku": "A", "quantity": 99})
            await world.clock.sleep(100.0)
            assert level(shop, "A") == (10 if speaks else 99)


async def test_the_echo_of_an_own_write_is_no_reason_to_read(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 10, "B": 5})
        world.open_stock({"A": 10, "B": 5})
        configure(world, speaks=True)
        async with world.daemon():
            await started(world, shop)
            since, calls = len(await world.asked(shop)), len(shop.shop.hooks.calls)
            world.adjust("A", 3)
            await world.until(lambda: "" if level(shop, "A") == 13 else "not yet")
            await world.clock.sleep(40.0)
            asked = await world.asked(shop, since)
            assert [call.scope for call in list(shop.shop.hooks.calls)[calls:]] == [
                "store/channel/*/inventory/product/stock_changed"
            ]
        assert [request for request in asked if "/inventory/locations/" in request] == []


async def test_the_shop_calls_for_what_becomes_of_a_level(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 10, "B": 5})
        shop.shop.counter("A").warning_level = 4
        world.open_stock({"A": 10, "B": 5})
        configure(world, speaks=True)
        async with world.daemon():
            await started(world, shop)
            rows = await world.ledger.read(lambda c: items.all_items(c, "acme", "us"))
            assert {row.sku: row.warning for row in rows} == {"A": units(4), "B": 0}
            calls = len(shop.shop.hooks.calls)
            assert await shop.buy({"A": 7})
            assert await shop.buy({"A": 3})
            await world.settled({"A": 0})
            told = [call.scope.rpartition("/")[2] for call in list(shop.shop.hooks.calls)[calls:]]
    stock = [what for what in told if what not in {"created", "updated"}]
    assert stock == ["stock_changed", "low_stock_reached", "stock_changed", "out_of_stock_reached"]
