"""Shops that call: an order is read when its shop speaks of it, long before the next poll; and whatever happens to the calls,
nothing is lost and nothing counts twice, because polling goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd.app import App
from syncd.errors import MisconfiguredError, RefusedError
from syncd.reconcile.hooks_step import LOOK_SECONDS
from tests.reconcile.shoppers import Shoppers, committed, is_bigcommerce, pay_all
from tests.reconcile.world import Store, World, open_world

OPENING = {"A": 50, "B": 50, "C": 50}
POLL_SECONDS = 60.0  # and twice that while the shops call: much longer than it takes to agree
QUIET_SECONDS = 5.0  # what happens within seconds of an own write is unclear, and clear after the next poll
NAMES = ("us", "woo")


@asynccontextmanager
async def two_shops(folder: Path, poll_seconds: float = POLL_SECONDS, **settings: Any) -> AsyncIterator[World]:
    """A BigCommerce and a WooCommerce shop in agreement with the ERP, and the listener configured; no daemon yet."""
    async with open_world(folder) as world:
        await world.serve("us", "bigcommerce", stock=OPENING)
        await world.serve("woo", "woocommerce", stock=OPENING)
        world.open_stock(OPENING)
        world.configure(poll_seconds=poll_seconds, webhooks=True, **settings)
        yield world


async def calling(world: World) -> None:
    """Wait until every shop calls, its levels are known (that takes a poll after they were read), and the next poll is far."""
    await world.started()

    def complaint() -> str:
        ready = {
            reconciler.context.store
            for reconciler in reconcilers(world)
            if reconciler.context.hooks_alive and reconciler.orders.polls >= 2
        }
        return f"not ready: {set(world.stores) - ready}" if set(world.stores) - ready else ""

    await world.until(complaint)


def reconcilers(world: World) -> list[Any]:
    return world.app.tenants["acme"].reconcilers


async def polls(world: World, store: Store) -> int:
    """How often the shop was asked for what changed."""
    asked = [line for line in await world.asked(store) if "/orders?" in line]
    return len([line for line in asked if "min_date_modified" in line or "modified_after" in line])


def named(lines: list[str]) -> list[str]:
    """The requests for orders by their ids."""
    return [
        line
        for line in lines
        if ("include=" in line and "/wc/v3/orders" in line) or "/v2/orders/" in line or "min_id=" in line
    ]


def logged(world: World, name: str) -> list[dict[str, Any]]:
    return [event for event in world.events() if event["event"] == name]


async def faults(store: Store, **dials: Any) -> None:
    await store.call("PUT", "/faults", dials)


@pytest.mark.parametrize("name", NAMES)
async def test_an_order_lowers_the_other_shop_long_before_the_next_poll(tmp_path: Path, name: str) -> None:
    async with two_shops(tmp_path) as world, world.daemon():
        await calling(world)
        before = [await polls(world, shop) for shop in world.stores.values()]
        assert await world.stores[name].buy({"A": 3})
        await world.settled({"A": 47})
        assert [await polls(world, shop) for shop in world.stores.values()] == before
        assert await world.signals() == []


async def test_what_happens_to_an_order_is_heard_of_too(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as world, world.daemon():
        await calling(world)
        us, woo = (world.stores[name] for name in NAMES)
        for shop in (us, woo):
            order = await shop.buy({"A": 4})
            assert order is not None
            await world.settled({"A": 46})
            await anyio.sleep(QUIET_SECONDS)
            await shop.act(order["order"], "edit", {"lines": [{"line": order["lines"][0]["line"], "quantity": 1}]})
            await world.settled({"A": 49})
            await anyio.sleep(QUIET_SECONDS)
            await shop.act(order["order"], "cancel")
            await world.settled({"A": 50})
        trashed = await woo.buy({"B": 2})
        archived = await us.buy({"B": 2})
        assert trashed is not None
        assert archived is not None
        await world.settled({"B": 46})
        await woo.act(trashed["order"], "trash")
        await us.act(archived["order"], "archive")
        await world.settled({"B": 50})


async def test_the_webhooks_are_made_once_and_said_to_be_mended(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as world:
        async with world.daemon():
            await calling(world)
        assert {event["store"] for event in logged(world, "webhook.repaired")} == set(NAMES)
        async with world.daemon():
            await calling(world)
        assert len(logged(world, "webhook.repaired")) == 2
        assert len(world.stores["woo"].shop.webhooks.hooks) == 4
        assert len(world.stores["us"].shop.hooks.known) == 1
        assert not logged(world, "webhook.refused")


@pytest.mark.parametrize("name", NAMES)
async def test_a_burst_of_calls_for_few_orders_makes_few_reads(tmp_path: Path, name: str) -> None:
    async with two_shops(tmp_path) as world, world.daemon():
        await calling(world)
        shop = world.stores[name]
        await faults(shop, webhook_repeated=1.0)
        orders = [await shop.buy({"A": 1}) for _ in range(3)]
        await world.settled({"A": 47})
        before = len(await world.asked(shop))
        for round_ in range(40):
            for order in orders:
                assert order is not None
                line = order["lines"][0]["line"]
                await shop.act(order["order"], "edit", {"lines": [{"line": line, "quantity": 1 + round_ % 2}]})
        await anyio.sleep(15.0)  # all calls are made, and what they spoke of is read
        await world.settled({"A": 44})
        told = len(shop.shop.hooks.calls if is_bigcommerce(shop) else shop.shop.webhooks.deliveries)
        reads = len(named(await world.asked(shop, before)))
        assert reads <= 30
        if is_bigcommerce(shop):  # the other platform joins them itself
            assert told >= 240


@pytest.mark.parametrize("name", NAMES)
async def test_what_no_call_told_is_found_by_polling(tmp_path: Path, name: str) -> None:
    async with two_shops(tmp_path, poll_seconds=20.0) as world, world.daemon():
        await calling(world)
        shop = world.stores[name]
        await faults(shop, webhook_lost=1.0)
        await shop.buy({"A": 2})
        await world.settled({"A": 48})


@pytest.mark.parametrize("name", NAMES)
async def test_an_order_spoken_of_while_it_is_half_written_is_read_again(tmp_path: Path, name: str) -> None:
    async with two_shops(tmp_path) as world, world.daemon():
        await calling(world)
        shop = world.stores[name]
        await faults(shop, torn_orders=1.0, torn_seconds=[1.5, 1.5], webhook_seconds=[0.0, 0.0])
        before = await polls(world, shop)
        order = await shop.buy({"A": 2, "B": 1})
        assert order is not None
        await world.settled({"A": 48, "B": 49})
        assert await world.signals() == []
        assert len(named(await world.asked(shop))) >= 2
        assert await polls(world, shop) == before


@pytest.mark.parametrize("name", NAMES)
async def test_an_order_that_waits_is_read_after_pauses_whatever_else_rings(tmp_path: Path, name: str) -> None:
    async with two_shops(tmp_path) as world:
        shop = world.stores[name]
        await shop.stock({"NEW": 5})  # the ERP doesn't know it: the order waits until it has been asked again
        async with world.daemon():
            await calling(world)
            before = len(await world.asked(shop))
            assert await shop.buy({"A": 1, "NEW": 1})
            await world.settled({"A": 49})
            await anyio.sleep(8.0)
            waiting = [order for store, order in await world.signals() if store == name]
            reads = len(named(await world.asked(shop, before)))
            assert waiting
            assert 2 <= reads <= 8
            other = await shop.buy({"B": 1})
            assert other is not None
            await world.settled({"B": 49})
            assert waiting == [order for store, order in await world.signals() if store == name]


async def test_an_order_spoken_of_before_it_can_be_seen_is_read_when_it_appears(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as world, world.daemon():
        await calling(world)
        us = world.stores["us"]
        await faults(us, late_orders_seconds=[8.0, 8.0], webhook_seconds=[0.0, 0.0])
        before = await polls(world, us)
        assert await us.buy({"A": 2})
        await world.settled({"A": 48})
        assert await polls(world, us) == before
        gone = await us.buy({"B": 2})
        assert gone is not None
        await us.act(gone["order"], "delete")
        await anyio.sleep(30.0)
        assert await world.signals() == [], "an order that never appears is forgotten"


@pytest.mark.parametrize("error", [RefusedError("400"), MisconfiguredError("403")], ids=["refused", "forbidden"])
async def test_an_order_that_the_store_does_not_show_by_its_id_ends_nothing(tmp_path: Path, error: Exception) -> None:
    async with two_shops(tmp_path, poll_seconds=20.0) as world:

        def spoil(app: App) -> None:
            async def refuse(_orders: Any) -> Any:
                raise error

            for reconciler in app.tenants["acme"].reconcilers:
                orders: Any = reconciler.context.port.orders
                orders.by_ids = refuse

        world.composed = spoil
        async with world.daemon():
            await calling(world)
            for shop in world.stores.values():
                assert await shop.buy({"A": 1})
            await world.settled({"A": 48})
            assert await world.signals() == []
            assert not logged(world, "store.failed")


@pytest.mark.parametrize("name", NAMES)
async def test_what_was_answered_with_200_is_read_after_a_kill(tmp_path: Path, name: str) -> None:
    async with two_shops(tmp_path) as world:
        shop = world.stores[name]
        async with world.daemon(crash=True):
            await calling(world)
            await faults(shop, error_503=1.0)
            order = await shop.buy({"A": 5})
            assert order is not None

            async def untold() -> str:
                return "" if (name, order["order"]) in await world.signals() else "the call isn't on disk yet"

            await world.until(untold)
        await shop.call("DELETE", "/faults")
        before = len(await world.asked(shop))
        async with world.daemon():
            assert (name, order["order"]) in await world.signals()
            await world.settled({"A": 45})
            assert await world.signals() == []
        assert any(order["order"] in line for line in named(await world.asked(shop, before)))


async def test_webhooks_that_were_switched_off_are_mended_at_the_next_look_and_that_is_said(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as world, world.daemon():
        await calling(world)
        us, woo = (world.stores[name] for name in NAMES)
        (hook,) = us.shop.hooks.known
        webhook = next(one for one in woo.shop.webhooks.hooks.values() if one.topic == "order.updated")
        await us.call("POST", f"/hooks/{hook}/inactive")
        await woo.call("POST", f"/webhooks/{webhook.id}/disabled")
        told = len(logged(world, "webhook.repaired"))
        await anyio.sleep(LOOK_SECONDS + 30.0)
        repaired = logged(world, "webhook.repaired")[told:]
        assert {event["store"]: event["done"] for event in repaired} == {
            "us": ["mended store/order/*, which was inactive"],
            "woo": ["replaced order.updated, which was disabled"],
        }
        for shop in (us, woo):
            await shop.buy({"A": 1})
        await world.settled({"A": 48})


async def test_a_paused_webhook_is_said_once_and_the_store_is_polled_as_before(tmp_path: Path) -> None:
    async with two_shops(tmp_path, poll_seconds=20.0) as world, world.daemon():
        await calling(world)
        woo = world.stores["woo"]
        for webhook in list(woo.shop.webhooks.hooks.values()):
            await woo.call("POST", f"/webhooks/{webhook.id}/paused")
        await anyio.sleep(2 * LOOK_SECONDS + 30.0)
        (told,) = logged(world, "webhook.disabled")
        assert "paused" in told["reason"]
        assert not next(r for r in reconcilers(world) if r.context.store == "woo").context.hooks_alive
        assert await world.alerted() == [("webhook.disabled", "woo", "{}")]
        for webhook in list(woo.shop.webhooks.hooks.values()):
            await woo.call("POST", f"/webhooks/{webhook.id}/active")
        await anyio.sleep(2 * LOOK_SECONDS + 30.0)
        assert [told["store"] for told in logged(world, "webhook.enabled")] == ["woo"]
        assert await world.alerted() == [], "nobody had heard of it"
        await woo.buy({"A": 1})
        await world.settled({"A": 49})


@pytest.mark.parametrize("why", ["no right", "https only"])
async def test_a_store_that_refuses_its_webhooks_is_only_polled(tmp_path: Path, why: str) -> None:
    async with two_shops(tmp_path, poll_seconds=20.0) as world:
        us = world.stores["us"]
        switch = {"webhooks_allowed": False} if why == "no right" else {"https_destinations": True}
        await us.call("POST", "/settings", switch)
        async with world.daemon():
            await world.started()
            await us.buy({"A": 2})
            await world.settled({"A": 48})
            (told,) = logged(world, "webhook.disabled")
            assert told["store"] == "us"
            assert not logged(world, "store.failed")


async def test_who_was_told_that_a_store_does_not_call_is_told_by_the_next_process_that_it_does(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as world:
        us = world.stores["us"]
        await us.call("POST", "/settings", {"webhooks_allowed": False})
        async with world.daemon():
            await world.until(lambda: "" if logged(world, "webhook.disabled") else "nothing is said")
            assert await world.take_alerts() == ["webhook.disabled"]
        await us.call("POST", "/settings", {"webhooks_allowed": True})
        for alerted in (["webhook.enabled"], []):
            async with world.daemon():
                await calling(world)
                assert await world.take_alerts() == alerted
        assert not logged(world, "webhook.enabled"), "these processes have seen nothing else"


async def test_a_store_may_be_left_out(tmp_path: Path) -> None:
    per_store = {"woo": "webhooks = false"}
    async with two_shops(tmp_path, poll_seconds=20.0, per_store=per_store) as world, world.daemon():
        await world.started()
        await world.stores["us"].buy({"A": 1})
        await world.stores["woo"].buy({"A": 1})
        await world.settled({"A": 48})
        assert not world.stores["woo"].shop.webhooks.hooks


async def test_calls_that_are_lost_late_repeated_forged_and_out_of_order_change_nothing(tmp_path: Path) -> None:
    """Shoppers of all kinds, while calls go wrong in all ways and polling goes on."""
    more = dict.fromkeys(NAMES, "sweep_hours = 0.02")
    async with two_shops(tmp_path, poll_seconds=15.0, per_store=more) as world, world.daemon():
        await calling(world)
        for shop in world.stores.values():
            await faults(
                shop, webhook_lost=0.3, webhook_repeated=0.3, webhook_late=0.3, webhook_late_seconds=[5.0, 40.0],
                webhook_seconds=[0.0, 3.0], webhook_wrong_secret=0.1, webhook_disabled=0.02,
            )  # fmt: skip
        shoppers = Shoppers(world, world.random, list(OPENING))
        for _ in range(60):
            await shoppers.act()
            await anyio.sleep(0.3)
        for shop in world.stores.values():
            await shop.call("DELETE", "/faults")
        await pay_all(world)
        units = await committed(world, shoppers.completed)
        await world.settled({sku: count - units[sku] for sku, count in OPENING.items()})
        assert not logged(world, "bug.found")
        assert logged(world, "webhook.refused")
