"""The core's scan over the adapter: no order is lost, whatever moves while it reads."""

from __future__ import annotations

import pytest

from syncd.core import scan
from syncd.core.order import Order
from syncd.core.quantity import Instant
from syncd.ports.store import ScanRequest
from tests.simulator.woocommerce_shop import START_US
from tests.stores.test_woocommerce_orders import bought, refuse_trash_among_others, stocked
from tests.stores.woocommerce_shop import Front, open_front


async def scanned(front: Front, since: int, *, limit: int = 100) -> dict[str, Order]:
    """The state of each order that was read last."""
    traits = front.orders.traits
    found: dict[str, Order] = {}
    state = scan.begin(Instant(since), grain_us=traits.grain_us, exclude_max=traits.exclude_max)
    for _ in range(200):
        asked = state.request()
        page = await front.orders.changed(ScanRequest(asked.since, asked.exclude, asked.page, limit))
        orders = [order for order in page.orders if isinstance(order, Order)]
        found |= {order.order: order for order in orders}
        rows = [scan.Seen(order.order, order.modified) for order in orders]
        scan.check(rows, asked, traits.grain_us)
        state = scan.after_page(state, rows, full=page.full)
        front.bench.clock.pass_seconds(0.3)
        if state.done:
            return found
    raise AssertionError("the scan never ends")


@pytest.mark.parametrize("apart", [False, True], ids=["one list", "trash apart"])
@pytest.mark.parametrize("apart_seconds", [0.0, 0.02, 1.0])
async def test_all_orders_are_found_while_some_move(monkeypatch: pytest.MonkeyPatch, apart_seconds: float, apart: bool):
    async with open_front() as front:
        if apart:
            refuse_trash_among_others(front, monkeypatch)
        stocked(front, A=5_000)
        numbers = bought(front, 230, apart_seconds=apart_seconds)
        for number in numbers[5::20]:
            front.shop.trash(front.shop.order(int(number)))
        front.shop.faults.shuffled_ties = 1.0
        front.shop.faults.move_order_every = 2
        found = await scanned(front, START_US, limit=50)
        assert set(found) == set(numbers)
        front.shop.faults.move_order_every = 0
        newest = max(order.modified for order in found.values())
        later = await scanned(front, newest)
        truth = await front.orders.by_ids(numbers[:100])
        states = found | later
        assert all(states[order.order] == order for order in truth.orders)


async def test_an_ignored_filter_is_noticed():
    async with open_front() as front:
        stocked(front, A=50)
        bought(front, 5, apart_seconds=10)
        front.shop.faults.ignored_filters = 1.0
        with pytest.raises(scan.FilterIgnored):
            await scanned(front, START_US + 40_000_000)
