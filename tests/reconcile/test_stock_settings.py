"""A BigCommerce store whose channels treat stock differently, and whose settings change: the whole path, by the ERP's book.

The table of all combinations runs in process (`tests/stores/test_bigcommerce_stock_table.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from syncd.core.quantity import UNIT
from syncd.engine.reconciler import DESCRIBE_SECONDS
from syncd.ledger.schema import line as account
from tests.reconcile.world import Store, World, open_world

MARKET = 2
CALM_SECONDS = 30.0  # then a reading is older than what comes next, so that no doubt about times hides another
SETTINGS = "GET /stores/simshop/v3/settings/inventory"


@asynccontextmanager
async def one_store(folder: Path, channel: dict[str, Any], **settings: Any) -> AsyncIterator[tuple[World, Store]]:
    """A store with 40 of A and a second channel that has these stock settings; `settings` are the store's, and switches."""
    async with open_world(folder) as world:
        store = await world.serve("us", "bigcommerce", stock={"A": 40})
        store.shop.channels[MARKET] = "Market"
        await store.call("POST", "/settings", settings)
        await store.call("POST", "/settings", {"channel": MARKET, **channel})
        world.open_stock({"A": 40})
        world.configure(per_store={"us": "sweep_hours = 0.02"})
        async with world.daemon():
            await world.started()
            yield world, store


async def place(store: Store, quantity: int, **how: Any) -> tuple[str, str]:
    """An order's id and its line's."""
    made = await store.call("POST", "/orders", {"lines": [{"sku": "A", "quantity": quantity}], **how})
    return made["order"], made["lines"][0]["line"]


def drifts(world: World) -> list[dict[str, Any]]:
    return [event for event in world.events() if event["event"] == "drift.found"]


async def taken(store: Store) -> dict[str, int]:
    """What the shop keeps off its counter, by order."""
    orders = (await store.call("GET", "/truth"))["orders"]
    return {order["order"]: sum(line["taken"] for line in order["lines"]) for order in orders}


