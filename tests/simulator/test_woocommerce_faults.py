"""Each dial: what happens with it, and that the shop's truth is what the dial says it is."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
import pytest

from syncd.simulator.woocommerce import Faults
from tests.simulator.woocommerce_shop import open_bench


@pytest.fixture
async def bench():
    async with open_bench() as running:
        running.shop.add_product("A", stock=100)
        running.clock.pass_seconds(30)
        yield running


@pytest.fixture
def waits(monkeypatch):
    """What the server slept, without sleeping it."""
    slept: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds, result=None):
        slept.append(seconds)
        await real(0)
        return result

    monkeypatch.setattr("syncd.simulator.woocommerce.server.asyncio.sleep", sleep)
    return slept


def put_stock(bench, level=5):
    return bench.put(f"/products/{bench.shop.catalog.by_sku['A'].id}", {"stock_quantity": level})


async def test_all_dials_are_off_at_first_and_after_clear():
    faults = Faults()
    faults.change({"error_503": 0.5, "latency_seconds": [0.1, 0.2], "lost_answer_by": "hang"})
    assert (faults.error_503, faults.latency_seconds) == (0.5, (0.1, 0.2))
    faults.clear()
    assert faults == Faults()
    for wrong in ({"error_999": 1}, {"error_503": "often"}):
        with pytest.raises(msgspec.ValidationError):
            faults.change(wrong)


async def test_latency_lies_around_the_effect_and_slow_adds_to_it(bench, waits):
    bench.shop.faults.latency_seconds = (1.0, 2.0)
    await bench.get("/orders")
    assert 1.0 <= sum(waits) <= 2.0
    assert all(wait > 0 for wait in waits)
    waits.clear()
    bench.shop.faults.change({"latency_seconds": [0, 0], "slow": 1.0, "slow_seconds": 9})
    await bench.get("/orders")
    assert sum(waits) == 9


@pytest.mark.parametrize(
    ("dial", "status", "kind"),
    [
        ("too_many_bare", 429, "text/html"),
        ("too_many_retry_after", 429, "text/html"),
        ("error_500", 500, "application/json"),
        ("error_502", 502, "text/html"),
        ("error_503", 503, "text/html"),
        ("error_504", 504, "text/html"),
        ("html_200", 200, "text/html"),
        ("html_503", 503, "text/html"),
    ],
)
async def test_an_answer_of_the_host_means_that_nothing_happened(bench, dial, status, kind):
    bench.shop.faults.change({dial: 1.0, "retry_after_seconds": 7})
    answer = await put_stock(bench)
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (status, kind)
    assert answer.headers.get("retry-after") == ("7" if dial == "too_many_retry_after" else None)
    assert bench.level("A") == 100
    bench.shop.faults.clear()
    assert (await put_stock(bench)).status == 200


async def test_a_reset_comes_before_the_effect(bench):
    bench.shop.faults.reset = 1.0
    with pytest.raises(aiohttp.ClientError):
        await put_stock(bench)
    assert bench.level("A") == 100
    assert bench.shop.requests[-1].status == 0


async def test_a_php_notice_stands_before_the_json(bench):
    bench.shop.faults.php_notice = 1.0
    answer = await put_stock(bench)
    assert answer.raw.startswith(b"<br />")
    with pytest.raises(msgspec.DecodeError):
        _ = answer.body
    assert bench.level("A") == 5


async def test_a_truncated_answer_had_its_effect(bench):
    bench.shop.faults.truncated = 1.0
    with pytest.raises(aiohttp.ClientPayloadError):
        await put_stock(bench)
    assert bench.level("A") == 5


@pytest.mark.parametrize(("how", "status"), [("504", 504), ("500", 500)])
async def test_a_lost_answer_hides_a_write_that_took_place(bench, how, status):
    bench.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": how})
    assert (await put_stock(bench)).status == status
    assert bench.level("A") == 5
    assert (await bench.get("/orders")).status == 200


@pytest.mark.parametrize("how", ["hang", "reset"])
async def test_a_write_may_end_in_silence(bench, waits, how):
    bench.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": how, "hang_seconds": 77})
    with pytest.raises(aiohttp.ClientError):
        await put_stock(bench)
    assert bench.level("A") == 5
    assert (77 in waits) is (how == "hang")


async def test_an_ignored_filter_returns_everything(bench):
    order = bench.shop.checkout([("A", 1)])
    query = {"modified_after": "2030-01-01T00:00:00", "exclude": str(order.id)}
    assert (await bench.get("/orders", **query)).body == []
    bench.shop.faults.ignored_filters = 1.0
    assert [row["id"] for row in (await bench.get("/orders", **query)).body] == [order.id]
    assert len((await bench.get("/products", modified_after="2030-01-01T00:00:00")).body) == 1


async def test_stale_reads_show_orders_and_levels_as_they_were(bench):
    bench.shop.faults.stale_seconds = 10
    first = bench.shop.checkout([("A", 1)])
    bench.clock.pass_seconds(20)
    second = bench.shop.checkout([("A", 2)])
    bench.shop.complete(first)

    async def seen():
        rows = {row["id"]: row["status"] for row in (await bench.get("/orders")).body}
        return rows, (await bench.get("/products", sku="A")).body[0]["stock_quantity"]

    assert await seen() == ({first.id: "processing"}, 99)
    assert (await bench.get(f"/orders/{second.id}")).status == 404
    bench.shop.delete(second)
    bench.clock.pass_seconds(5)
    assert (await bench.get("/orders", modified_after="2026-11-23T10:58:45")).body == []
    bench.clock.pass_seconds(6)
    assert await seen() == ({first.id: "completed"}, 97)
    bench.shop.faults.stale_seconds = 0
    assert await seen() == ({first.id: "completed"}, 97)


async def test_new_orders_may_be_seen_torn_and_their_stock_comes_last(bench):
    bench.shop.add_product("B", stock=100)
    bench.shop.faults.change({"torn_orders": 1.0, "torn_seconds": [0.8, 0.8]})
    order = bench.shop.checkout([("A", 1), ("B", 2)])
    assert [line["sku"] for line in bench.shop.truth()["orders"][0]["lines"]] == ["A", "B"]
    seen = []
    for _ in range(17):
        row = (await bench.get(f"/orders/{order.id}")).body
        reduced = sum(1 for line in row["line_items"] if line["meta_data"])
        seen.append((row["status"], row["total"], len(row["line_items"]), reduced))
        bench.clock.pass_seconds(0.05)
    assert list(dict.fromkeys(seen)) == [
        ("pending", "0.00", 0, 0),
        ("pending", "0.00", 1, 0),
        ("pending", "0.00", 2, 0),
        ("processing", "30.00", 2, 0),
        ("processing", "30.00", 2, 1),
        ("processing", "30.00", 2, 2),
    ]
    assert (bench.level("A"), bench.level("B")) == (99, 98)
    bench.shop.cancel(order)
    assert (bench.level("A"), bench.level("B")) == (100, 100)


async def test_a_stale_read_of_a_torn_order_shows_an_earlier_unfinished_state(bench):
    bench.shop.faults.change({"torn_orders": 1.0, "torn_seconds": [4, 4], "stale_seconds": 2})
    order = bench.shop.checkout([("A", 1)])  # steps after 1, 2, 3 and 4 seconds
    bench.clock.pass_seconds(1.5)
    assert (await bench.get("/orders")).body == []
    bench.clock.pass_seconds(1.6)
    row = (await bench.get("/orders")).body[0]
    assert (row["id"], row["status"], len(row["line_items"])) == (order.id, "pending", 1)


async def test_an_action_finishes_a_torn_order_first_and_a_post_waits_for_it(bench):
    bench.shop.faults.change({"torn_orders": 1.0, "torn_seconds": [0.01, 0.01]})
    order = bench.shop.checkout([("A", 1)])
    bench.shop.complete(order)
    assert (order.status, bench.level("A"), order.total_ready) == ("completed", 99, True)
    made = await bench.post("/orders", {"status": "processing", "line_items": [{"sku": "A", "quantity": 2}]})
    assert (made.body["status"], len(made.body["line_items"]), bench.level("A")) == ("processing", 1, 97)


async def test_equal_stamps_come_in_any_order_with_the_dial(bench):
    numbers = [bench.shop.checkout([("A", 1)]).id for _ in range(20)]

    async def listed(orderby):
        page = await bench.get("/orders", orderby=orderby, order="asc", per_page=100, _fields="id")
        return [row["id"] for row in page.body]

    assert await listed("modified") == numbers
    bench.shop.faults.shuffled_ties = 1.0
    first, second = await listed("modified"), await listed("modified")
    assert sorted(first) == sorted(second) == numbers
    assert first != second
    assert await listed("date") == await listed("id") == numbers


async def test_orders_move_between_pages_with_the_dial(bench):
    orders = [bench.shop.checkout([("A", 1)]) for _ in range(5)]
    bench.shop.faults.move_order_every = 2
    bench.clock.pass_seconds(10)
    moved = []
    for _ in range(4):
        await bench.get("/orders")
        moved.append(sum(order.modified_us == bench.clock.now() for order in orders))
    assert moved[0] == 0
    assert moved[1] == moved[2] == 1
    assert moved[3] >= 1


async def test_silent_edits_leave_the_stamp_and_change_the_order(bench):
    order = bench.shop.checkout([("A", 1)])
    before = order.modified_us
    bench.shop.faults.silent_edits = 1.0
    bench.clock.pass_seconds(10)
    bench.shop.edit(order, {order.lines[0].id: 3})
    await bench.put(f"/orders/{order.id}", {"line_items": [{"id": order.lines[0].id, "quantity": 4}]})
    assert (order.modified_us, order.lines[0].quantity, bench.level("A")) == (before, 4, 96)
    assert (await bench.get("/orders")).body[0]["line_items"][0]["quantity"] == 4
    bench.shop.complete(order)
    assert order.modified_us != before


async def test_the_shops_clock_may_be_wrong(bench):
    bench.shop.faults.clock_skew_seconds = 90
    bench.shop.checkout([("A", 1)])
    assert (await bench.get("/orders")).body[0]["date_created_gmt"] == "2026-11-23T11:00:08"


async def test_several_servers_stamp_by_clocks_of_their_own(bench):
    bench.shop.faults.server_skew_seconds = (-30, 30)
    orders = [bench.shop.checkout([("A", 1)]) for _ in range(10)]
    assert len({order.created_us for order in orders}) > 5
    assert all(abs(order.created_us - bench.clock.now()) <= 30_000_000 for order in orders)
    bench.shop.complete(orders[0])
    rows = (await bench.get("/orders", orderby="modified", order="asc")).body
    stamps = [row["date_modified_gmt"] for row in rows]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) > 5


async def test_a_refused_write_is_answered_even_where_answers_get_lost(bench):
    bench.shop.faults.lost_answer = 1.0
    assert (await bench.put("/products/999", {"stock_quantity": 1})).status == 400


async def test_the_same_seed_gives_the_same_faults():
    async def statuses(seed):
        async with open_bench(seed) as bench:
            bench.shop.faults.change({"error_503": 0.3, "too_many_bare": 0.3})
            return [(await bench.get("/orders")).status for _ in range(30)]

    first, again, other = await statuses(3), await statuses(3), await statuses(4)
    assert first == again
    assert first != other
    assert {200, 429, 503} == set(first)
