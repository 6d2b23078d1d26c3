"""Holds: what a cart keeps from other shops for a while. They end with the order, in one transaction: at no instant is a unit subtracted
twice, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection

from syncd.core.quantity import UNIT, Quantity
from syncd.core.target import sku_target
from syncd.ledger import carts, levels
from tests.reconcile.test_carts import OPENING, begun, put, subscribe, told, until_state
from tests.reconcile.test_crash_points import FragileHop
from tests.reconcile.test_pause import call
from tests.reconcile.world import Store, World, open_world

HOLDS = "carts = true\nholds_minutes = 5\n"
NOTHING = Quantity(0)


@asynccontextmanager
async def two_shops(
    folder: Path, us: str = HOLDS, *, end: str = "", opening: dict[str, int] | None = None, poll_seconds: float = 3.0
) -> AsyncIterator[tuple[World, Store, Store]]:
    """A shop whose carts hold, and another that sells the same; no daemon yet."""
    async with open_world(folder) as world:
        stock = OPENING if opening is None else opening
        first = await world.serve("us", "bigcommerce", stock=stock)
        other = await world.serve("woo", "woocommerce", stock=stock)
        world.open_stock(stock)
        world.configure(per_store={"us": us}, end=end, webhooks=True, poll_seconds=poll_seconds)
        world.composed = subscribe
        yield world, first, other


async def until_level(shop: Store, world: World, **levels_wanted: int) -> None:
    async def complaint() -> str:
        have = await shop.levels()
        wrong = {sku: (have[sku], count) for sku, count in levels_wanted.items() if have[sku] != count}
        return f"{shop.name} (has, should): {wrong}" if wrong else ""

    await world.until(complaint)


async def until_held(world: World, **units: int) -> None:
    async def complaint() -> str:
        have = await held(world)
        return "" if have == units else f"held: {have}, should be {units}"

    await world.until(complaint)


async def held(world: World) -> dict[str, int]:
    """Units that carts hold, by SKU."""

    def look(connection: Connection) -> dict[str, int]:
        found = carts.holds(connection, "acme", "main", list(OPENING), world.clock.now())
        return {sku: sum(each.units for each in mine) // UNIT for sku, mine in found.items()}

    return await world.ledger.read(look)


def watch_targets(world: World, sku: str = "A", shop: str = "woo") -> list[int]:
    """What `shop` should show, after each commit of the daemon from now on."""
    seen: list[int] = []
    ledger = world.ledger
    plain = ledger.run

    async def run(unit: Callable[[Connection], Any], **how: Any) -> Any:
        def watched(connection: Connection) -> Any:
            result = unit(connection)
            reading = levels.erp_readings(connection, "acme", "main", [sku])[sku]
            target = sku_target(
                sku, shop, reading, levels.open_accounts(connection, "acme", "main", [sku]).get(sku, ()), buffer=NOTHING,
                now=world.clock.now(), carts=carts.holds(connection, "acme", "main", [sku], world.clock.now()).get(sku, ()),
            ).target  # fmt: skip
            if not seen or seen[-1] != target // UNIT:
                seen.append(target // UNIT)
            return result

        return await plain(watched, **how)

    ledger.run = run  # type: ignore[method-assign]
    return seen


async def test_a_cart_keeps_its_lines_from_the_other_shop_and_not_from_its_own(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_level(woo, world, A=47)
        assert (await us.levels())["A"] == 50
        await us.call("POST", f"/carts/{name}/edit", {"add": [{"sku": "B", "quantity": 2}]})
        await until_level(woo, world, A=47, B=48)
        line = (await us.call("GET", "/carts"))[0]["lines"][0]["line"]
        await us.call("POST", f"/carts/{name}/edit", {"lines": [{"line": line, "quantity": 1}]})
        await until_level(woo, world, A=49, B=48)
        await us.call("POST", f"/carts/{name}/delete")
        await until_level(woo, world, A=50, B=50)
        await until_held(world)


async def test_without_the_setting_carts_hold_nothing(tmp_path: Path) -> None:
    async with two_shops(tmp_path, "carts = true\n") as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_state(world, name, "open")
        await anyio.sleep(20)
        assert await woo.levels() == OPENING
        assert await held(world) == {}


@pytest.mark.parametrize("poll_seconds", [3.0, 60.0], ids=["poll first", "call first"])
async def test_an_order_takes_the_place_of_its_carts_hold_in_one_step(tmp_path: Path, poll_seconds: float) -> None:
    async with two_shops(tmp_path, poll_seconds=poll_seconds) as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_level(woo, world, A=47)
        targets = watch_targets(world)
        (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
        await world.settled({"A": 47})
        await until_state(world, name, "converted", order)
        await until_held(world)
        await anyio.sleep(10)
        assert targets == [47], "never twice, never not at all"


async def test_a_lost_call_about_the_conversion_ends_the_hold_as_well(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_level(woo, world, A=47)
        await us.call("PUT", "/faults", {"webhook_lost": 1.0})
        targets = watch_targets(world)
        await us.call("POST", f"/carts/{name}/checkout", {})
        await world.settled({"A": 47})
        await until_held(world)
        assert targets == [47]


async def test_an_order_that_shows_later_than_its_cart_has_gone_finds_the_hold_still_there(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_level(woo, world, A=47)
        await us.call("PUT", "/faults", {"late_orders_seconds": [15.0, 15.0]})
        targets = watch_targets(world)
        (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
        await world.settled({"A": 47})
        await until_state(world, name, "converted", order)
        await until_held(world)
        assert targets == [47]


async def test_incomplete_orders_of_a_cart_leave_its_hold_and_only_one_is_subtracted(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_level(woo, world, A=47)
        targets = watch_targets(world)
        for _ in range(3):
            orders = (await us.call("POST", f"/carts/{name}/payment"))["orders"]
        await anyio.sleep(20)
        assert await held(world) == {"A": 3}
        await us.act(orders[2], "pay")
        await world.settled({"A": 47})
        await until_held(world)
        assert targets == [47]


async def test_a_hold_expires_by_itself_though_the_shop_does_not_answer(tmp_path: Path) -> None:
    async with two_shops(tmp_path, "carts = true\nholds_minutes = 0.5\n") as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        await put(us, A=3)
        await until_level(woo, world, A=47)
        await us.call("PUT", "/faults", {"error_503": 1.0})
        await until_held(world)
        await us.call("DELETE", "/faults")
        await until_level(woo, world, A=50)
        assert await told(world) == ["created"]


async def test_a_cart_holds_no_more_than_its_cap_and_all_together_no_more_than_their_share(tmp_path: Path) -> None:
    more = HOLDS + "holds_units_max = 4\nholds_share = 0.25\n"
    async with two_shops(tmp_path, more) as (world, us, woo), world.daemon():
        await begun(world)
        await world.settled(OPENING)
        await put(us, A=30)
        await until_level(woo, world, A=46)
        for _ in range(6):  # somebody fills carts
            await put(us, A=50, B=2)
        await until_held(world, A=28, B=12)
        await until_level(woo, world, A=37, B=38)  # a quarter of 50 is 12.5, and B has 12 in carts


async def test_kits_hold_their_components_and_unknown_skus_nothing(tmp_path: Path) -> None:
    end = '[kits]\nSET = { "A" = 2, "B" = 1 }\n'
    async with two_shops(tmp_path, end=end) as (world, us, woo):
        await us.stock({"SET": 5, "UNKNOWN": 5})
        async with world.daemon():
            await begun(world)
            await until_level(woo, world, A=50, B=50)
            await put(us, SET=2, UNKNOWN=1, C=1)
            await until_held(world, A=4, B=2, C=1)
            await until_level(woo, world, A=46, B=48, C=49)


async def test_holds_end_when_they_are_switched_off(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, us, woo):
        async with world.daemon():
            await begun(world)
            await world.settled(OPENING)
            await put(us, A=3)
            await until_level(woo, world, A=47)
        world.configure(per_store={"us": "carts = true\n"}, webhooks=True)
        async with world.daemon():
            await until_level(woo, world, A=50)
            await until_held(world)


async def test_holds_end_when_carts_are_read_no_more(tmp_path: Path) -> None:
    async with two_shops(tmp_path, "carts = true\nholds_minutes = 600\n") as (world, us, woo):
        async with world.daemon():
            await begun(world)
            await world.settled(OPENING)
            name = (await put(us, A=3))["cart"]
            await until_level(woo, world, A=47)
        world.configure(per_store={"us": ""}, webhooks=True)
        async with world.daemon():
            await until_level(woo, world, A=50)
            await until_held(world)
            await us.call("POST", f"/carts/{name}/checkout", {"paid": True})
            await world.settled({"A": 47, "B": 50, "C": 50})


@pytest.mark.parametrize("lost", [False, True], ids=["after the commit", "before the commit"])
@pytest.mark.parametrize("commits", [1, 2, 3, 4])
async def test_a_kill_at_any_step_of_a_conversion_leaves_one_subtraction(
    tmp_path: Path, commits: int, *, lost: bool
) -> None:
    """The commits after the checkout: the signals, the order with the hold's end, the cart's state, moves."""
    async with two_shops(tmp_path) as (world, us, woo):
        hop = FragileHop(tmp_path / "state")
        world.hop = hop
        async with world.daemon(crash=True):
            await begun(world)
            await world.settled(OPENING)
            name = (await put(us, A=3))["cart"]
            await until_level(woo, world, A=47)
            await until_state(world, name, "open")
            hop.arm(commits, lost=lost)
            (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
            with anyio.move_on_after(60):
                await hop.ended.wait()
            assert hop.ended.is_set(), "fewer commits than that"
        hop.restore()
        async with world.daemon():
            targets = watch_targets(world)
            await until_state(world, name, "converted", order)
            await world.settled({"A": 47})
            await until_held(world)
            assert targets == [47]
            assert (await told(world, name)) == ["created", "converted"]


async def test_explain_names_the_cart_that_holds(tmp_path: Path) -> None:
    async with two_shops(tmp_path) as (world, us, woo), world.daemon() as app:
        await begun(world)
        await world.settled(OPENING)
        name = (await put(us, A=3))["cart"]
        await until_level(woo, world, A=47)
        told_of = await call(world, app, "explain.sku", sku="A")
        terms = {store["store"]: store["target"]["terms"] for store in told_of["stores"]}
        assert [(term["what"], term["order"], term["units"]) for term in terms["woo"]] == [("cart", f"us/{name}", "3")]
        assert terms["us"] == []
