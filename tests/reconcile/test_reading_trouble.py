"""What shops show wrongly, late, twice, or not at all: the rest goes on, and what becomes readable is taken in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from syncd.errors import BugError, TransientError
from syncd.ledger import quarantine, stores
from syncd.ports.store import LevelWrite, WriteOutcome
from syncd.reconcile.order_page import Page
from syncd.reconcile.order_unit import take_page
from tests.reconcile.world import World, open_world

OPENING = {"A": 20, "B": 20}


@asynccontextmanager
async def running(folder: Path, *kinds: str, more: str = "") -> AsyncIterator[World]:
    """Shops in agreement with the embedded ERP; named one, two, ..."""
    async with open_world(folder) as world:
        for name, kind in zip(("one", "two", "three"), kinds, strict=False):
            await world.serve(name, kind, stock=OPENING)
        world.open_stock(OPENING)
        world.configure(per_store=dict.fromkeys(world.stores, f"sweep_hours = 0.02\n{more}"))
        async with world.daemon():
            await world.started()
            await world.settled(OPENING)
            yield world


def spoil(world: World, name: str, hurt: Any) -> None:
    """From now on the shop's list of orders is what `hurt` makes of each row (a dict, changed in place)."""
    orders: Any = world.app.tenants["acme"].reconcilers[list(world.stores).index(name)].context.port.orders
    client = getattr(orders, "_client", None) or orders._api._client
    read = client.read

    async def spoiled(path: str, *args: Any, **named: Any) -> Any:
        answer = await read(path, *args, **named)
        if not path.endswith("/orders") or answer.status != 200:
            return answer
        rows = msgspec.json.decode(answer.body)
        for row in rows:
            hurt(row)
        return replace(answer, body=msgspec.json.encode(rows))

    client.read = spoiled


async def held(world: World) -> list[quarantine.Held]:
    return await world.ledger.read(lambda connection: quarantine.held(connection, "acme"))


@pytest.mark.parametrize("kind", ["bigcommerce", "woocommerce"])
async def test_a_bad_order_waits_with_its_raw_bytes_and_is_mended_when_it_can_be_read(
    tmp_path: Path, kind: str
) -> None:
    async with running(tmp_path, kind, "bigcommerce") as world:
        one = world.stores["one"]
        first = await one.buy({"A": 1})
        assert first
        await world.settled({"A": 19, "B": 20})
        bad = {"id": int(first["order"]), "on": True}

        def hurt(row: dict[str, Any]) -> None:
            if bad["on"] and row["id"] in (bad["id"], bad["id"] + 1):
                row["date_created"] = row["date_created_gmt"] = "yesterday"

        spoil(world, "one", hurt)
        await one.buy({"A": 2})  # never read well so far
        await one.buy({"B": 3})
        await world.settled({"A": 19, "B": 17})
        entries = await held(world)
        assert len(entries) == 2
        assert all(b"yesterday" in entry.raw for entry in entries)
        bad["on"] = False
        await world.settled({"A": 17, "B": 17})

        async def none_held() -> str:
            return "" if not await held(world) else f"held: {[entry.order for entry in await held(world)]}"

        await world.until(none_held)


@pytest.mark.parametrize("kind", ["bigcommerce", "woocommerce"])
async def test_a_shop_that_ignores_the_date_filter_is_not_believed(tmp_path: Path, kind: str) -> None:
    async with running(tmp_path, kind, "bigcommerce") as world:
        one, two = world.stores.values()
        for _ in range(3):
            await one.buy({"A": 1})
        await world.settled({"A": 17, "B": 20})
        world.clock.ahead_us += 4_000_000_000  # an hour later: the orders lie before any bound that is asked for
        await one.buy({"A": 1})
        await world.settled({"A": 16, "B": 20})
        await one.call("PUT", "/faults", {"ignored_filters": 1.0})
        await world.until(lambda: not any(e["event"] == "store.filter_ignored" for e in world.events()) and "not told")
        await two.buy({"B": 1})

        async def others_go_on() -> str:
            return "" if world.erp_levels() == {"A": 16, "B": 19} else str(world.erp_levels())

        await world.until(others_go_on)
        await one.call("DELETE", "/faults")
        await one.buy({"B": 1})
        await world.settled({"A": 16, "B": 18})


@pytest.mark.parametrize("kind", ["bigcommerce", "woocommerce"])
async def test_half_written_orders_are_read_until_they_are_whole(tmp_path: Path, kind: str) -> None:
    async with running(tmp_path, kind, "bigcommerce") as world:
        one = world.stores["one"]
        await one.call("PUT", "/faults", {"torn_orders": 1.0, "torn_seconds": [1.5, 1.5]})
        for _ in range(3):
            await one.buy({"A": 1, "B": 1})
            await anyio.sleep(1.0)
        await world.settled({"A": 17, "B": 17})


