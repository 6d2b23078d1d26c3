"""Buying, editing, cancelling, refunding, paying late or never: the ERP counts what happened, and every shop shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import anyio

from tests.reconcile.shoppers import Shoppers, committed, pay_all
from tests.reconcile.world import Store, World, open_world

OPENING = {"A": 20, "B": 20, "C": 20}


@asynccontextmanager
async def three_shops(folder: Path, *, erp: str = "embedded", more: str = "") -> AsyncIterator[World]:
    """Two BigCommerce stores, a WooCommerce store and an ERP, in agreement."""
    async with open_world(folder) as world:
        for name, kind in (("us", "bigcommerce"), ("eu", "bigcommerce"), ("woo", "woocommerce")):
            await world.serve(name, kind, stock=OPENING)
        if erp == "http":
            await world.serve_erp()
        world.open_stock(OPENING)
        world.configure(per_store=dict.fromkeys(world.stores, f"sweep_hours = 0.02\n{more}"))
        async with world.daemon():
            await world.started()
            yield world


async def agree(world: World, completed: set[tuple[str, str]] | None = None) -> None:
    """The ERP has exactly what the shops' truth says, and every shop shows it."""
    units = await committed(world, completed)
    await world.settled({sku: n - units[sku] for sku, n in OPENING.items()})


async def buy(store: Store, **lines: int) -> tuple[str, list[str]]:
    """An order's id and the ids of its lines."""
    made = await store.buy(lines)
    assert made is not None
    return made["order"], [line["line"] for line in made["lines"]]


async def test_each_state_of_an_order_counts_as_the_table_says(tmp_path: Path) -> None:
    async with three_shops(tmp_path) as world:
        orders = {store: await buy(store, A=2, B=1) for store in world.stores.values()}
        await world.settled({"A": 14, "B": 17, "C": 20})
        for store, (order, lines) in orders.items():
            await store.act(order, "edit", {"lines": [{"line": lines[0], "quantity": 3}]})
        await world.settled({"A": 11, "B": 17, "C": 20})
        for store, (order, lines) in orders.items():
            edit = {"lines": [{"line": lines[0], "quantity": 1}], "add": [{"sku": "C", "quantity": 2}]}
            await store.act(order, "edit", edit)
        await world.settled({"A": 17, "B": 17, "C": 14})
        for store, (order, lines) in orders.items():
            await store.act(order, "edit", {"lines": [{"line": lines[1], "quantity": 0}]})
        await world.settled({"A": 17, "B": 20, "C": 14})
        for store, (order, _) in orders.items():
            await store.act(order, "cancel")
        await world.settled({"A": 20, "B": 20, "C": 20})
        await agree(world)


async def test_money_alone_moves_no_stock_and_restocked_units_come_back(tmp_path: Path) -> None:
    async with three_shops(tmp_path, erp="http") as world:
        us, _, woo = world.stores.values()
        first, (line,) = await buy(woo, A=3)
        second, (other,) = await buy(us, A=3)
        await world.settled({"A": 14})
        await woo.act(first, "refund", {"lines": [{"line": line, "quantity": 1}], "restock": True})
        await us.act(second, "refund", {"lines": [{"line": other, "quantity": 1}], "restock": False})
        await world.settled({"A": 15})
        await woo.act(first, "refund", {"lines": [{"line": line, "quantity": 2}], "restock": False})
        await buy(us, B=1)
        await world.settled({"A": 15, "B": 19})
        await agree(world)


