"""Shoppers with carts, while calls get lost, come twice, late and in any order, requests fail, and the process dies again and again. When
the trouble ends, the ledger knows what has become of each cart, sinks have been told once, and all shops agree."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from syncd.core.quantity import SECOND
from syncd.ledger import carts
from syncd.ledger.carts import CartRow
from syncd.ledger.schema_carts import cart, cart_hold
from tests.reconcile.test_cart_holds import two_shops
from tests.reconcile.test_carts import begun, told
from tests.reconcile.world import Store, World

OPENING = {"A": 200, "B": 200, "C": 200}
TROUBLE = {
    "webhook_lost": 0.2, "webhook_repeated": 0.3, "webhook_seconds": [0.1, 6.0], "webhook_late": 0.1,
    "webhook_late_seconds": [10.0, 40.0], "error_503": 0.1, "reset": 0.05, "truncated": 0.05, "late_carts_seconds": [0.0, 3.0],
    "carts_linger_seconds": [0.0, 4.0], "late_orders_seconds": [0.0, 5.0], "latency_seconds": [0.0, 0.5],
}  # fmt: skip
LIVES = 3
LIFE_SECONDS = 25.0


async def shop_around(us: Store, random: Random) -> None:
    """One shopper: a cart, some changes, perhaps the payment page, and an end or none."""
    lines = [{"sku": random.choice("ABC"), "quantity": random.randint(1, 3)}]
    name = (await us.call("POST", "/carts", {"lines": lines, "email": f"{random.random()}@example.com"}))["cart"]
    for _ in range(random.randint(0, 3)):
        await anyio.sleep(random.uniform(0.1, 4.0))
        await us.call("POST", f"/carts/{name}/edit", {"add": [{"sku": random.choice("ABC"), "quantity": 1}]})
    for _ in range(random.choice([0, 0, 1, 2])):
        await us.call("POST", f"/carts/{name}/payment")
    await anyio.sleep(random.uniform(0.1, 4.0))
    end = random.choice(["checkout", "checkout", "later", "delete", "stays"])
    if end == "delete":
        await us.call("POST", f"/carts/{name}/delete")
    elif end != "stays":
        await us.call("POST", f"/carts/{name}/checkout", {"paid": end == "checkout"})


async def all_rows(world: World) -> dict[str, CartRow]:
    def look(connection: Any) -> dict[str, CartRow]:
        names = connection.execute(cart.select()).all()
        return carts.read_carts(connection, "acme", "us", [row.cart for row in names])

    return await world.ledger.read(look)


async def complaints(world: World, us: Store) -> str:
    """What the ledger says of the carts that it knows, against the truth."""
    rows, truth = await all_rows(world), us.shop.carts.kept
    for name, one in truth.items():
        row = rows.get(name)
        if row is None:
            if one.gone == "converted":
                return f"nothing is known of {name}, which became an order"
            continue
        wanted = one.gone or "open"
        if row.state != wanted:
            return f"{name} is {row.state}, in truth {wanted}"
        placed = [str(number) for number in one.orders if us.shop.order(number).status_id != 0]
        if wanted == "converted" and row.order not in placed:
            return f"{name} became {placed}, not {row.order}"
        content = row.known.content
        if wanted == "open" and content is not None and content.version != one.version:
            return f"{name} has version {one.version}, {content.version} is known"
    holding = await world.ledger.read(lambda c: {row.cart for row in c.execute(cart_hold.select()).all()})
    dead = holding - {name for name, one in truth.items() if not one.gone}
    return f"{dead} are gone, and hold" if dead else ""


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_goes_wrong_each_carts_end_is_known_and_told_once(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    async with two_shops(tmp_path, opening=OPENING) as (world, us, _):
        async with world.daemon():
            await begun(world)
            await world.settled(OPENING)
        for _ in range(LIVES):
            await us.call("PUT", "/faults", TROUBLE)
            async with world.daemon(crash=True):
                shoppers = [asyncio.create_task(late(us, Random(random.random()), k * 2.0)) for k in range(10)]
                await anyio.sleep(LIFE_SECONDS * random.random())
            await asyncio.gather(*shoppers)
        await us.call("DELETE", "/faults")
        world.clock.ahead_us += 600 * SECOND
        async with world.daemon():
            await begun(world)
            await world.until(lambda: complaints(world, us))
            sold = Counter[str]()
            for order in us.shop.truth()["orders"]:
                if order["status_id"] not in (0, 5):
                    for line in order["lines"]:
                        sold[line["sku"]] += line["quantity"]

            async def counted() -> str:
                have = world.erp_levels()
                wrong = {sku: (have[sku], n - sold[sku]) for sku, n in OPENING.items() if have[sku] != n - sold[sku]}
                return f"ERP (has, should): {wrong}" if wrong else ""

            await world.until(counted)
            for name, one in us.shop.carts.kept.items():
                happened = Counter(await told(world, name))
                assert happened["converted"] == (one.gone == "converted"), (name, happened)
                assert happened["created"] <= 1
                assert happened["deleted"] <= 1
            await world.until(lambda: waiting(world))


async def waiting(world: World) -> str:
    """What is still to be read."""
    return str(await world.signals() or "")


async def late(us: Store, random: Random, wait_seconds: float) -> None:
    await anyio.sleep(wait_seconds)
    await shop_around(us, random)
