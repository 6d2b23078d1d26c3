"""What the shops sell and the ERP counts are not always the same: unknown, ambiguous, kits, twice, renamed, without a product."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from syncd.ledger import quarantine
from tests.reconcile.world import Store, World, open_world

KINDS = ("bigcommerce", "woocommerce")
STOCK = {"A": 20, "B": 20}


@asynccontextmanager
async def selling(folder: Path, kind: str, *, more: str = "", end: str = "") -> AsyncIterator[tuple[World, Store]]:
    """A shop of that kind and a BigCommerce store beside it, not running yet: use `world.daemon()`."""
    async with open_world(folder) as world:
        one = await world.serve("one", kind, stock=STOCK)
        await world.serve("two", "bigcommerce", stock=STOCK)
        world.open_stock(STOCK)
        world.configure(per_store={"one": more}, end=end)
        yield world, one


async def held(world: World) -> list[tuple[str, str]]:
    entries = await world.ledger.read(lambda connection: quarantine.held(connection, "acme"))
    return [(entry.order, entry.reason) for entry in entries]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_line_with_an_unknown_or_empty_sku_is_held_and_the_others_count(tmp_path: Path, kind: str) -> None:
    async with selling(tmp_path, kind) as (world, one):
        await one.stock({"NEW": 9})
        async with world.daemon():
            await world.started()
            order = await one.buy({"A": 2, "NEW": 1})
            await one.buy({"B": 1})
            assert order
            await world.settled({"A": 18, "B": 19})

            async def waits() -> str:
                found = await held(world)
                return "" if len(found) == 1 and found[0][0] == order["order"] and "NEW" in found[0][1] else str(found)

            await world.until(waits)
            assert (await one.levels())["NEW"] == 8, "nothing is written to what the ERP doesn't know"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sku_that_the_erp_knows_a_moment_later_needs_nobody(tmp_path: Path, kind: str) -> None:
    async with selling(tmp_path, kind) as (world, one):
        await one.stock({"NEW": 9})
        async with world.daemon():
            await world.started()
            await one.buy({"NEW": 1})
            await anyio.sleep(4.0)
            world.open_stock({"NEW": 9})
            await world.settled({"A": 20, "B": 20, "NEW": 8})
            assert not await held(world)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kit_takes_its_components_and_shows_how_many_can_be_made(tmp_path: Path, kind: str) -> None:
    kits = "[kits.SET]\nA = 2\nB = 0.5\n"
    async with selling(tmp_path, kind, end=kits) as (world, one):
        await one.stock({"SET": 10})
        async with world.daemon():
            await world.started()
            made = await one.buy({"SET": 2})
            assert made

            async def made_of() -> str:
                shown = (await one.levels())["SET"]
                return "" if shown == 8 and world.erp_levels()["A"] == 16 else f"{shown} {world.erp_levels()}"

            await world.until(made_of)
            await world.settled({"A": 16, "B": 19})
            await world.stores["two"].buy({"A": 7})

            async def fewer() -> str:
                shown = (await one.levels())["SET"]
                return "" if shown == 4 else f"{shown} sets are shown"  # of 9 units of A

            await world.until(fewer)
            await one.act(made["order"], "cancel")
            await world.settled({"A": 13, "B": 20})


@pytest.mark.parametrize("kind", KINDS)
async def test_names_that_differ_are_mapped(tmp_path: Path, kind: str) -> None:
    async with selling(tmp_path, kind, more='[stores.one.skus]\n"A-SHOP" = "A"\n') as (world, one):
        await one.stock({"A-SHOP": 20})
        async with world.daemon():
            await world.started()
            await one.buy({"A-SHOP": 3})
            await world.settled({"A": 17})

            async def both() -> str:
                levels = await one.levels()
                return "" if levels["A-SHOP"] == levels["A"] == 17 else str(levels)

            await world.until(both)
            await one.buy({"A": 4})  # the other listing of the same goods

            async def both_again() -> str:
                levels = await one.levels()
                return "" if levels["A-SHOP"] == levels["A"] == 13 else str(levels)

            await world.until(both_again)
            await world.settled({"A": 13})


@pytest.mark.parametrize("kind", KINDS)
async def test_renaming_a_product_moves_no_old_line(tmp_path: Path, kind: str) -> None:
    async with selling(tmp_path, kind) as (world, one), world.daemon():
        await world.started()
        order = await one.buy({"A": 5})
        assert order
        await world.settled({"A": 15, "B": 20})
        await rename(one, kind, "A", "A2")
        world.open_stock({"A2": 15})
        line = order["lines"][0]["line"]
        await one.act(order["order"], "edit", {"lines": [{"line": line, "quantity": 3}]})

        async def pinned() -> str:
            levels = world.erp_levels()
            return "" if (levels["A"], levels["A2"]) == (17, 15) else str(levels)

        await world.until(pinned)
        await one.act(order["order"], "cancel")
        await anyio.sleep(20.0)
        levels = world.erp_levels()
        assert (levels["A"], levels["A2"]) == (20, 15)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_order_under_a_new_sku_tells_that_its_product_was_renamed(tmp_path: Path, kind: str) -> None:
    async with selling(tmp_path, kind) as (world, one), world.daemon():
        await world.started()
        world.open_stock({"A2": 15})
        catalog = one.shop.catalog
        if kind == "woocommerce":
            catalog.rename(catalog.named("A"), "A2")
        else:
            product, variant = catalog.by_sku["A2"] = catalog.by_sku.pop("A")
            product.sku = variant.sku = one.shop.stockroom.counter(("product", product.id), "A", 1).sku = "A2"
        await one.buy({"A2": 1})

        async def shown() -> str:
            level = (await one.levels())["A2"]
            return "" if level == world.erp_levels()["A2"] == 14 else f"{level} {world.erp_levels()}"

        await world.until(shown)


async def rename(store: Store, kind: str, sku: str, name: str) -> None:
    """The merchant gives a product another SKU; orders show the new one from then on, as the platforms do."""
    if kind == "woocommerce":
        product = store.shop.catalog.by_sku.pop(sku)
        product.sku = name
        store.shop.catalog.by_sku[name] = product
        for order in store.shop.book.orders.values():
            order.rendered.clear()
            for line in order.lines:
                line.sku = name
    else:
        for order in store.shop.book.kept.values():
            for line in order.lines:
                line.sku = name if line.sku == sku else line.sku


async def test_lines_without_a_product_count_nothing(tmp_path: Path) -> None:
    async with selling(tmp_path, "bigcommerce") as (world, one), world.daemon():
        await world.started()
        custom = [{"name": "Engraving", "quantity": 1, "price": "5.00"}]
        made = await one.call("POST", "/orders", {"lines": [{"sku": "A", "quantity": 1}], "custom_lines": custom})
        assert made
        await world.settled({"A": 19, "B": 20})
        assert not await held(world)


async def test_variations_counted_by_their_parent_are_one_counter(tmp_path: Path) -> None:
    """WooCommerce: the parent counts for all its variations. As one SKU of the ERP it agrees; as several it is refused."""
    async with open_world(tmp_path) as world:
        one = await world.serve("one", "woocommerce")
        await world.serve("two", "bigcommerce", stock={"A": 20, "T": 20})
        shirts = [{"sku": "T-S", "stock": None}, {"sku": "T-L", "stock": None}]
        mugs = [{"sku": "M-S", "stock": None}, {"sku": "M-L", "stock": None}]
        products = [
            {"sku": "T", "stock": 20, "variations": shirts},
            {"sku": "M", "stock": 20, "variations": mugs},
            {"sku": "A", "stock": 20},
        ]
        await one.call("POST", "/products", {"products": products})
        world.open_stock({"A": 20, "T": 20, "M-S": 10, "M-L": 10})
        world.configure(per_store={"one": '[stores.one.skus]\n"T-S" = "T"\n"T-L" = "T"\n'})
        async with world.daemon():
            await world.started()
            await one.buy({"T-S": 2, "T-L": 3, "A": 1})
            await one.buy({"M-S": 1})

            async def counted() -> str:
                erp = world.erp_levels()
                shown = await one.levels()
                return "" if erp == {"A": 19, "T": 15, "M-S": 9, "M-L": 10} and shown["T"] == 15 else f"{erp} {shown}"

            await world.until(counted)
            refused = {event["reason"] for event in world.events() if event["event"] == "item.refused"}
            assert any("several ERP SKUs" in reason for reason in refused)
            await world.stores["two"].buy({"T": 5, "A": 1})

            async def shown_too() -> str:
                shown = await one.levels()
                return "" if (shown["T"], shown["A"]) == (10, 18) else str(shown)

            await world.until(shown_too)
