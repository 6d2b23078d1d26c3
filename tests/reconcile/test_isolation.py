"""What goes wrong with one tenant or one store stays there."""

from __future__ import annotations

from pathlib import Path

from syncd.engine.supervisor import DRAIN_SECONDS
from tests.reconcile.world import open_world


async def test_a_tenant_whose_stock_book_cant_be_opened_keeps_no_other_from_running(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        tenants = tmp_path / "config" / "tenants"
        text = (tenants / "acme.toml").read_text()
        (tenants / "bad.toml").write_text(text.replace(world.stores["woo"].url, "http://127.0.0.1:9"))
        (tmp_path / "state" / "erp" / "bad.sqlite3").mkdir(parents=True)
        async with world.daemon() as app:
            assert list(app.tenants) == ["acme"]
            failed = [event for event in world.events() if event["event"] == "tenant.failed"]
            assert [event["tenant"] for event in failed] == ["bad"]
            await world.started()


async def test_a_store_that_waits_for_a_person_is_neither_in_a_step_nor_stuck(tmp_path: Path) -> None:
    """Else a stop would wait for it until its bound, or the service manager would end the daemon and all its stores."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon() as app:
            await world.started()
            shop.shop.settings.consumer_secret = "another"
            (reconciler,) = app.tenants["acme"].reconcilers
            await world.until(lambda: "401" not in reconciler.trouble, "the key is still taken:")
            await world.clock.sleep(DRAIN_SECONDS)
            await world.until(app.supervisor.busy)
            await world.clock.sleep(130.0)
            assert not app.supervisor.stuck(120.0)


async def test_after_a_start_nothing_is_raised_before_every_store_was_asked_for_its_sales(tmp_path: Path) -> None:
    """Goods came in while the daemon was away, and another shop has sold them: it is slow to say so."""
    async with open_world(tmp_path) as world:
        one = await world.serve("one", "bigcommerce", stock={"A": 10})
        two = await world.serve("two", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon():
            await world.started()
            await world.settled({"A": 10})
        await two.call("POST", "/stock", {"sku": "A", "quantity": 16})
        await two.buy({"A": 6})
        world.adjust("A", 6)
        two.shop.faults.latency_seconds = (3.0, 3.0)
        before = len(world.events())
        async with world.daemon():
            await world.started()
            await world.settled({"A": 10})
        written = [e for e in world.events()[before:] if e["event"] == "level.written" and e["store"] == "one"]
        assert not [e["why"] for e in written if e["target"] != "10"], await one.levels()


async def test_a_store_that_cant_be_read_keeps_no_other_from_being_raised(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        one = await world.serve("one", "bigcommerce", stock={"A": 10})
        two = await world.serve("two", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon():
            await world.started()
            await world.settled({"A": 10})
        world.adjust("A", 6)
        two.shop.faults.error_500 = 1.0
        async with world.daemon():

            async def low() -> bool:
                return (await one.levels())["A"] != 16

            await world.until(low, "the shop that can be read is not raised:")
