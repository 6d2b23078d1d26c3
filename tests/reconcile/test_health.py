"""What the private listener tells of the whole path: a shop that is down falls behind, and what was counted is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec

from syncd.config.load import load
from syncd.control.commands import Commands
from syncd.engine.freshness import watch_freshness
from syncd.private.desk import Desk
from tests.private.asking import Asker, asking
from tests.reconcile.world import World, open_world

WOO = {"tenant": "acme", "store": "woo"}


def desk_of(world: World, app: Any) -> Desk:
    """As the daemon makes it."""
    context = app.tenants["acme"].context
    given = _Given(world, context)
    commands = Commands.for_daemon(load(world.folder / "config", {}), given, app)
    return Desk(lambda: commands, app.supervisor, context.meters, token=None)


class _Given:
    def __init__(self, world: World, context: Any) -> None:
        self.ledger, self.clock, self.log = world.ledger, world.clock, context.log
        self.state_dir = world.folder / "state"


async def behind(asker: Asker) -> float:
    told = await asker.number("syncd_store_behind_seconds", **WOO)
    assert told is not None
    health = await asker.health()
    (store,) = health["tenants"][0]["stores"]
    assert abs(store["behind_seconds"] - told) < 5.0, "one truth"
    return told


async def test_a_shop_that_is_down_falls_behind_and_catches_up(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app, asking(desk_of(world, app)) as asker:
            await world.started()
            await world.settled({"A": 10})
            assert (await asker.get("/ready"))[0] == 200
            assert (await asker.get("/live"))[0] == 200
            assert await behind(asker) < 60
            assert await asker.number("syncd_store_fresh", **WOO) == 1
            await shop.call("PUT", "/faults", {"error_503": 1.0})
            await world.clock.sleep(300.0)
            first = await behind(asker)
            assert first >= 290
            await world.clock.sleep(100.0)
            assert await behind(asker) >= first + 90
            assert await asker.number("syncd_store_fresh", **WOO) == 0
            assert await asker.number("syncd_store_trouble", **WOO) == 1
            assert await asker.number("syncd_breaker_state", **WOO, state="closed") == 0
            faults = await asker.number("syncd_request_duration_seconds_count", **WOO, outcome="fault")
            assert faults is not None
            assert faults >= 8, "the breaker opens after as many"
            assert (await asker.get("/live"))[0] == 200, "a shop that is down is no reason to restart syncd"
            await shop.call("DELETE", "/faults")

            async def complaint() -> str:
                return "" if await behind(asker) < 60 else "still behind"

            await world.until(complaint)
            assert await asker.number("syncd_breaker_state", **WOO, state="closed") == 1
            assert await asker.number("syncd_store_fresh", **WOO) == 1


async def test_what_happens_is_counted_once_and_from_zero_by_each_process(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        await world.serve_erp()
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app, asking(desk_of(world, app)) as asker:
            await world.started()
            for _ in range(3):
                assert await shop.buy({"A": 1})
            await world.settled({"A": 7})
            world.adjust("A", 5)
            await world.settled({"A": 12})
            numbers = await asker.numbers()

            def counted(name: str, **labels: str) -> float:
                return numbers[name, tuple(sorted(labels.items()))]

            assert counted("syncd_move_outcomes_total", **WOO, outcome="confirmed") == 3
            assert counted("syncd_move_outcomes_total", **WOO, outcome="refused") == 0
            assert counted("syncd_level_writes_total", **WOO, outcome="written") >= 1
            written = [event for event in world.events() if event["event"] == "level.written"]
            assert counted("syncd_level_writes_total", **WOO, outcome="written") == len(written)
            assert counted("syncd_moves", tenant="acme", state="waiting") == 0
            assert counted("syncd_request_duration_seconds_count", tenant="acme", store="erp", outcome="ok") > 3
            assert counted("syncd_erp_behind_seconds", tenant="acme") < 60
            assert counted("syncd_ledger_commits_total") == counted("syncd_ledger_commit_seconds_count")
        async with world.daemon() as app, asking(desk_of(world, app)) as asker:
            assert await asker.number("syncd_move_outcomes_total", **WOO, outcome="confirmed") == 0
            health = await asker.health()
            assert health["tenants"][0]["moves"] == {"waiting": 0, "sent": 0, "in_doubt": 0}
            msgspec.json.encode(health)


async def test_a_shop_that_hangs_is_said_to_be_behind_while_it_hangs_and_why(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app, asking(desk_of(world, app)) as asker, anyio.create_task_group() as group:
            await world.started()
            await world.clock.sleep(20.0)
            (reconciler,) = app.tenants["acme"].reconcilers
            group.start_soon(watch_freshness, app.supervisor, world.clock)
            await shop.call("PUT", "/faults", {"latency_seconds": [1_000.0, 1_000.0]})
            await world.until(lambda: "" if reconciler.stale else "not said yet")
            (told,) = [event for event in world.events() if event["event"] == "store.stale"]
            assert told["behind_seconds"] <= 3 * 3.0 + 30.0 + 2 * 3.0 + 10.0, "its requests give up later"
            assert "has run for" in told["reason"]
            (store,) = (await asker.health())["tenants"][0]["stores"]
            assert "has run for" in store["trouble"]
            await shop.call("DELETE", "/faults")
            await world.until(lambda: "not yet" if reconciler.stale else "")
            (store,) = (await asker.health())["tenants"][0]["stores"]
            assert store["trouble"] is None
            group.cancel_scope.cancel()