async def test_a_fresh_state_that_would_give_units_back_is_read_again_before_it_is_believed(tmp_path: Path) -> None:
    async with running(tmp_path, "woocommerce", "bigcommerce") as world:
        one = world.stores["one"]
        made = await one.buy({"A": 2})
        assert made
        await world.settled({"A": 18, "B": 20})
        torn: list[str] = []

        def hurt(row: dict[str, Any]) -> None:
            if len(torn) < 2 and row["line_items"][0]["quantity"] == 3:
                torn.append(row["status"])
                row["line_items"] = []

        spoil(world, "one", hurt)
        line = made["lines"][0]["line"]
        await one.act(made["order"], "edit", {"lines": [{"line": line, "quantity": 3}]})
        await world.settled({"A": 17, "B": 20})
        assert len(torn) == 2
        changes = [event["change"] for event in world.events() if event["event"] == "move.confirmed"]
        assert changes == ["-2", "-1"]


async def test_another_order_under_a_known_number_is_held(tmp_path: Path) -> None:
    async with running(tmp_path, "woocommerce", "bigcommerce") as world:
        one = world.stores["one"]
        order = await one.buy({"A": 2})
        assert order
        await world.settled({"A": 18, "B": 20})

        def hurt(row: dict[str, Any]) -> None:
            row["order_key"] = "wc_order_another"
            row["line_items"][0]["quantity"] = 9

        spoil(world, "one", hurt)

        async def is_held() -> str:
            return "" if [entry.order for entry in await held(world)] == [order["order"]] else "nothing is held"

        await world.until(is_held)
        assert world.erp_levels()["A"] == 18


async def test_a_reading_that_began_earlier_never_overwrites_a_later_one(tmp_path: Path) -> None:
    async with running(tmp_path, "woocommerce", "bigcommerce") as world:
        one = world.stores["one"]
        made = await one.buy({"A": 2})
        assert made
        await world.settled({"A": 18, "B": 20})
        reconciler = world.app.tenants["acme"].reconcilers[0]
        step = reconciler.orders
        assert step is not None
        reading = await step.take_reading()
        page = await reconciler.context.port.orders.by_ids([made["order"]])
        line = made["lines"][0]["line"]
        await one.act(made["order"], "edit", {"lines": [{"line": line, "quantity": 5}]})
        await world.settled({"A": 15, "B": 20})
        row = await world.ledger.read(lambda connection: stores.read_store(connection, "acme", "one"))
        assert row is not None
        facts = step.facts(row, in_baseline=False)
        late = Page(page.orders, reading, page.began, page.ended, b"", page.ended)
        taken = await world.ledger.run(lambda connection: take_page(connection, facts, late))
        assert (taken.overtaken, taken.moves) == (1, 0)


async def test_an_order_must_be_gone_twice_and_while_it_waits_the_shop_is_served(tmp_path: Path) -> None:
    async with running(tmp_path, "bigcommerce", "bigcommerce") as world:
        one, two = world.stores.values()
        gone = await one.buy({"A": 5})
        assert gone
        await one.buy({"B": 1})
        await world.settled({"A": 15, "B": 19})
        await one.act(gone["order"], "delete")
        asked = f"/orders/{gone['order']}"

        async def asked_once() -> str:
            seen = await one.call("GET", "/requests")
            found = any(asked in entry["path"] and entry["status"] == 404 for entry in seen)
            return "" if found else "not asked for yet"

        await world.until(asked_once)
        await anyio.sleep(3.0)
        began = world.clock.monotonic()
        await two.buy({"B": 2})
        await one.buy({"B": 1})

        async def served() -> str:
            return "" if world.erp_levels()["B"] == 16 and (await one.levels())["B"] == 16 else "not served"

        await world.until(served)
        assert world.clock.monotonic() - began < 40.0, "the shop waited for the confirmation"
        assert world.erp_levels()["A"] == 15
        await world.settled({"A": 20, "B": 16})


