"""What BigCommerce leaves open about writes that it refuses or drops: levels come right, and the ERP is never told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reconcile.world import World, open_world


def read_rarely(world: World) -> None:
    """No reading in turn comes to the rescue."""
    path = world.folder / "config" / "tenants" / "acme.toml"
    path.write_text(path.read_text().replace("read_items_every_seconds = 10", "read_items_every_seconds = 50000"))


def drifts(world: World) -> list[str]:
    return [event["item"] for event in world.events() if event["event"] == "drift.found"]


@pytest.mark.parametrize("together", [True, False])
async def test_a_lowering_that_the_shop_accepts_and_drops_is_made_up_for_as_soon_as_the_sale_is_read(
    tmp_path: Path, together: bool
) -> None:
    """10 in the shop; the ERP loses 7 of them while somebody buys 6: -7 doesn't fit any more when it is applied."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 10, "B": 5})
        shop.shop.settings.switches.contention_fails_both = together
        world.open_stock({"A": 10, "B": 5})
        world.configure(poll_seconds=20.0)
        read_rarely(world)
        async with world.daemon():
            await world.started()
            await world.settled({"A": 10, "B": 5})
            await world.clock.sleep(60.0)
            shop.shop.faults.change({"apply_delay_seconds": [4.0, 4.0]})
            world.adjust("A", -7)
            counter = shop.shop.counter("A")
            await world.until(lambda: "" if counter.in_flight else "not sent yet")
            assert await shop.buy({"A": 6})
            await world.settled({"A": -3, "B": 5})
            await world.clock.sleep(10.0)
            causes = [change.cause for change in counter.changes]
        assert "api relative refused" in causes
        assert counter.level == 0
        assert drifts(world) == []


async def test_a_shop_is_sold_out_though_the_last_units_were_sold_a_moment_ago(tmp_path: Path) -> None:
    """A relative -10 would be refused: three are sold, and nobody has read that order yet."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 10, "B": 5})
        world.open_stock({"A": 10, "B": 5})
        world.configure(poll_seconds=20.0)
        read_rarely(world)
        async with world.daemon():
            await world.started()
            await world.settled({"A": 10, "B": 5})
            await world.clock.sleep(60.0)
            assert await shop.buy({"A": 3})
            world.adjust("A", -10)
            counter = shop.shop.counter("A")
            before = world.clock.now()
            await world.until(lambda: "" if counter.level == 0 else "not sold out yet")
            taken = counter.changes[-1]
            assert taken.cause == "api absolute"
            assert world.clock.now() - before < 10_000_000, "not only when the order was read"
            await world.settled({"A": -3, "B": 5})
        assert drifts(world) == []


@pytest.mark.parametrize("safety", [0, 4])
async def test_selling_out_leaves_the_safety_stock(tmp_path: Path, safety: int) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 10, "B": 5})
        shop.shop.counter("A").safety_stock = safety
        world.open_stock({"A": 6, "B": 5})
        world.configure()
        async with world.daemon():
            await world.started()
            await world.until(lambda: "" if shop.shop.counter("A").available == 6 else "not yet")
            world.adjust("A", -6)
            await world.until(lambda: "" if shop.shop.counter("A").available == 0 else "not yet")
            await world.clock.sleep(30.0)
            assert shop.shop.counter("A").level == safety
            world.adjust("A", 2)
            await world.until(lambda: "" if shop.shop.counter("A").available == 2 else "not yet")
            await world.clock.sleep(30.0)
            assert shop.shop.counter("A").level == safety + 2
        assert drifts(world) == []


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("unset", ["zero", "null"])
@pytest.mark.parametrize("drift", ["erp", "adjust"])
async def test_a_request_with_a_refused_item_comes_right_whether_or_not_the_others_in_it_were_applied(
    tmp_path: Path, drift: str, unset: str, whole: bool
) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 20, "B": 20})
        shop.shop.add_products([{"sku": "NEW", "name": "NEW"}])
        shop.shop.settings.switches.batch_all_or_nothing = whole
        shop.shop.settings.switches.unset_level = unset
        world.open_stock({"A": 15, "B": 24, "NEW": 5})
        world.configure(per_store={"us": f'drift = "{drift}"'})
        async with world.daemon():
            await world.started()
            await world.settled({"A": 15, "B": 24, "NEW": 5})
            await world.clock.sleep(60.0)
            await world.settled({"A": 15, "B": 24, "NEW": 5})
            assert max(change.level or 0 for change in shop.shop.counter("B").changes) == 24
        assert drifts(world) == []


@pytest.mark.parametrize("answer", ["named", "unnamed", "conflict"])
@pytest.mark.parametrize("whole", [True, False])
async def test_a_shortage_comes_right_however_the_shop_answers_it(tmp_path: Path, whole: bool, answer: str) -> None:
    """Three levels fall together; of one of them more was sold a moment ago than leaves room for it."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("us", "bigcommerce", stock={"A": 20, "B": 20, "C": 20})
        shop.shop.settings.switches.batch_all_or_nothing = whole
        shop.shop.settings.switches.shortage_answer = answer
        world.open_stock({"A": 20, "B": 20, "C": 20})
        world.configure(poll_seconds=20.0)
        read_rarely(world)
        async with world.daemon():
            await world.started()
            await world.settled({"A": 20, "B": 20, "C": 20})
            await world.clock.sleep(60.0)
            assert await shop.buy({"B": 18})
            for sku in "ABC":
                world.adjust(sku, -4)
            await world.settled({"A": 16, "B": -2, "C": 16})
            await world.clock.sleep(60.0)
            await world.settled({"A": 16, "B": -2, "C": 16})
        assert drifts(world) == []
