"""SHADOW, and the time before the first approval: everything is computed, and the outside stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from tests.reconcile.world import World, open_world


@asynccontextmanager
async def two_shops(folder: Path, more: str = "", *, approve: str = "automatic") -> AsyncIterator[World]:
    """A shop of each kind that shows fewer than the ERP has."""
    async with open_world(folder) as world:
        for name, kind in (("one", "bigcommerce"), ("two", "woocommerce")):
            await world.serve(name, kind, stock={"A": 8})
        world.open_stock({"A": 10})
        world.configure(more, approve=approve)
        yield world


def events(world: World) -> set[str]:
    return {entry["event"] for entry in world.events()}


def both_are_ready(world: World) -> bool:
    return sum(entry["event"] == "store.baseline_done" for entry in world.events()) == 2


async def test_in_shadow_mode_sales_are_computed_and_nothing_outside_is_written(tmp_path: Path) -> None:
    async with two_shops(tmp_path, 'mode = "shadow"') as world:
        one, two = world.stores.values()
        async with world.daemon():
            await world.until(lambda: "" if both_are_ready(world) else "no baseline")
            await one.buy({"A": 3})
            await two.buy({"A": 1})
            await world.until(
                lambda: "" if sum(e["event"] == "order.applied" for e in world.events()) >= 2 else "not read"
            )
            await anyio.sleep(30.0)
        assert world.erp_levels() == {"A": 10}
        assert (await one.levels(), await two.levels()) == ({"A": 5}, {"A": 7})
        assert not events(world) & {"move.sent", "move.confirmed", "level.written", "level.not_sent", "level.doubt"}


async def test_from_shadow_to_live_what_was_sold_meanwhile_counts_as_counted_and_the_rest_is_posted(
    tmp_path: Path,
) -> None:
    async with two_shops(tmp_path, 'mode = "shadow"') as world:
        one, _ = world.stores.values()
        async with world.daemon():
            await world.until(lambda: "" if both_are_ready(world) else "no baseline")
            await one.buy({"A": 3})
            await world.until(lambda: "" if "order.applied" in events(world) else "not read")
        world.adjust("A", -3)  # the old process counts it
        world.configure()
        async with world.daemon():
            await world.settled({"A": 7})
            await one.buy({"A": 2})
            await world.settled({"A": 5})


async def test_before_the_first_approval_orders_are_posted_and_no_level_is_written(tmp_path: Path) -> None:
    async with two_shops(tmp_path, approve="manual") as world:
        one, two = world.stores.values()
        async with world.daemon():
            await world.until(lambda: "" if "store.plan_ready" in events(world) else "no plan")
            await one.buy({"A": 3})
            await world.until(lambda: "" if world.erp_levels() == {"A": 7} else "not posted")
            await anyio.sleep(30.0)
        assert (await one.levels(), await two.levels()) == ({"A": 5}, {"A": 8})
        assert not events(world) & {"level.written", "level.not_sent", "level.doubt"}
