"""Pause: nothing of a paused store is read or written, whatever restarts; what is known of it stays protected; others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.app import App
from syncd.config.load import load
from syncd.control.commands import Commands
from tests.reconcile.world import World, open_world


async def call(world: World, app: App, command: str, /, **arguments: Any) -> Any:
    """A command of an operator."""

    async def tell(_told: Any) -> None:
        """Nobody listens."""

    commands = Commands.for_daemon(load(world.folder / "config", {}), world.given, app)
    return await commands.call(command, arguments, tell)


async def two_shops(world: World) -> None:
    await world.serve("us", "bigcommerce", stock={"A": 10})
    await world.serve("woo", "woocommerce", stock={"A": 10})
    world.open_stock({"A": 10})
    world.configure()


async def quiet(world: World, name: str, seconds: float = 60.0) -> list[str]:
    """What a shop is asked within so long."""
    before = len(await world.asked(world.stores[name]))
    await world.clock.sleep(seconds)
    return await world.asked(world.stores[name], before)


async def shows(world: World, name: str, level: int) -> None:
    async def complaint() -> str:
        levels = await world.stores[name].levels()
        return "" if levels == {"A": level} else f"{name} shows {levels}"

    await world.until(complaint)


async def test_a_paused_store_is_neither_read_nor_written_and_the_others_go_on(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_shops(world)
        async with world.daemon() as app:
            await world.started()
            assert await world.stores["us"].buy({"A": 1})
            await world.settled({"A": 9})
            await call(world, app, "pause", tenant="acme", store="us", reason="stocktake")
            assert await world.stores["us"].buy({"A": 4})
            assert await world.stores["woo"].buy({"A": 2})
            assert await quiet(world, "us") == []
            await shows(world, "woo", 7)
            assert world.erp_levels() == {"A": 7}
            assert not app.supervisor.stuck(40.0)
            told = (await call(world, app, "status"))["tenants"][0]["stores"]
            assert {each["store"]: each["writes"] for each in told} == {"us": "paused", "woo": "on"}
            paused = next(each["paused"] for each in told if each["store"] == "us")
            assert (paused["scope"], paused["reason"], paused["by"]) == ("all", "stocktake", "store")
            await call(world, app, "resume", tenant="acme", store="us")
            await world.settled({"A": 3})
            names = [event["event"] for event in world.events()]
            assert names.count("store.paused") == names.count("store.resumed") == 1


async def test_what_a_paused_store_has_sold_stays_subtracted_for_the_others(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.serve_erp()
        await two_shops(world)
        async with world.daemon() as app:
            await world.started()
            await call(world, app, "pause", tenant="acme", writes=True)
            assert await world.stores["us"].buy({"A": 4})
            await world.until(lambda: "not counted" if world.erp_levels() != {"A": 6} else "")
            await call(world, app, "pause", tenant="acme", store="us")
            await call(world, app, "resume", tenant="acme")
            await shows(world, "woo", 6)
            assert await quiet(world, "us") == []


async def test_with_writes_alone_orders_are_counted_and_no_level_is_written(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_shops(world)
        async with world.daemon() as app:
            await world.started()
            await call(world, app, "pause", tenant="acme", store="us", writes=True)
            assert await world.stores["us"].buy({"A": 1})
            assert await world.stores["woo"].buy({"A": 2})
            await world.until(lambda: "not counted" if world.erp_levels() != {"A": 7} else "")
            await shows(world, "woo", 7)
            asked = await quiet(world, "us")
            assert asked
            assert [line for line in asked if not line.startswith("GET ")] == []
            await shows(world, "us", 9)
            await call(world, app, "resume", tenant="acme", store="us")
            await world.settled({"A": 7})


async def test_a_paused_tenant_posts_nothing_to_its_erp(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await two_shops(world)
        async with world.daemon() as app:
            await world.started()
            await call(world, app, "pause", tenant="acme", store="us")  # what it had read before waits to be posted
            await call(world, app, "pause", tenant="acme")
            assert await world.stores["woo"].buy({"A": 2})
            assert await quiet(world, "woo") == []
            assert world.erp_levels() == {"A": 10}
            told = await call(world, app, "resume", tenant="acme")
            assert told["stores"]["us"]["by"] == "store"
            await shows(world, "woo", 8)
            assert await quiet(world, "us", 10.0) == []
            assert world.erp_levels() == {"A": 8}


async def test_moves_that_wait_stay_back_while_their_tenant_is_paused(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        erp = await world.serve_erp()
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app:
            await world.started()
            port = int(world.erp_url.rpartition(":")[2])
            await world.runners.pop("erp").cleanup()
            assert await shop.buy({"A": 2})
            await world.until(lambda: "" if any(e["event"] == "order.applied" for e in world.events()) else "not read")
            await call(world, app, "pause", tenant="acme")
            await world.listen("erp", erp.app(), world.clock.now, port)
            app.tenants["acme"].context.poster_bell.ring()
            await world.clock.sleep(90.0)
            assert world.erp_levels() == {"A": 10}
            await call(world, app, "resume", tenant="acme")
            await world.settled({"A": 8})


@pytest.mark.parametrize("crash", [False, True])
async def test_a_pause_survives_a_restart(tmp_path: Path, crash: bool) -> None:
    async with open_world(tmp_path) as world:
        await two_shops(world)
        async with world.daemon(crash=crash) as app:
            await world.started()
            await call(world, app, "pause", tenant="acme", store="us", reason="moving")
        assert await world.stores["us"].buy({"A": 3})
        async with world.daemon() as app:
            assert await quiet(world, "us") == []
            assert [e["reason"] for e in world.events() if e["event"] == "store.paused"] == ["moving", "moving"]
            await call(world, app, "resume", tenant="acme", store="us")
            await world.settled({"A": 7})


async def test_a_pause_in_the_middle_of_a_long_step_ends_it_and_it_goes_on_at_its_cursor(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app:
            await world.started()
            (reconciler,) = app.tenants["acme"].reconcilers
            assert reconciler.loop is not None
            timer = next(each for each in reconciler.loop.timers if each.name == "sweep")

            async def endless() -> float:
                await world.clock.sleep(100_000.0)
                return 1.0

            timer.step, timer.due = endless, 0.0
            reconciler.context.bell.ring()
            await world.until(lambda: "" if app.supervisor.busy() == ["acme: sweep"] else "no sweep")
            await call(world, app, "pause", tenant="acme", store="woo")
            assert app.supervisor.busy() == []
            assert await quiet(world, "woo", 20.0) == []
            await call(world, app, "resume", tenant="acme", store="woo")
            assert await shop.buy({"A": 1})
            await world.settled({"A": 9})


async def test_a_pause_of_writes_waits_for_those_under_way_and_lets_reading_go_on(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app:
            await world.started()
            (reconciler,) = app.tenants["acme"].reconcilers
            loop = reconciler.loop
            assert loop is not None
            ended: list[str] = []

            def takes(name: str, long_seconds: float) -> None:
                timer = next(each for each in loop.timers if each.name == name)
                step = timer.step

                async def slowly() -> float:
                    timer.step = step
                    await world.clock.sleep(long_seconds)
                    ended.append(name)
                    return 0.0

                timer.step, timer.due = slowly, 0.0
                reconciler.context.bell.ring()

            takes("publish", 4.0)
            await world.until(lambda: "" if app.supervisor.busy() == ["acme: publish"] else "nothing is written")
            await call(world, app, "pause", tenant="acme", store="woo", writes=True)
            assert ended == ["publish"], "what is under way ends first"
            await call(world, app, "resume", tenant="acme", store="woo")
            takes("sweep", 4.0)
            await world.until(lambda: "" if app.supervisor.busy() == ["acme: sweep"] else "no sweep")
            await call(world, app, "pause", tenant="acme", store="woo", writes=True)
            assert app.supervisor.busy() == ["acme: sweep"], "reading isn't held back"
            await call(world, app, "resume", tenant="acme", store="woo")
            assert await shop.buy({"A": 1})
            await world.settled({"A": 9})
            assert reconciler.loop is loop
