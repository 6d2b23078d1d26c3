"""A write needs a reason, and what it waits for goes on meanwhile."""

from __future__ import annotations

from pathlib import Path

from tests.reconcile.world import open_world

POLL_SECONDS = 30.0


async def test_a_shop_that_shows_its_target_is_not_written_to_while_the_book_cant_explain_it(tmp_path: Path) -> None:
    """A hand has typed the number that the ERP shows soon after: belief differs until the orders are read past that."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure(poll_seconds=POLL_SECONDS)
        async with world.daemon():
            await world.started()
            await shop.buy({"A": 1})
            await world.settled({"A": 9})
            await shop.call("POST", "/stock", {"sku": "A", "quantity": 14})
            world.adjust("A", 5)
            before = len(world.events())
            await world.clock.sleep(4 * POLL_SECONDS)
            assert await world.disagreement() == ""
            written = [event for event in world.events()[before:] if event["event"] == "level.written"]
    assert written == []


async def test_a_shop_that_is_slow_to_take_levels_is_still_asked_for_its_orders(tmp_path: Path) -> None:
    """Each write is due again before the one before it has been answered; the orders come first."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 90})
        world.open_stock({"A": 90})
        world.configure(poll_seconds=POLL_SECONDS)
        async with world.daemon() as app:
            await world.started()
            shop.shop.faults.latency_seconds = (4.0, 4.5)
            (reconciler,) = app.tenants["acme"].reconcilers
            for _ in range(80):
                world.adjust("A", -1)  # another level each time
                await world.clock.sleep(4.0)
                behind = (world.clock.now() - reconciler.context.drained) / 1_000_000
                assert behind < 5 * POLL_SECONDS
            shop.shop.faults.latency_seconds = (0.0, 0.0)
            await world.settled({"A": 10})
