"""A shop's carts: each is read when the shop speaks of it, and becomes an order, is left behind, or goes; whatever happens to the calls
and to the process, what has happened is told once, and the orders count as without carts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from syncd.app import App
from syncd.core.event import KINDS
from syncd.core.quantity import SECOND
from syncd.ledger import carts
from syncd.ledger.carts import CartRow
from syncd.ledger.outbox import Outbox, Subscription
from syncd.ledger.schema_outbox import outbox
from syncd.ports.carts import CartTraits
from syncd.reconcile import cart_unit
from tests.reconcile.test_pause import call
from tests.reconcile.world import Store, World, open_world

OPENING = {"A": 50, "B": 50, "C": 50}
CARTS = "carts = true\n"


@asynccontextmanager
async def shop_with_carts(
    folder: Path, more: str = "", *, webhooks: bool = True, poll_seconds: float = 3.0, second: str = ""
) -> AsyncIterator[tuple[World, Store]]:
    """A BigCommerce shop whose carts are read, with sinks that want to hear of them; no daemon yet."""
    async with open_world(folder) as world:
        us = await world.serve("us", "bigcommerce", stock=OPENING)
        if second:
            await world.serve("other", second, stock=OPENING)
        world.open_stock(OPENING)
        world.configure(per_store={"us": CARTS + more}, webhooks=webhooks, poll_seconds=poll_seconds)
        world.composed = subscribe
        yield world, us


def subscribe(app: App) -> None:
    """Somebody wants to hear of carts, all of it."""
    context = app.tenants["acme"].context
    context.outbox = Outbox("acme", [Subscription("crm", frozenset(KINDS), personal=True)])


async def begun(world: World) -> None:
    """The shop is read, and calls."""
    await world.started()

    def complaint() -> str:
        (mine,) = [each for each in world.app.tenants["acme"].reconcilers if each.context.store == "us"]
        return "" if mine.context.hooks_alive else "the shop doesn't call yet"

    await world.until(complaint)


async def put(us: Store, **quantities: int) -> Any:
    """A shopper begins a cart."""
    lines = [{"sku": sku, "quantity": count} for sku, count in quantities.items()]
    return await us.call("POST", "/carts", {"lines": lines, "email": "ada@example.com"})


async def row(world: World, name: str) -> CartRow | None:
    found = await world.ledger.read(lambda connection: carts.read_carts(connection, "acme", "us", [name]))
    return found.get(name)


async def until_state(world: World, name: str, state: str, order: str = "") -> None:
    async def complaint() -> str:
        found = await row(world, name)
        have = ("", "") if found is None else (found.state, found.order)
        return "" if have == (state, order) else f"{have}, not {(state, order)}"

    await world.until(complaint)


async def told(world: World, name: str = "") -> list[str]:
    """What sinks are told, in order: of one cart, or of all."""
    rows = await world.ledger.read(
        lambda connection: connection.execute(
            outbox.select().where(outbox.c.kind.like("cart.%")).order_by(outbox.c.seq)
        ).all()
    )
    return [each.kind.removeprefix("cart.") for each in rows if not name or each.subject == f"carts/{name}"]


async def documents(world: World) -> list[dict[str, Any]]:
    rows = await world.ledger.read(lambda connection: connection.execute(outbox.select().order_by(outbox.c.seq)).all())
    return [msgspec.json.decode(each.data) for each in rows]


async def asked_for_carts(world: World, us: Store) -> list[str]:
    return [line for line in await world.asked(us) if "/v3/carts" in line or "cart_id=" in line]


async def test_a_cart_from_its_first_line_to_its_order(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        cart = await put(us, A=2)
        name = cart["cart"]
        await until_state(world, name, "open")
        await us.call("POST", f"/carts/{name}/edit", {"add": [{"sku": "B", "quantity": 1}]})
        await us.call("POST", f"/carts/{name}/email", {"email": "ada@lovelace.example"})

        async def changed() -> str:
            found = await row(world, name)
            content = found.known.content if found else None
            return "" if content and content.email == "ada@lovelace.example" else "not read yet"

        await world.until(changed)
        (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
        await until_state(world, name, "converted", order)
        await world.settled({"A": 48, "B": 49, "C": 50})
        assert (await told(world))[0] == "created"
        assert (await told(world))[-1] == "converted"
        assert set(await told(world)) == {"created", "changed", "converted"}
        first, *_, last = await documents(world)
        assert first["lines"][0]["sku"] == "A"
        assert (last["order"], last["customer"]["email"], last["state"]) == (order, "ada@lovelace.example", "converted")
        assert (last["total"], last["currency"], len(last["lines"])) == ("30", "USD", 2)
        converted = [event for event in world.events() if event["event"] == "cart.converted"]
        assert [(event["cart"], event["order"]) for event in converted] == [(name, f"acme/us/{order}")]


async def test_what_a_shop_says_of_one_change_is_read_once(tmp_path: Path) -> None:
    """A new cart of two lines is spoken of four times."""
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", {"webhook_seconds": [0.1, 0.9]})
        cart = await put(us, A=2, B=1)
        await until_state(world, cart["cart"], "open")
        await anyio.sleep(10)
        assert [line.split()[0] for line in await asked_for_carts(world, us)] == ["GET"]
        assert await world.signals() == []
        assert await told(world) == ["created"]


async def test_a_cart_that_became_an_order_costs_no_request_where_the_order_was_read_first(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        name = (await put(us, A=1))["cart"]
        await until_state(world, name, "open")
        before = len(await asked_for_carts(world, us))
        await us.call(
            "PUT", "/faults", {"webhook_seconds": [3.0, 3.0]}
        )  # the poll finds the order before the calls come
        (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
        await until_state(world, name, "converted", order)
        await anyio.sleep(10)
        assert len(await asked_for_carts(world, us)) == before
        assert await world.signals() == []


async def test_a_cart_that_was_emptied_is_looked_at_twice_and_told_once(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        name = (await put(us, A=1))["cart"]
        await until_state(world, name, "open")
        await us.call("POST", f"/carts/{name}/delete")
        await until_state(world, name, "deleted")
        assert await told(world) == ["created", "deleted"]
        asked = await asked_for_carts(world, us)
        assert ["cart_id=" in line for line in asked] == [False, False, False, True], asked


@pytest.mark.parametrize("how", ["late", "lingers", "late answers"])
async def test_calls_come_before_a_cart_shows_and_after_it_is_gone(tmp_path: Path, how: str) -> None:
    dials = {
        "late": {"late_carts_seconds": [6.0, 6.0]},
        "lingers": {"carts_linger_seconds": [15.0, 15.0]},
        "late answers": {"late_orders_seconds": [8.0, 8.0], "latency_seconds": [0.5, 2.0]},
    }
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        await us.call("PUT", "/faults", dials[how])
        name = (await put(us, A=1))["cart"]
        await until_state(world, name, "open")
        (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
        await until_state(world, name, "converted", order)
        await anyio.sleep(60)
        assert await told(world, name) == ["created", "converted"]
        await world.settled({"A": 49})


async def test_a_cart_that_nobody_could_read_in_time_is_forgotten(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        name = (await put(us, A=1))["cart"]
        await us.call("POST", f"/carts/{name}/delete")

        async def complaint() -> str:
            return str(await world.signals() or "")

        await world.until(complaint)
        assert await row(world, name) is None
        assert await told(world) == []


async def test_several_incomplete_orders_of_one_cart_leave_it_open_until_one_is_paid(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        name = (await put(us, A=2))["cart"]
        for _ in range(3):
            orders = (await us.call("POST", f"/carts/{name}/payment"))["orders"]
        await until_state(world, name, "open")
        await anyio.sleep(20)
        await until_state(world, name, "open")
        await us.act(orders[1], "pay")
        await until_state(world, name, "converted", orders[1])
        await world.settled({"A": 48})
        assert await told(world) == ["created", "converted"]


async def test_a_cart_is_abandoned_and_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cart_unit, "MARGIN_US", 5 * SECOND)
    async with shop_with_carts(tmp_path) as (world, us):
        world.composed = short_hours
        async with world.daemon():
            await begun(world)
            name = (await put(us, A=2))["cart"]
            await until_state(world, name, "open")
            await until_state(world, name, "abandoned")
            assert await told(world) == ["created", "abandoned"]
            await us.call("POST", f"/carts/{name}/edit", {"add": [{"sku": "A", "quantity": 1}]})
            await until_state(world, name, "open")
            assert await told(world) == ["created", "abandoned", "changed"]


def short_hours(app: App) -> None:
    """An hour is 40 seconds, and 30 days are two minutes."""
    subscribe(app)
    for reconciler in app.tenants["acme"].reconcilers:
        carts_port: Any = reconciler.context.carts
        if carts_port is not None:
            carts_port._traits = CartTraits(120 * SECOND, 40 * SECOND, 30 * SECOND)


async def test_lost_calls_are_made_up_for_after_downtime(tmp_path: Path) -> None:
    """One cart has changed, one has gone, one has become an order, while nobody listened."""
    async with shop_with_carts(tmp_path) as (world, us):
        async with world.daemon():
            await begun(world)
            changed, gone, bought = [(await put(us, A=1))["cart"] for _ in range(3)]
            for name in (changed, gone, bought):
                await until_state(world, name, "open")
        await us.call("PUT", "/faults", {"webhook_lost": 1.0})
        await us.call("POST", f"/carts/{changed}/edit", {"add": [{"sku": "B", "quantity": 1}]})
        await us.call("POST", f"/carts/{gone}/delete")
        (order,) = (await us.call("POST", f"/carts/{bought}/checkout", {}))["orders"]
        world.clock.ahead_us += 600 * SECOND
        async with world.daemon():
            await until_state(world, gone, "deleted")
            await until_state(world, bought, "converted", order)
            assert await told(world, changed) == ["created", "changed"]
            assert await told(world, gone) == ["created", "deleted"]
            assert await told(world, bought) == ["created", "converted"]
            await world.settled({"A": 49})


async def test_a_lost_call_about_an_order_is_no_loss_for_its_cart(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon():
        await begun(world)
        name = (await put(us, A=1))["cart"]
        await until_state(world, name, "open")
        await us.call("PUT", "/faults", {"webhook_lost": 1.0})
        (order,) = (await us.call("POST", f"/carts/{name}/checkout", {}))["orders"]
        await until_state(world, name, "converted", order)


async def test_a_store_that_lets_nobody_read_its_carts_says_so_once_and_its_orders_go_on(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us):
        us.shop.settings.switches.carts_allowed = False
        async with world.daemon():
            await begun(world)
            for _ in range(3):
                await put(us, A=1)
                await anyio.sleep(5)
            assert await us.buy({"A": 3})
            await world.settled({"A": 47})
            stuck = [event for event in world.events() if event["event"] == "carts.stuck"]
            assert len(stuck) == 1
            assert stuck[0]["hint"]


@pytest.mark.parametrize("known", [False, True])
async def test_a_cart_that_the_shop_fails_to_show_keeps_no_other_from_being_read(tmp_path: Path, known: bool) -> None:
    """`known`: it was read before, and is looked at again because the process was down."""
    async with shop_with_carts(tmp_path) as (world, us):
        real, broken = us.shop.carts.seen, set[str]()

        def seen(name: str) -> Any:
            if name in broken:
                raise ConnectionError  # the shop answers 500
            return real(name)

        us.shop.carts.seen = seen
        first = ""
        if known:
            async with world.daemon():
                await begun(world)
                first = (await put(us, A=1))["cart"]
                await until_state(world, first, "open")
            world.clock.ahead_us += 3_700 * SECOND
            broken.add(first)
        async with world.daemon():
            await begun(world)
            first = first or (await put(us, A=1))["cart"]
            broken.add(first)
            await anyio.sleep(60)
            names = [(await put(us, B=1))["cart"] for _ in range(3)]
            for name in names:
                await until_state(world, name, "open")
            broken.clear()
            await us.call("POST", f"/carts/{first}/edit", {"add": [{"sku": "B", "quantity": 1}]})

            async def complaint() -> str:
                found = await row(world, first)
                version = found.known.content.version if found and found.known.content else None
                return "" if version == us.shop.carts.kept[first].version else f"version {version} is known"

            await world.until(complaint)


async def test_without_the_setting_nothing_is_asked_or_registered(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        us = await world.serve("us", "bigcommerce", stock=OPENING)
        world.open_stock(OPENING)
        world.configure(webhooks=True)
        async with world.daemon():
            await begun(world)
            name = (await put(us, A=1))["cart"]
            await us.call("POST", f"/carts/{name}/checkout", {})
            await world.settled({"A": 49})
            await anyio.sleep(10)
            assert await asked_for_carts(world, us) == []
            assert [hook.scope for hook in us.shop.hooks.known.values()] == ["store/order/*"]
            assert await row(world, name) is None


async def test_carts_without_webhooks_say_that_nobody_will_tell_of_them(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path, webhooks=False) as (world, us), world.daemon():
        await world.started()
        await anyio.sleep(5)
        (order,) = (await us.call("POST", f"/carts/{(await put(us, A=1))['cart']}/checkout", {}))["orders"]
        await world.settled({"A": 49})
        (stuck,) = [event for event in world.events() if event["event"] == "carts.stuck"]
        assert "[webhooks]" in stuck["hint"]
        name = us.shop.order(order).cart_id
        await until_state(world, name, "converted", order)  # its order names it


async def test_carts_are_forgotten_some_weeks_after_their_end(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us):
        async with world.daemon():
            await begun(world)
            gone, alive = [(await put(us, A=1))["cart"] for _ in range(2)]
            (order,) = (await us.call("POST", f"/carts/{gone}/checkout", {}))["orders"]
            await until_state(world, gone, "converted", order)
            await until_state(world, alive, "open")
        world.clock.ahead_us += 31 * 86_400 * SECOND
        async with world.daemon():
            await until_state(world, alive, "expired")

            async def complaint() -> str:
                return "it is still there" if await row(world, gone) else ""

            await world.until(complaint)
            await us.act(order, "complete")  # an old order tells nothing new of its cart
            await anyio.sleep(10)
            assert await row(world, gone) is None


async def test_the_status_tells_of_carts(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        name = (await put(us, A=1))["cart"]
        await until_state(world, name, "open")
        (tenant,) = (await call(world, app, "status"))["tenants"]
        assert tenant["stores"][0]["carts"] == {"open": 1, "abandoned": 0, "waiting": 0, "trouble": None}


async def test_a_customers_data_is_erased_from_carts_and_what_became_of_them_stays(tmp_path: Path) -> None:
    async with shop_with_carts(tmp_path) as (world, us), world.daemon() as app:
        await begun(world)
        mine, others = (await put(us, A=1))["cart"], (await put(us, B=1))["cart"]
        await us.call("POST", f"/carts/{others}/email", {"email": "bob@example.com"})
        await until_state(world, mine, "open")
        (order,) = (await us.call("POST", f"/carts/{mine}/checkout", {}))["orders"]
        await until_state(world, mine, "converted", order)
        await until_state(world, others, "open")
        await call(world, app, "erase", tenant="acme", email="ada@example.com", only_look=False)
        gone, kept = await row(world, mine), await row(world, others)
        assert gone is not None
        assert kept is not None
        assert "ada" not in gone.content
        assert "bob@example.com" in kept.content
        content = gone.known.content
        assert content is not None
        assert (content.email, content.lines[0].sku, gone.order) == ("", "A", order)