async def test_many_orders_gone_at_once_stop_the_writes_and_bring_nothing_back(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.serve("one", "bigcommerce", stock=OPENING)
        world.open_stock(OPENING)
        world.configure("brake_gone_orders = 3", per_store={"one": "sweep_hours = 0.02"})
        async with world.daemon():
            await world.started()
            one = world.stores["one"]
            orders = [await one.buy({"A": 1}) for _ in range(6)]
            await world.settled({"A": 14, "B": 20})
            for order in orders[:4]:
                assert order
                await one.act(order["order"], "delete")
            await world.until(lambda: not any(e["event"] == "store.brake" for e in world.events()) and "no brake")
            assert world.erp_levels()["A"] == 14


async def test_an_empty_poll_writes_nothing_and_logs_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, "bigcommerce", "woocommerce") as world:
        await world.stores["one"].buy({"A": 1})
        await world.settled({"A": 19, "B": 20})
        for reconciler in world.app.tenants["acme"].reconcilers:
            # Neither readings nor sweeps: what is left are polls.
            options = replace(reconciler.context.options, read_items_seconds=86_400.0, sweep_seconds=86_400.0)
            reconciler.context.options = options
        await anyio.sleep(60.0)
        commits, lines = world.ledger.state().commits, len(world.events())
        asked = {name: (await store.call("GET", "/truth"))["requests"] for name, store in world.stores.items()}
        await anyio.sleep(90.0)
        for name, store in world.stores.items():
            assert (await store.call("GET", "/truth"))["requests"] >= asked[name] + 20
        assert world.ledger.state().commits == commits
        assert world.events()[lines:] == []


async def test_one_shop_that_hangs_or_is_down_delays_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, "bigcommerce", "woocommerce", "bigcommerce") as world:
        one, two, three = world.stores.values()
        await one.call("PUT", "/faults", {"slow": 1.0, "slow_seconds": 1000.0})
        await three.call("PUT", "/faults", {"error_503": 1.0})
        await anyio.sleep(20.0)
        for n in range(1, 4):
            began = world.clock.monotonic()
            await two.buy({"A": 1})

            async def counted(left: int = 20 - n) -> str:
                return "" if world.erp_levels()["A"] == left else "not counted"

            await world.until(counted)
            assert world.clock.monotonic() - began < 15.0
        await one.call("DELETE", "/faults")
        await three.call("DELETE", "/faults")
        await world.settled({"A": 17, "B": 20})


async def test_a_bug_in_one_shop_s_step_restarts_that_shop_alone(tmp_path: Path) -> None:
    async with running(tmp_path, "bigcommerce", "woocommerce") as world:
        one, two = world.stores.values()
        broken, well = (each.context.port.orders for each in world.app.tenants["acme"].reconcilers)
        changed = broken.changed
        failures: list[object] = []

        async def bug(request: Any) -> Any:
            if len(failures) < 3:
                failures.append(request)
                raise BugError("an assumption is broken")
            return await changed(request)

        broken.changed = bug  # type: ignore[method-assign]
        del well
        await two.buy({"A": 2})
        await one.buy({"B": 2})
        await world.settled({"A": 18, "B": 18})
        failed = {event["store"] for event in world.events() if event["event"] == "store.failed"}
        assert failed == {"one"}
        assert len(failures) == 3


async def test_a_bug_that_stays_is_met_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    async with running(tmp_path, "woocommerce", "bigcommerce") as world:
        one, two = world.stores.values()
        inventory = world.app.tenants["acme"].reconcilers[0].context.port.inventory
        levels = inventory.levels

        async def bug(items: Sequence[str]) -> Any:
            raise BugError(f"an assumption about {len(items)} items is broken")

        inventory.levels = bug  # type: ignore[method-assign]
        await anyio.sleep(300.0)
        failed = [event for event in world.events() if event["event"] == "store.failed"]
        assert {event["store"] for event in failed} == {"one"}
        assert 5 <= len(failed) <= 14
        await one.buy({"A": 1})  # its orders are read whenever it lives
        await two.buy({"B": 1})

        async def counted() -> str:
            return "" if world.erp_levels() == {"A": 19, "B": 19} else str(world.erp_levels())

        await world.until(counted)
        inventory.levels = levels  # type: ignore[method-assign]
        await world.settled({"A": 19, "B": 19})


async def test_a_ledger_that_fails_after_a_write_has_left_leaves_no_item_behind(tmp_path: Path) -> None:
    async with running(tmp_path, "bigcommerce", "woocommerce") as world:
        lost: list[int] = []
        for reconciler in world.app.tenants["acme"].reconcilers:
            inventory = reconciler.context.port.inventory
            write, run = inventory.write, world.ledger.run

            async def and_then(
                writes: Sequence[LevelWrite], *, write: Any = write, run: Any = run, **named: Any
            ) -> tuple[WriteOutcome, ...]:
                outcomes: tuple[WriteOutcome, ...] = await write(writes, **named)
                if len(lost) < 4:

                    async def full(*_: Any, **__: Any) -> Any:
                        world.ledger.run = run  # type: ignore[method-assign]
                        lost.append(1)
                        raise TransientError("the disk is full")

                    world.ledger.run = full  # type: ignore[method-assign]
                return outcomes

            inventory.write = and_then  # type: ignore[method-assign]
        one, two = world.stores.values()
        order = await one.buy({"A": 3})
        await two.buy({"B": 2})
        assert order
        await world.settled({"A": 17, "B": 18})
        await one.act(order["order"], "cancel")
        await world.settled({"A": 20, "B": 18})
        assert lost
