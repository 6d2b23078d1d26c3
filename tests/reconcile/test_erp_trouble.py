"""The ERP loses answers, counts late, refuses, is away, is restored, holds something else: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from syncd.core.moves import move_key
from syncd.ports.erp import ErpMove, PostOutcome
from syncd.simulator.erp.server import SimulatedErp
from tests.reconcile.world import World, open_world

OPENING = {"A": 20, "B": 20}


@asynccontextmanager
async def two_shops(folder: Path) -> AsyncIterator[tuple[World, SimulatedErp]]:
    """A BigCommerce store, a WooCommerce store and an ERP behind HTTP, in agreement."""
    async with open_world(folder) as world:
        await world.serve("us", "bigcommerce", stock=OPENING)
        await world.serve("woo", "woocommerce", stock=OPENING)
        erp = await world.serve_erp()
        world.open_stock(OPENING)
        world.configure()
        async with world.daemon():
            await world.started()
            await world.settled(OPENING)
            yield world, erp


def counted(erp: SimulatedErp) -> list[tuple[str, int]]:
    """The moves in the ERP's book."""
    return [(entry.sku, int(entry.change)) for entry in erp.book.journal if entry.kind == "move"]


@pytest.mark.parametrize("fault", ["error_before", "error_after", "partial", "reset_after", "timeout_after", "late"])
async def test_an_unclear_end_is_asked_for_and_nothing_counts_twice(tmp_path: Path, fault: str) -> None:
    async with two_shops(tmp_path) as (world, erp):
        erp.faults.turn({f"{fault}_rate": 1.0, "faults_left": 2, "late_seconds": 20.0})
        await world.stores["us"].buy({"A": 2, "B": 1})
        await world.stores["woo"].buy({"A": 3})
        await world.settled({"A": 15, "B": 19})
        assert sorted(counted(erp)) == [("A", -3), ("A", -2), ("B", -1)]
        assert erp.faults.faults_left == 0
        if fault == "late":
            await anyio.sleep(40.0)
            assert set(erp.book.posts.values()) == {1}, "sent again before the first request was surely dead"


async def test_what_the_erp_refuses_is_held_and_stays_untold_while_the_rest_goes_on(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, erp):
        erp.faults.turn({"refused_skus": ["B"]})
        us, woo = world.stores.values()
        order = await us.buy({"A": 1, "B": 4})
        assert order

        async def shown() -> str:
            levels = [await store.levels() for store in (us, woo)]
            return (
                "" if levels == [{"A": 19, "B": 16}] * 2 and world.erp_levels() == {"A": 19, "B": 20} else str(levels)
            )

        await world.until(shown)
        assert [event["event"] for event in world.events()].count("move.refused") == 1
        assert [event["entries"] for event in world.events() if event["event"] == "quarantine.grew"] == [1]
        assert await world.alerted() == [("quarantine.grew", "us", '{"entries":1}')]
        await us.act(order["order"], "edit", {"lines": [{"line": order["lines"][1]["line"], "quantity": 3}]})
        await anyio.sleep(60.0)
        assert (await woo.levels())["B"] <= 17, "a refused sale never raises anything"
        assert world.erp_levels() == {"A": 19, "B": 20}
        erp.faults.turn({"refused_skus": []})
        await world.stores["woo"].buy({"B": 2})

        async def sold_too() -> str:
            return "" if world.erp_levels() == {"A": 19, "B": 18} and (await us.levels())["B"] <= 15 else "not yet"

        await world.until(sold_too)


