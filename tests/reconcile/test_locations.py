"""A BigCommerce store with several locations: each shows the ERP's level at its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from syncd.core.quantity import UNIT, Quantity
from syncd.ledger import items
from tests.reconcile.world import Store, World, open_world

TWO = '[stores.us.locations]\n1 = "main"\n2 = "outlet"\n'
MAIN, OUTLET = "main", "outlet"


def keep(world: World, levels: Mapping[str, Mapping[str, int]]) -> None:
    """The ERP's opening stock, by SKU and location."""
    book = world.book()
    for sku, places in levels.items():
        for location, count in places.items():
            book.add(sku, location=location)
            if count:
                book.adjust(sku, location, Quantity(count * UNIT), "opening")
    book.close()


def receive(world: World, sku: str, location: str, count: int) -> None:
    book = world.book()
    book.adjust(sku, location, Quantity(count * UNIT), "by hand")
    book.close()


def erp(world: World, sku: str) -> dict[str, int]:
    book = world.book()
    try:
        return {location: level // UNIT for location, level in book.levels_of(sku).items()}
    finally:
        book.close()


async def until_erp(world: World, sku: str, **wanted: int) -> None:
    await world.until(lambda: "" if erp(world, sku) == wanted else f"{sku}: {erp(world, sku)}, not {wanted}")


def shown(shop: Store, sku: str, *numbers: int) -> list[int | None]:
    """What each location has, with what is on its way."""
    return [shop.shop.stockroom.final_level(shop.shop.counter(sku, number)) for number in numbers]


async def until_shown(world: World, shop: Store, sku: str, *wanted: int) -> None:
    def complaint() -> str:
        found = shown(shop, sku, *range(1, len(wanted) + 1))
        return "" if found == list(wanted) else f"{sku}: {found}, not {list(wanted)}"

    await world.until(complaint)


async def open_two(world: World, more: str = TWO, *, stock: Mapping[int, int] | None = None) -> Store:
    shop = await world.serve("us", "bigcommerce")
    shop.shop.add_location(2, "B", "Outlet")
    levels = {1: 10, 2: 4} if stock is None else dict(stock)
    shop.shop.add_products([{"sku": "A", "name": "A", "stock": levels}, {"sku": "B", "name": "B", "stock": {1: 7}}])
    keep(world, {"A": {MAIN: 10, OUTLET: 4}, "B": {MAIN: 7, OUTLET: 3}})
    world.configure(per_store={"us": more})
    return shop


async def test_each_location_shows_the_erps_level_at_its_own_and_orders_take_from_the_default_one(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        shop = await open_two(world)
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "B", 7, 3)  # it had no level at the outlet: an absolute write first
            assert await shop.buy({"A": 2})
            receive(world, "A", OUTLET, 5)
            await until_shown(world, shop, "A", 8, 9)
            await until_erp(world, "A", main=8, outlet=9)
            receive(world, "A", MAIN, -1)
            await until_shown(world, shop, "A", 7, 9)
        drifts = [event for event in world.events() if event["event"] == "drift.found"]
    assert drifts == []


async def test_all_locations_are_read_and_written_in_the_same_requests(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await open_two(world)
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "A", 10, 4)
            await until_shown(world, shop, "B", 7, 3)
            await world.clock.sleep(60.0)
            since = len(await world.asked(shop))
            for sku, location in (("A", MAIN), ("A", OUTLET), ("B", MAIN), ("B", OUTLET)):
                receive(world, sku, location, 1)
            await until_shown(world, shop, "B", 8, 4)
            await until_shown(world, shop, "A", 11, 5)
            asked = await world.asked(shop, since)
    writes = [request for request in asked if "/adjustments/" in request]
    assert len(writes) == 1
    assert not [request for request in asked if "/inventory/locations/" in request]


@pytest.mark.parametrize("trouble", ["disabled", "unknown"])
async def test_a_location_that_cannot_be_used_is_told_and_the_others_go_on(tmp_path: Path, trouble: str) -> None:
    async with open_world(tmp_path) as world:
        number = 2 if trouble == "disabled" else 3
        shop = await open_two(world, TWO.replace("2 =", f"{number} ="))
        if trouble == "disabled":
            shop.shop.add_location(2, "B", "Outlet", enabled=False)
        async with world.daemon():
            await world.started()
            receive(world, "A", MAIN, 5)
            receive(world, "A", OUTLET, 5)
            await world.until(lambda: shown(shop, "A", 1) != [15])
            await world.clock.sleep(30.0)
            assert shown(shop, "A", 2) == [4]
        reasons = [event["reason"] for event in world.events() if event["event"] == "store.warned"]
        failed = [event for event in world.events() if event["event"] == "store.failed"]
    wanted = "location 2 (Outlet) is disabled in the store" if trouble == "disabled" else "the store has no location 3"
    assert f"{wanted}: nothing is written there" in reasons
    assert failed == []


async def test_what_changes_at_a_location_that_has_gone_does_not_have_the_catalogue_read_each_time(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        shop = await open_two(world)
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "A", 10, 4)
            shop.shop.add_location(2, "B", "Outlet", enabled=False)
            before = len(await world.asked(shop))
            for _ in range(6):
                receive(world, "A", OUTLET, 5)
                await world.clock.sleep(90.0)
            asked = await world.asked(shop, before)
    assert len([request for request in asked if "/v3/catalog/products" in request]) <= 2


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_a_location_that_goes_later_stops_alone(tmp_path: Path, how: str) -> None:
    async with open_world(tmp_path) as world:
        shop = await open_two(world)
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "B", 7, 3)
            if how == "disabled":
                shop.shop.add_location(2, "B", "Outlet", enabled=False)
            else:
                shop.shop.close_location(2)
            receive(world, "A", MAIN, 5)
            receive(world, "A", OUTLET, 5)
            await world.until(lambda: shown(shop, "A", 1) != [15])
            await world.clock.sleep(60.0)
            assert shown(shop, "A", 2) == ([4] if how == "disabled" else [0])
            receive(world, "B", MAIN, 1)
            await world.until(lambda: shown(shop, "B", 1) != [8])
        failed = [event for event in world.events() if event["event"] == "store.failed"]
    assert failed == []


