"""A store whose orders fall behind: said once, and once more when they are read again; through a restart, too."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.reconcile.world import Store, World, open_world

GONE = {"slow": 1.0, "slow_seconds": 3_600.0}
BACK = {"slow": 0.0}
STALE_SECONDS = 300.0  # polls of 3 s: behind after 45 s, by time-outs of a minute


async def opened(world: World) -> Store:
    shop = await world.serve("woo", "woocommerce", stock={"A": 10})
    world.open_stock({"A": 10})
    world.configure()
    return shop


def told(world: World) -> list[str]:
    return [event["event"] for event in world.events() if event["event"] in {"store.stale", "store.fresh"}]


async def test_a_store_that_falls_behind_is_said_once_and_so_is_its_return(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await opened(world)
        async with world.daemon():
            await world.until(lambda: not any(e["event"] == "store.baseline_done" for e in world.events()))
            await shop.call("PUT", "/faults", GONE)
            await anyio.sleep(3 * STALE_SECONDS)
            assert told(world) == ["store.stale"]
            assert await world.take_alerts() == ["store.stale"]
            await shop.call("PUT", "/faults", BACK)
            await anyio.sleep(2 * STALE_SECONDS)  # until the breaker looks again
            await world.until(lambda: "store.fresh" not in told(world), "it isn't fresh:")
            await anyio.sleep(STALE_SECONDS)
            assert told(world) == ["store.stale", "store.fresh"]
            assert await world.take_alerts() == ["store.fresh"]


async def test_a_store_that_cannot_be_read_from_the_start_is_stale_too(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await opened(world)
        await shop.call("PUT", "/faults", GONE)
        async with world.daemon():
            await anyio.sleep(3 * STALE_SECONDS)
            assert told(world) == ["store.stale"]
            assert [event for event, _, _ in await world.alerted()] == ["store.stale"]
            await shop.call("PUT", "/faults", BACK)
            await anyio.sleep(2 * STALE_SECONDS)  # until the breaker looks again
            await world.until(lambda: "store.fresh" not in told(world), "it isn't fresh:")
            assert await world.alerted() == [], "nobody had heard of it"


async def test_who_was_told_that_a_store_is_behind_is_told_its_return_by_the_next_process(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await opened(world)
        await shop.call("PUT", "/faults", GONE)
        async with world.daemon():
            await anyio.sleep(2 * STALE_SECONDS)
            assert await world.take_alerts() == ["store.stale"]
        await shop.call("PUT", "/faults", BACK)
        async with world.daemon():
            await world.until(lambda: not world.alerts.news, "it isn't fresh:")
            assert await world.take_alerts() == ["store.fresh"]
            assert told(world) == ["store.stale"], "this process has seen nothing else"


async def test_a_start_like_any_other_tells_nobody_anything(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await opened(world)
        for _ in range(2):
            async with world.daemon():
                await anyio.sleep(STALE_SECONDS)
                assert await world.alerted() == []
        assert told(world) == []