async def test_what_was_refused_is_not_given_back_when_its_order_is_cancelled_meanwhile(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, erp):
        erp.faults.turn({"refused_skus": ["B"]})
        us = world.stores["us"]
        context = world.app.tenants["acme"].context
        post = context.erp.post

        async def slow(moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
            """The order is cancelled, and that is read, while the request is on its way."""
            context.erp.post = post  # type: ignore[method-assign]
            await us.act("100", "cancel")
            await world.until(lambda: not any(e.get("status") == "Cancelled" for e in world.events()) and "not read")
            outcomes = await post(moves)
            erp.faults.turn({"refused_skus": []})
            return outcomes

        context.erp.post = slow  # type: ignore[method-assign]
        await us.buy({"B": 4})
        await world.until(lambda: not any(e["event"] == "move.refused" for e in world.events()) and "not refused")
        await anyio.sleep(60.0)
        assert counted(erp) == []
        await world.settled(OPENING)


async def test_while_the_erp_is_away_levels_fall_and_never_rise(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, erp):
        us, woo = world.stores.values()
        sold = await us.buy({"B": 5})
        assert sold
        await world.settled({"A": 20, "B": 15})
        erp.faults.turn({"down": True})
        await woo.buy({"A": 6})
        await us.act(sold["order"], "cancel")

        async def lowered() -> str:
            return "" if (await us.levels())["A"] == 14 else f"A is {await us.levels()}"

        await world.until(lowered)
        await anyio.sleep(180.0)  # longer than a reading of the ERP is fresh
        assert (await woo.levels())["B"] == 15, "raised before the ERP has shown it"
        await us.buy({"A": 1})

        async def lowered_again() -> str:
            return "" if (await woo.levels())["A"] == 13 else f"A is {await woo.levels()}"

        await world.until(lowered_again)
        erp.faults.turn({"down": False})
        await world.settled({"A": 13, "B": 20})
        assert {"erp.unreachable", "erp.recovered"} <= {event["event"] for event in world.events()}


async def test_an_old_reading_of_the_erp_raises_nothing(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, erp):
        us, woo = world.stores.values()
        await us.call("PUT", "/faults", {"error_503": 1.0})
        world.adjust("A", 15)

        async def raised() -> str:
            return "" if (await woo.levels())["A"] == 35 else "not raised"

        await world.until(raised)
        erp.faults.turn({"down": True})
        world.adjust("A", -34)  # sold over the counter, which nobody can tell now
        await anyio.sleep(200.0)
        await us.call("DELETE", "/faults")
        await woo.buy({"B": 1})

        async def lowered() -> str:
            return "" if (await us.levels())["B"] == 19 else "not lowered"

        await world.until(lowered)
        await anyio.sleep(60.0)
        assert (await us.levels())["A"] == 20
        erp.faults.turn({"down": False})
        await anyio.sleep(300.0)  # after so long it is probed slowly
        await world.settled({"A": 1, "B": 19})


async def test_a_restored_book_gets_back_what_it_forgot_and_nothing_rises_meanwhile(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, erp):
        us, woo = world.stores.values()
        await us.buy({"A": 5})
        await world.settled({"A": 15, "B": 20})
        await woo.buy({"A": 4, "B": 7})
        await world.settled({"A": 11, "B": 13})
        before = {name: len(await store.call("GET", "/history/A")) for name, store in world.stores.items()}
        erp.book.restore(2)
        assert world.erp_levels() == {"A": 15, "B": 20}
        await world.settled({"A": 11, "B": 13})
        for name, store in world.stores.items():
            later = (await store.call("GET", "/history/A"))[before[name] :]
            assert all(change["level"] <= 11 for change in later), (name, later)
        assert sorted(counted(erp)) == [("A", -5), ("A", -4), ("B", -7)]


@pytest.mark.parametrize(("sku", "found"), [("A", 5), ("A", 1), ("B", 3)])
async def test_other_content_under_a_key_counts_as_it_is_and_the_rest_follows(
    tmp_path: Path, sku: str, found: int
) -> None:
    async with two_shops(tmp_path) as (world, erp):
        key = move_key("acme", "us", "100", "1", 0)
        erp.book.record("move", sku, "main", Decimal(-found), key=key)
        order = await world.stores["us"].buy({"A": 2})
        assert order
        assert (order["order"], order["lines"][0]["line"]) == ("100", "1")
        await world.settled({"A": 18, "B": 20 - (found if sku == "B" else 0)})
        assert len(erp.book.numbers) == 2
