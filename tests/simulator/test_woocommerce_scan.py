"""Reading the orders while they change: which way of paging loses rows, and which was measured to be complete."""

from __future__ import annotations

import pytest

from tests.simulator.woocommerce_shop import open_bench

ORDERS = 400
PAGE = 100


@pytest.fixture
async def bench():
    async with open_bench() as running:
        running.shop.add_product("A", stock=10_000)
        for _ in range(ORDERS):
            running.shop.checkout([("A", 1)])
        yield running


async def by_offset(bench):
    """page=1, 2, 3, ... sorted by date_modified."""
    seen: list[int] = []
    for page in range(1, 100):
        reply = await bench.get("/orders", orderby="modified", order="asc", per_page=PAGE, page=page, _fields="id")
        if not reply.body:
            break
        seen += [row["id"] for row in reply.body]
    return seen


async def by_exclusion(bench):
    """Always page 1, from one second before the last stamp seen, without the orders already seen in that second."""
    seen: dict[int, str] = {}
    last = "2026-11-23T00:00:00"
    for calls in range(1, 100):
        at_last = [str(number) for number, stamp in seen.items() if stamp == last]
        bound = f"{last[:-2]}{int(last[-2:]) - 1:02d}" if seen else last
        reply = await bench.get(
            "/orders",
            modified_after=bound,
            dates_are_gmt="true",
            orderby="modified",
            order="asc",
            per_page=PAGE,
            exclude=",".join(at_last),
            _fields="id,date_modified_gmt",
        )
        if not reply.body:
            return seen, calls
        seen |= {row["id"]: row["date_modified_gmt"] for row in reply.body}
        last = reply.body[-1]["date_modified_gmt"]
    raise AssertionError("the scan does not end")


async def test_offset_paging_loses_rows_among_equal_stamps(bench):
    assert len(set(await by_offset(bench))) == ORDERS
    bench.shop.faults.shuffled_ties = 1.0
    seen = await by_offset(bench)
    assert len(seen) == ORDERS
    assert len(set(seen)) < ORDERS


async def test_page_one_with_exclusion_is_complete_among_equal_stamps(bench):
    bench.shop.faults.shuffled_ties = 1.0
    seen, calls = await by_exclusion(bench)
    assert (len(seen), calls) == (ORDERS, ORDERS // PAGE + 1)


async def test_offset_paging_skips_an_order_when_another_goes_to_the_trash(bench):
    first = await bench.get("/orders", orderby="id", order="asc", per_page=PAGE, page=1)
    bench.shop.trash(bench.shop.order(first.body[0]["id"]))
    second = await bench.get("/orders", orderby="id", order="asc", per_page=PAGE, page=2)
    assert second.body[0]["id"] == first.body[-1]["id"] + 2


async def test_page_one_with_exclusion_is_complete_while_orders_move(bench):
    bench.shop.faults.change({"shuffled_ties": 1.0, "move_order_every": 1})
    bench.clock.pass_seconds(3)
    seen, _ = await by_exclusion(bench)
    assert set(seen) == set(bench.shop.book.orders)


async def test_a_page_of_the_body_cache_follows_each_change(bench):
    order = next(iter(bench.shop.book.orders.values()))
    before = (await bench.get("/orders", include=str(order.id))).body[0]
    assert before == (await bench.get("/orders", include=str(order.id))).body[0]
    bench.clock.pass_seconds(1)
    bench.shop.complete(order)
    after = (await bench.get("/orders", include=str(order.id))).body[0]
    assert (before["status"], after["status"]) == ("processing", "completed")
    assert after["date_modified_gmt"] > before["date_modified_gmt"]