async def test_a_store_that_pools_its_stock_comes_to_the_erps_levels_whichever_location_it_took_from(
    tmp_path: Path,
) -> None:
    """The simulated shop takes from the outlet first; the ERP books every order at the default location."""
    async with open_world(tmp_path) as world:
        shop = await open_two(world, f'stock = "aggregated"\n{TWO}')
        shop.shop.settings.switches.aggregated_locations = True
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "B", 7, 3)
            order = await shop.buy({"A": 3})
            assert order is not None
            assert [shop.shop.counter("A", number).level for number in (1, 2)] == [10, 1]
            await until_shown(world, shop, "A", 7, 4)
            await until_erp(world, "A", main=7, outlet=4)
            await shop.act(str(order["order"]), "cancel")
            await until_shown(world, shop, "A", 10, 4)
        drifts = [event for event in world.events() if event["event"] == "drift.found"]
    assert drifts == []


async def test_a_location_that_is_no_longer_kept_is_left_as_it_is(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await open_two(world)
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "B", 7, 3)
        world.configure()
        async with world.daemon():
            await world.started()
            receive(world, "A", MAIN, 1)
            receive(world, "A", OUTLET, 1)
            await world.until(lambda: shown(shop, "A", 1) != [11])
            names = await world.ledger.read(lambda c: [row.item for row in items.all_items(c, "acme", "us")])
            assert not [name for name in names if "@" in name]
            assert shown(shop, "A", 2) == [4]


async def test_a_ledger_of_one_location_goes_on_when_another_is_added(tmp_path: Path) -> None:
    """The counters of the location that was kept first have their names for ever."""
    async with open_world(tmp_path) as world:
        shop = await open_two(world, "location = 2", stock={1: 10, 2: 10})
        async with world.daemon():
            await world.started()
            await world.until(lambda: shown(shop, "B", 2) != [7])
            assert await shop.buy({"A": 2})  # takes from location 1, which nobody keeps yet
            await until_shown(world, shop, "A", 8, 8)
        world.configure(per_store={"us": f"location = 2\n{TWO}"})
        async with world.daemon():
            await world.started()
            await until_shown(world, shop, "A", 8, 4)
            assert await shop.buy({"A": 1})
            await until_shown(world, shop, "A", 7, 4)
            found: list[Any] = await world.ledger.read(
                lambda c: [(row.item, row.place) for row in items.all_items(c, "acme", "us")]
            )
        assert sorted(found) == [("p:111", ""), ("p:111@1", "@1"), ("p:112", ""), ("p:112@1", "@1")]
        drifts = [event for event in world.events() if event["event"] == "drift.found"]
    assert drifts == []
