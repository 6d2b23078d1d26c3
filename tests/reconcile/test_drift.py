"""What a merchant's hand on a shop's counter comes to, by the store's `drift` setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.reconcile.world import World, open_world

pytestmark = pytest.mark.parametrize("kind", ["bigcommerce", "woocommerce"])


async def run_with(world: World, kind: str, policy: str) -> Any:
    """Two shops; the first has the drift policy."""
    for name, what in (("one", kind), ("two", "bigcommerce")):
        store = await world.serve(name, what)
        await store.stock({"A": 10})
        if what == "bigcommerce":
            store.shop.faults.change({"apply_delay_seconds": [0.0, 0.1]})
    world.open_stock({"A": 10})
    world.configure(per_store={"one": f'drift = "{policy}"'})
    return world.stores["one"]


async def test_the_erp_wins_by_default_and_the_shop_is_corrected(tmp_path: Path, kind: str) -> None:
    async with open_world(tmp_path) as world:
        one = await run_with(world, kind, "erp")
        async with world.daemon():
            await world.until(lambda: not any(e["event"] == "store.baseline_done" for e in world.events()))
            await one.buy({"A": 1})  # the first agreement of both shows that readings are usable
            await world.settled({"A": 9})
            await one.call("POST", "/stock", {"sku": "A", "quantity": 4})
            await world.until(lambda: not any(e["event"] == "drift.found" for e in world.events()), "no drift:")
            await world.settled({"A": 9})


async def test_an_edit_in_the_shop_is_booked_in_the_erp_when_so_configured(tmp_path: Path, kind: str) -> None:
    async with open_world(tmp_path) as world:
        one = await run_with(world, kind, "adjust")
        async with world.daemon():
            await one.buy({"A": 1})
            await world.settled({"A": 9})
            await one.call("POST", "/stock", {"sku": "A", "quantity": 4})
            await world.settled({"A": 4})
            await one.call("POST", "/stock", {"sku": "A", "quantity": 6})
            await world.settled({"A": 6})


async def test_a_reported_drift_leaves_the_shop_and_the_erp_as_they_are(tmp_path: Path, kind: str) -> None:
    async with open_world(tmp_path) as world:
        one = await run_with(world, kind, "report")
        async with world.daemon():
            await one.buy({"A": 1})
            await world.settled({"A": 9})
            await one.call("POST", "/stock", {"sku": "A", "quantity": 4})
            await world.until(lambda: not any(e["event"] == "drift.found" for e in world.events()), "no drift:")
            await world.stores["two"].buy({"A": 1})

            async def kept_off() -> bool:
                return (await one.levels())["A"] != 3 or world.erp_levels()["A"] != 8

            await world.until(kept_off, "the offset is not kept:")
            assert await world.alerted() == [("drift.unexplained", "one", '{"items":1}')]
        (told,) = [event for event in world.events() if event["event"] == "drift.unexplained"]
        assert (told["store"], told["items"]) == ("one", 1)


async def test_what_a_hand_has_added_is_not_kept_by_the_next_write(tmp_path: Path, kind: str) -> None:
    """A number that is put follows what the shop shows at that moment downwards, for sales that nobody has read yet: not up."""
    if kind == "bigcommerce":
        pytest.skip("it adds, and reads nothing before")
    async with open_world(tmp_path) as world:
        one = await run_with(world, kind, "erp")
        async with world.daemon():
            await one.buy({"A": 1})
            await world.settled({"A": 9})
            await one.call("POST", "/stock", {"sku": "A", "quantity": 14})
            await world.stores["two"].buy({"A": 1})
            await world.settled({"A": 8})
    puts = [e["why"] for e in world.events() if e["event"] == "level.written" and e["store"] == "one"]
    assert any("put 8:" in why for why in puts)
    assert not any("put 13:" in why for why in puts)