async def test_who_pays_late_counts_late_and_who_never_pays_never(tmp_path: Path) -> None:
    """WooCommerce: a checkout that waits for its payment takes nothing and is held in the other shops; on-hold takes."""
    async with three_shops(tmp_path) as world:
        us, eu, woo = world.stores.values()
        pending = await woo.buy({"A": 4}, paid=False)
        held = await woo.call("POST", "/orders", {"lines": [{"sku": "B", "quantity": 2}], "method": "bacs"})
        unpaid = await us.buy({"C": 1}, paid=False)
        assert pending
        assert held
        assert unpaid

        async def not_held() -> str:
            levels = [(await store.levels())["A"] for store in (us, eu, woo)]
            return "" if levels == [16, 16, 20] else f"A is shown as {levels}"

        await world.until(not_held)
        assert world.erp_levels() == {"A": 20, "B": 18, "C": 19}
        await woo.act(pending["order"], "pay")
        await world.settled({"A": 16, "B": 18, "C": 19})
        await woo.act(held["order"], "cancel")
        await us.act(unpaid["order"], "decline")
        failed = await woo.buy({"A": 5}, paid=False)
        assert failed
        await woo.act(failed["order"], "fail")
        await world.settled({"A": 16, "B": 20, "C": 20})
        await agree(world)


async def test_trash_and_deletion_give_back_what_was_not_shipped(tmp_path: Path) -> None:
    async with three_shops(tmp_path) as world:
        us, eu, woo = world.stores.values()
        trashed, _ = await buy(woo, A=1)
        gone = [(store, (await buy(store, B=2))[0]) for store in (us, eu, woo)]
        over = [(store, (await buy(store, C=1))[0]) for store in (us, eu, woo)]
        for store, order in over:
            await store.act(order, "complete")
        await world.settled({"A": 19, "B": 14, "C": 17})
        await anyio.sleep(10.0)  # the completed state is read
        await woo.act(trashed, "trash")
        for store, order in (*gone, *over):
            await store.act(order, "delete")
        await world.settled({"A": 20, "B": 20, "C": 17})
        await anyio.sleep(200.0)  # two sweeps more
        await world.settled({"A": 20, "B": 20, "C": 17})
        named = {event["order"] for event in world.events() if event["event"] == "order.gone"}
        assert {f"acme/{store.name}/{order}" for store, order in gone} <= named


async def test_a_completed_order_that_is_archived_brings_nothing_back(tmp_path: Path) -> None:
    async with three_shops(tmp_path) as world:
        us = world.stores["us"]
        done, _ = await buy(us, A=2)
        dropped, _ = await buy(us, B=2)
        await us.act(done, "complete")
        await world.settled({"A": 18, "B": 18})
        await anyio.sleep(10.0)  # the completed state is read
        await us.act(done, "archive")
        await us.act(dropped, "archive")
        await world.settled({"A": 18, "B": 20})


async def test_edits_that_touch_no_date_are_found_by_the_sweep(tmp_path: Path) -> None:
    async with three_shops(tmp_path) as world:
        orders = {store: await buy(store, A=2) for store in world.stores.values()}
        await world.settled({"A": 14})
        for store, (order, lines) in orders.items():
            await store.call("PUT", "/faults", {"silent_edits": 1.0})
            await anyio.sleep(10.0)  # the overlap of a scan is no help: the order's stamp stays old
            await store.act(order, "edit", {"lines": [{"line": lines[0], "quantity": 4}]})
        await world.settled({"A": 8})


async def test_stock_that_the_erp_moves_by_itself_shows_in_every_shop(tmp_path: Path) -> None:
    async with three_shops(tmp_path, erp="http") as world:
        world.adjust("A", 15)
        world.adjust("B", -20)
        await world.settled({"A": 35, "B": 0})
        woo = world.stores["woo"]
        assert await woo.buy({"B": 1}) is None
        await woo.buy({"A": 30})
        await world.settled({"A": 5})


async def test_shoppers_of_all_kinds_at_once(tmp_path: Path) -> None:
    async with three_shops(tmp_path) as world:
        shoppers = Shoppers(world, Random(5), list(OPENING))
        for _ in range(60):
            await shoppers.act()
            await anyio.sleep(0.3)
        await pay_all(world)
        await agree(world, shoppers.completed)
        assert not [event for event in world.events() if event["event"] == "bug.found"]
