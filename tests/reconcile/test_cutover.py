"""The first hours: what was there before, the plan and its approval, shadow mode, the brake, another shop behind the same name."""

from __future__ import annotations

import io
from pathlib import Path

import anyio
import pytest

from syncd.ledger import stores
from tests.reconcile.world import Store, World, open_world

KINDS = ("bigcommerce", "woocommerce")
WRITES = {"PUT", "POST", "PATCH", "DELETE"}


async def old_orders(store: Store) -> dict[str, str]:
    """One order of each kind from before the cutover: 1 unit of A paid, 2 unpaid, 4 completed, 8 cancelled."""
    made = {}
    for name, units, paid in (("paid", 1, True), ("unpaid", 2, False), ("completed", 4, True), ("cancelled", 8, True)):
        order = await store.buy({"A": units}, paid=paid)
        assert order
        made[name] = order["order"]
    await store.act(made["completed"], "complete")
    await store.act(made["cancelled"], "cancel")
    return made


async def writes_of(store: Store) -> list[dict[str, object]]:
    """Requests that would change something."""
    return [entry for entry in await store.call("GET", "/requests") if entry["method"] in WRITES]


def has(world: World, event: str) -> bool:
    return any(entry["event"] == event for entry in world.events())


@pytest.mark.parametrize("kind", KINDS)
async def test_orders_that_the_erp_has_counted_move_stock_only_by_what_happens_to_them_later(
    tmp_path: Path, kind: str
) -> None:
    async with open_world(tmp_path) as world:
        one = await world.serve("one", kind, stock={"A": 100})
        made = await old_orders(one)
        unpaid = 2 if kind == "bigcommerce" else 0  # WooCommerce takes nothing before it is paid
        world.open_stock({"A": 100 - 5 - unpaid})
        await anyio.sleep(5.0)
        world.configure()
        async with world.daemon():
            await world.started()
            await world.settled({"A": 95 - unpaid})
            await anyio.sleep(30.0)
            await world.settled({"A": 95 - unpaid})
            await one.act(made["unpaid"], "pay")
            await world.settled({"A": 93})
            await one.act(made["paid"], "cancel")
            await world.settled({"A": 94})
            await one.buy({"A": 1})
            await world.settled({"A": 93})
            assert not has(world, "order.quarantined")


@pytest.mark.parametrize("kind", KINDS)
async def test_open_orders_that_the_erp_has_not_counted_are_posted_and_finished_ones_are_not(
    tmp_path: Path, kind: str
) -> None:
    async with open_world(tmp_path) as world:
        one = await world.serve("one", kind, stock={"A": 100})
        made = await old_orders(one)
        unpaid = 2 if kind == "bigcommerce" else 0
        world.open_stock({"A": 96})  # the completed one has left the house
        await anyio.sleep(5.0)
        world.configure(baseline="not_counted")
        async with world.daemon():
            await world.started()
            await world.settled({"A": 95 - unpaid})
            await one.act(made["paid"], "cancel")
            await world.settled({"A": 96 - unpaid})


async def test_asked_for_by_key_the_erp_says_what_it_has_counted_of_the_old_orders(tmp_path: Path) -> None:
    """The ledger was lost, the ERP was not: what syncd had posted is not posted again."""
    async with open_world(tmp_path) as world:
        for name, kind in zip(("one", "two"), KINDS, strict=True):
            await world.serve(name, kind, stock={"A": 50, "B": 50})
        await world.serve_erp()
        world.open_stock({"A": 50, "B": 50})
        world.configure()
        one, two = world.stores.values()
        async with world.daemon():
            await world.started()
            first = await one.buy({"A": 3})
            await two.buy({"A": 2, "B": 1})
            assert first
            await world.settled({"A": 45, "B": 49})
            line = first["lines"][0]["line"]
            await one.act(first["order"], "edit", {"lines": [{"line": line, "quantity": 5}]})
            await world.settled({"A": 43, "B": 49})
        for file in (tmp_path / "state").glob("ledger.sqlite3*"):
            file.unlink()
        await one.buy({"B": 4})  # while nobody looked
        await anyio.sleep(5.0)
        world.log = io.StringIO()
        world.configure(baseline="ask_erp")
        async with world.daemon():
            await world.started()
            await world.settled({"A": 43, "B": 45})


@pytest.mark.parametrize("kind", KINDS)
async def test_an_interrupted_baseline_goes_on_and_counts_everything_once(tmp_path: Path, kind: str) -> None:
    async with open_world(tmp_path) as world:
        one = await world.serve("one", kind, stock={"A": 1000})
        for n in range(230):
            await one.buy({"A": 1})
            if n % 50 == 0:
                await anyio.sleep(3.0)
        world.open_stock({"A": 1000})
        await anyio.sleep(5.0)
        world.configure(baseline="not_counted")
        await one.call("PUT", "/faults", {"latency_seconds": [2.0, 2.0]})
        for _ in range(4):
            async with world.daemon(crash=True):
                await anyio.sleep(9.0)
                assert not await writes_of(one), "written before the baseline was complete"
                await one.buy({"A": 1})
        await one.call("DELETE", "/faults")
        async with world.daemon():
            await world.started()
            await world.settled({"A": 1000 - 234})


