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
