"""A shop whose clock is put right, or wrong, while syncd runs: nothing it sells meanwhile is lost or counted on the wrong side
of a reading. The shop goes back by more than any overlap that a poll reads."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from syncd.reconcile.order_step import STEPS_MAX
from tests.reconcile.world import open_world

HOUR = 3_600.0
LONG_RUN = {"one": "cutover = 2026-05-28T10:00:00Z"}  # it is ten hours ago


@pytest.mark.parametrize("kind", ["bigcommerce", "woocommerce"])
@pytest.mark.parametrize("step_seconds", [-2 * HOUR, -40.0, 2 * HOUR])
async def test_what_a_shop_sells_after_its_clock_was_stepped_is_counted(
    tmp_path: Path, kind: str, step_seconds: float
) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("one", kind, stock={"A": 20})
        await world.serve("two", "bigcommerce", stock={"A": 20})
        world.open_stock({"A": 20})
        world.configure(per_store=LONG_RUN)
        async with world.daemon():
            await world.started()
            await shop.buy({"A": 1})
            await world.settled({"A": 19})
            shop.shop.faults.clock_skew_seconds = step_seconds
            await shop.buy({"A": 2})
            await world.settled({"A": 17})
            shop.shop.faults.clock_skew_seconds = 0.0
            await shop.buy({"A": 3})
            await world.settled({"A": 14})
        assert [event for event in world.events() if event["event"] == "drift.found"] == []


@pytest.mark.parametrize("kind", ["bigcommerce", "woocommerce"])
async def test_a_clock_that_was_put_back_while_syncd_was_away_hides_no_order(tmp_path: Path, kind: str) -> None:
    async with open_world(tmp_path) as world:
        shop = await world.serve("one", kind, stock={"A": 20})
        world.open_stock({"A": 20})
        shop.shop.faults.clock_skew_seconds = 2 * HOUR
        world.configure(per_store=LONG_RUN)
        async with world.daemon():
            await world.started()
            await shop.buy({"A": 1})
            await world.settled({"A": 19})
        shop.shop.faults.clock_skew_seconds = 0.0
        await shop.buy({"A": 2})
        async with world.daemon():
            await world.settled({"A": 17})


async def test_a_shop_whose_servers_tell_different_times_is_read_all_the_same(tmp_path: Path) -> None:
    """Each answer seems to be of a clock that was stepped: its scan begins again once, not for ever."""
    async with open_world(tmp_path) as world:
        shop = await world.serve("one", "woocommerce", stock={"A": 20})
        world.open_stock({"A": 20})
        world.configure(per_store=LONG_RUN)
        servers, plain = cycle((0, 20_000_000)), shop.shop.now
        async with world.daemon():
            await world.started()
            shop.shop.now = lambda: plain() + next(servers)
            for n in range(1, 4):
                await shop.buy({"A": 1})
                await world.settled({"A": 20 - n})
            await world.clock.sleep(60.0)  # twenty polls
            asked = await world.asked(shop)
        measured = sum("/settings/products/woocommerce_manage_stock" in line for line in asked)
        assert measured <= 1 + STEPS_MAX, "at the start, and some times; not at each poll"
        assert not {"bug.found", "store.failed"} & {event["event"] for event in world.events()}