async def thought(world: World) -> dict[str, int]:
    """What syncd thinks of that."""
    rows = await world.ledger.read(
        lambda connection: connection.execute(select(account.c.order, account.c.taken)).all()
    )
    return {order: units // UNIT for order, units in rows}


async def test_each_order_follows_the_settings_of_its_channel_and_one_by_hand_those_of_the_store(
    tmp_path: Path,
) -> None:
    late = {"update_stock_behavior": "order_completed_or_shipped", "refund_order_stock_adjustment": False}
    async with one_store(tmp_path, late, edit_order_stock_adjustment=True) as (world, store):
        web, web_line = await place(store, 3)
        market, market_line = await place(store, 3, channel=MARKET)
        manual, _ = await place(store, 3, channel=MARKET, source="manual", status_id=11)
        await world.settled({"A": 31})
        assert await taken(store) == await thought(world) == {web: 3, market: 0, manual: 3}
        await store.act(web, "edit", {"lines": [{"line": web_line, "quantity": 5}]})
        await store.act(market, "ship", {"lines": [{"line": market_line, "quantity": 1}]})
        await world.settled({"A": 29})
        await store.act(market, "ship")
        await store.act(web, "cancel")
        await store.act(manual, "cancel")
        await world.settled({"A": 37})
        for _ in range(5):
            await place(store, 1, channel=MARKET)
        await world.settled({"A": 32})
        assert drifts(world) == []
        asked = [line for line in await world.asked(store) if line.startswith(SETTINGS)]
        assert len(asked) <= 3, "the store's and two channels', once: no order asks for them again"


async def test_settings_that_change_while_orders_are_open_rule_what_happens_from_then_on(tmp_path: Path) -> None:
    async with one_store(tmp_path, {}, refund_order_stock_adjustment=False) as (world, store):
        placed, line = await place(store, 3)
        cancelled, _ = await place(store, 3)
        await world.settled({"A": 34})
        await store.act(cancelled, "cancel")
        await world.settled({"A": 37})
        await store.call("POST", "/settings", {"update_stock_behavior": "order_completed_or_shipped"})
        await store.call(
            "POST", "/settings", {"refund_order_stock_adjustment": True, "edit_order_stock_adjustment": True}
        )
        await world.clock.sleep(DESCRIBE_SECONDS + 60)
        drifted = len(drifts(world))
        await store.act(placed, "edit", {"lines": [{"line": line, "quantity": 4}]})
        await world.settled({"A": 36})
        assert await taken(store) == await thought(world) == {placed: 4, cancelled: 3}
        await world.clock.sleep(CALM_SECONDS)
        await store.act(placed, "ship")
        await store.act(cancelled, "status", {"status_id": 5})
        later, _ = await place(store, 2)
        await world.settled({"A": 34})
        assert await taken(store) == await thought(world) == {placed: 4, cancelled: 3, later: 0}
        await store.act(later, "cancel")
        await store.act(placed, "status", {"status_id": 4})
        await world.settled({"A": 40})
        assert drifts(world)[drifted:] == []


@pytest.mark.parametrize("other", [False, True])
async def test_what_the_documents_leave_open_is_no_drift_whichever_way_the_shop_does_it(
    tmp_path: Path, other: bool
) -> None:
    settings = {"unpaid_holds": not other, "declined_holds": other, "archive_returns_stock": other}
    settings |= {"revived_takes_again": not other, "refund_api_restocks": other, "edit_order_stock_adjustment": True}
    async with one_store(tmp_path, {}, **settings) as (world, store):
        await world.clock.sleep(CALM_SECONDS)
        unpaid, _ = await place(store, 2, paid=False)
        declined, _ = await place(store, 2)
        archived, _ = await place(store, 2)
        refunded, _ = await place(store, 2)
        await world.settled({"A": 32})
        await world.clock.sleep(CALM_SECONDS)
        await store.act(unpaid, "pay")
        await store.act(declined, "decline")
        await store.act(archived, "archive")
        await store.act(refunded, "refund")
        await world.settled({"A": 36})
        await world.clock.sleep(CALM_SECONDS)
        await store.act(declined, "status", {"status_id": 11})
        await store.act(archived, "restore")
        await world.settled({"A": 32})
        await world.clock.sleep(CALM_SECONDS)
        await store.act(archived, "complete")
        await world.settled({"A": 32})
        assert drifts(world) == []


@pytest.mark.parametrize("adjusts", [False, True])
async def test_what_was_picked_from_a_list_counts_whether_or_not_the_list_takes_stock(
    tmp_path: Path, adjusts: bool
) -> None:
    """The list's own line counts nothing, the chosen product's does; the shop's counter may or may not have moved for it."""
    async with one_store(tmp_path, {}, pick_lists_adjust_inventory=adjusts) as (world, store):
        await world.clock.sleep(CALM_SECONDS)
        order, _ = await place(store, 2, rich=["bundle"])
        await world.settled({"A": 37})
        assert await taken(store) == {order: 3 if adjusts else 2}
        await world.clock.sleep(CALM_SECONDS)
        await store.act(order, "cancel")
        await world.settled({"A": 40})
        assert drifts(world) == []


@pytest.mark.parametrize("holds", [False, True])
async def test_of_several_orders_of_one_cart_the_paid_ones_count(tmp_path: Path, holds: bool) -> None:
    """With `holds` the shop takes stock for a shopper who has only seen the payment page, against the vendor's own page: found
    as drift, and made good."""
    async with one_store(tmp_path, {}, incomplete_holds=holds) as (world, store):
        cart = {"status_id": 0, "source": "checkout_api", "cart_id": "5e1f"}
        first, _ = await place(store, 3, **cart)
        second, _ = await place(store, 3, **cart)
        await place(store, 3, **cart)
        await world.settled({"A": 40})
        await store.act(second, "pay")
        await world.settled({"A": 37})
        await store.act(first, "cancel")
        await world.settled({"A": 37})
        assert bool(drifts(world)) == holds
