"""A line whose SKU the ERP doesn't know: the other lines go on at once, the ERP is asked again, then a person is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syncd.core.quantity import units
from tests.reconcile.world import World, open_world


def quarantined(world: World) -> list[dict[str, Any]]:
    """What was held so far."""
    return [event for event in world.events() if event["event"] == "order.quarantined"]


async def test_the_other_lines_of_the_order_go_on_and_the_unknown_one_is_quarantined_after_a_while(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10, "NEW": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon():
            await world.until(lambda: not any(e["event"] == "store.baseline_done" for e in world.events()))
            await shop.buy({"A": 2, "NEW": 1})
            await world.until(lambda: world.erp_levels() != {"A": 8}, "the known line is not counted:")
            assert not quarantined(world)
            await world.until(lambda: not quarantined(world), "the unknown line is not held:")
            assert "NEW" in quarantined(world)[0]["reason"]
            assert world.erp_levels() == {"A": 8}
            assert await world.alerted() == [("quarantine.grew", "woo", '{"entries":1}')]
        grown = [(event["store"], event["entries"]) for event in world.events() if event["event"] == "quarantine.grew"]
        assert grown == [("woo", 1)]


async def test_a_sku_that_the_erp_gets_in_time_is_counted_without_anybody(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10, "NEW": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon():
            await world.until(lambda: not any(e["event"] == "store.baseline_done" for e in world.events()))
            await shop.buy({"A": 2, "NEW": 1})
            await world.until(lambda: world.erp_levels() != {"A": 8}, "the known line is not counted:")
            book = world.book()
            book.add("NEW", location="main")
            book.adjust("NEW", "main", units(10), "opening")
            book.close()
            await world.settled({"A": 8, "NEW": 9})
            assert not quarantined(world)


async def test_an_unknown_sku_of_an_order_that_later_polls_dont_read_again_is_held_all_the_same(tmp_path: Path) -> None:
    """After a night without the daemon the cursor jumps past the order at once."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10, "NEW": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon():
            await world.until(lambda: not any(e["event"] == "store.baseline_done" for e in world.events()))
        await shop.buy({"A": 2, "NEW": 1})
        await world.clock.sleep(2 * 3_600.0)
        await shop.buy({"A": 1})
        async with world.daemon():
            await world.until(lambda: world.erp_levels() != {"A": 7}, "the known lines are not counted:")
            await world.until(lambda: not quarantined(world), "the unknown line is not held:")


async def test_while_a_sku_is_asked_for_the_other_lines_are_counted_once(tmp_path: Path) -> None:
    """Each look at the waiting order would else seem to be another change of its other lines, and belief would widen with each:
    the shop was put lower and lower."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("woo", "woocommerce", stock={"A": 10, "NEW": 10})
        await world.serve("other", "woocommerce", stock={"A": 10})
        world.open_stock({"A": 10})
        world.configure()
        async with world.daemon():
            await world.started()
            await shop.buy({"A": 2, "NEW": 1})
            await world.until(lambda: world.erp_levels() != {"A": 8}, "the known line is not counted:")
            await world.clock.sleep(30.0)  # it is asked for every two seconds
            assert not quarantined(world)
            applied = [event for event in world.events() if event["event"] == "order.applied"]
            await world.stores["other"].buy({"A": 1})
            await world.settled({"A": 7})
    assert len(applied) == 1