async def test_a_shop_that_is_added_later_has_a_cutover_of_its_own(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        one = await world.serve("one", "bigcommerce", stock={"A": 20})
        world.open_stock({"A": 20})
        world.configure()
        async with world.daemon():
            await world.started()
            await one.buy({"A": 3})
            await world.settled({"A": 17})
        two = await world.serve("two", "woocommerce", stock={"A": 40})
        await two.buy({"A": 10})  # counted long ago by whoever did before
        await anyio.sleep(5.0)
        world.configure()
        async with world.daemon():
            await world.started()
            await world.settled({"A": 17})
            await two.buy({"A": 2})
            await world.settled({"A": 15})


async def test_shadow_mode_computes_everything_and_writes_nothing_until_it_goes_live(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        for name, kind in zip(("one", "two"), KINDS, strict=True):
            await world.serve(name, kind, stock={"A": 20})
        erp = await world.serve_erp()
        world.open_stock({"A": 30})
        world.configure('mode = "shadow"')
        one, two = world.stores.values()
        async with world.daemon():
            await world.started()
            order = await one.buy({"A": 3})
            await two.buy({"A": 2})
            assert order
            await world.until(lambda: "no orders" if not has(world, "order.applied") else "")
            await anyio.sleep(60.0)
            assert not await writes_of(one)
            assert not await writes_of(two)
            assert not erp.book.posts
            assert world.erp_levels() == {"A": 30}
        world.adjust("A", -5)  # the old process has counted them
        world.configure('mode = "live"')
        async with world.daemon():
            await world.settled({"A": 25})
            assert not erp.book.posts
            await one.act(order["order"], "cancel")
            await two.buy({"A": 1})
            await world.settled({"A": 27})


async def test_before_its_first_plan_is_approved_a_shop_is_not_written_to(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        for name, kind in zip(("one", "two"), KINDS, strict=True):
            await world.serve(name, kind, stock={"A": 20})
        world.open_stock({"A": 18})
        world.configure(approve="manual")
        one, two = world.stores.values()
        async with world.daemon() as app:
            await world.started()
            await one.buy({"A": 1})
            await world.until(lambda: "no plan" if not has(world, "store.plan_ready") else "")
            await anyio.sleep(30.0)
            assert world.erp_levels() == {"A": 17}, "orders count in the ERP all the same"
            assert not await writes_of(one)
            assert not await writes_of(two)
            await approve(world, "one")
            await anyio.sleep(40.0)
            assert (await one.levels())["A"] == 17
            assert not await writes_of(two)
            await approve(world, "two")
            await world.settled({"A": 17})
            del app


async def approve(world: World, store: str) -> None:
    """As `syncd approve` does."""
    now = world.clock.now()
    await world.ledger.run(lambda connection: stores.change_store(connection, "acme", store, approved=now))


async def test_when_most_of_the_stock_would_fall_to_nothing_somebody_must_look_first(tmp_path: Path) -> None:
    skus = {f"S{n}": 10 for n in range(40)}
    async with open_world(tmp_path) as world:
        for name, kind in zip(("one", "two"), KINDS, strict=True):
            await world.serve(name, kind, stock=skus)
        await world.serve_erp()
        world.open_stock(skus)
        world.configure()
        one, two = world.stores.values()
        async with world.daemon():
            await world.started()
            await one.buy({"S1": 1})
            await world.settled(skus | {"S1": 9})
            for sku in list(skus)[10:]:
                world.adjust(sku, -10)
            await world.until(
                lambda: (
                    ""
                    if {e["store"] for e in world.events() if e["event"] == "store.brake"} == {"one", "two"}
                    else "no brake"
                )
            )
            await anyio.sleep(60.0)
            for store in (one, two):
                assert all(level >= 9 for level in (await store.levels()).values())


async def test_another_shop_behind_the_same_configuration_is_refused(tmp_path: Path) -> None:
    """WooCommerce: a BigCommerce shop is named by its path, another one knows neither path nor token."""
    async with open_world(tmp_path) as world:
        await world.serve("one", "woocommerce", stock={"A": 20})
        world.open_stock({"A": 15})
        world.configure()
        async with world.daemon():
            await world.started()
            await world.settled({"A": 15})
        other = await world.serve("one", "woocommerce", stock={"A": 99})
        world.configure()
        async with world.daemon():
            await world.until(lambda: "no mismatch" if not has(world, "store.identity_mismatch") else "")
            await other.buy({"A": 1})
            await anyio.sleep(60.0)
            assert not await writes_of(other)
            assert world.erp_levels() == {"A": 15}
