"""Each dial of the BigCommerce shop does what it says, over a real socket."""

from __future__ import annotations

import asyncio
from random import Random

import aiohttp
import msgspec
import pytest

from syncd.simulator.bigcommerce import Faults, Shop
from tests.simulator.bigcommerce_bench import WHOLE, HandClock, open_bench


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        bench.shop.add_products([{"sku": "A", "stock": 1000}])
        yield bench


LOWER = {"items": [{"location_id": 1, "sku": "A", "quantity": -1}]}
RELATIVE = "/v3/inventory/adjustments/relative"


async def test_the_quota_is_the_plans_and_is_shared_by_the_window(bench):
    bench.shop.faults.quota_requests = None
    first = await bench.get("/v2/time")
    assert first.headers["x-rate-limit-requests-quota"] == "450"
    bench.shop.settings.switches.plan = "Standard"
    assert (await bench.get("/v2/time")).headers["x-rate-limit-requests-quota"] == "150"
    bench.shop.faults.quota_requests = 5
    bench.clock.turn(10)
    last = [await bench.get("/v2/time") for _ in range(3)][-1]
    assert last.headers["x-rate-limit-requests-left"] == "0"
    assert last.headers["x-rate-limit-time-window-ms"] == "30000"
    assert last.headers["x-rate-limit-time-reset-ms"] == "20000"
    refused = await bench.get("/v2/time")
    assert (refused.status, refused.headers["x-rate-limit-requests-left"]) == (429, "0")
    bench.clock.turn(20)
    assert (await bench.get("/v2/time")).headers["x-rate-limit-requests-left"] == "4"


async def test_a_request_over_the_quota_has_no_effect(bench):
    bench.shop.faults.quota_requests = 1
    assert [(await bench.call("POST", RELATIVE, LOWER)).status for _ in range(3)] == [200, 429, 429]
    assert bench.truth("A")["level"] == 999


async def test_other_apps_use_the_same_quota(bench):
    bench.shop.faults.quota_requests = 10
    bench.shop.faults.quota_other_apps = 8
    assert (await bench.get("/v2/time")).headers["x-rate-limit-requests-left"] == "1"


async def test_without_a_limit_the_headers_are_there_all_the_same(bench):
    answers = [await bench.get("/v2/time") for _ in range(20)]
    assert {answer.status for answer in answers} == {200}
    assert int(answers[-1].headers["x-rate-limit-requests-left"]) > 100_000


@pytest.mark.parametrize(
    ("dial", "status", "quota_header", "retry_after"),
    [
        ("too_many", 429, True, None),
        ("too_many_bare", 429, False, None),
        ("too_many_retry_after", 429, True, "9"),
        ("error_500", 500, False, None),
        ("error_502", 502, False, None),
        ("error_503", 503, False, None),
        ("error_504", 504, False, None),
        ("html_503", 503, False, None),
        ("html_200", 200, False, None),
    ],
)
async def test_an_error_at_the_edge_has_its_status_and_headers_and_no_effect(
    bench, dial, status, quota_header, retry_after
):
    bench.shop.faults.change({dial: 1.0, "retry_after_seconds": 9})
    refused = await bench.call("POST", RELATIVE, LOWER)
    assert refused.status == status
    assert ("x-rate-limit-requests-quota" in refused.headers) is quota_header
    assert refused.headers.get("x-retry-after") == retry_after
    assert bench.truth("A")["level"] == 1000
    if dial.startswith("html"):
        assert refused.content_type == "text/html"
        assert refused.body.startswith(b"<!DOCTYPE html>")
    if dial == "too_many":
        assert int(refused.headers["x-rate-limit-requests-left"]) > 0


async def test_a_probability_hits_its_share_by_the_injected_randomness(bench):
    bench.shop.faults.error_503 = 0.5
    statuses = [(await bench.get("/v2/time")).status for _ in range(60)]
    assert 15 < statuses.count(503) < 45
    async with open_bench() as twin:
        twin.shop.add_products([{"sku": "A", "stock": 1000}])
        twin.shop.faults.error_503 = 0.5
        assert [(await twin.get("/v2/time")).status for _ in range(60)] == statuses


async def test_a_truncated_body_breaks_off_after_its_effect(bench):
    bench.shop.faults.truncated = 1.0
    with pytest.raises(aiohttp.ClientPayloadError):
        await bench.call("POST", RELATIVE, LOWER)
    assert bench.truth("A")["level"] == 999


async def test_a_reset_connection_has_no_effect(bench):
    bench.shop.faults.reset = 1.0
    with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ServerDisconnectedError)):
        await bench.call("POST", RELATIVE, LOWER)
    assert bench.truth("A")["level"] == 1000
    assert (await bench.sim("GET", "/requests")).status == 200


@pytest.mark.parametrize("way", ["504", "500"])
async def test_a_lost_answer_leaves_the_write_done_and_says_an_error(bench, way):
    bench.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": way})
    assert (await bench.call("POST", RELATIVE, LOWER)).status == int(way)
    assert bench.truth("A")["level"] == 999
    assert (await bench.get("/v2/time")).status == 200


async def test_a_lost_answer_by_reset_leaves_the_write_done(bench):
    bench.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": "reset"})
    with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ServerDisconnectedError)):
        await bench.call("POST", RELATIVE, LOWER)
    assert bench.truth("A")["level"] == 999


async def test_a_lost_answer_may_hang_until_the_client_gives_up(bench):
    bench.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": "hang"})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bench.call("POST", RELATIVE, LOWER)
    assert bench.truth("A")["level"] == 999


async def test_a_hanging_answer_ends_by_itself(bench):
    bench.shop.faults.change({"lost_answer": 1.0, "lost_answer_by": "hang", "hang_seconds": 0.05})
    with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ServerDisconnectedError)):
        await bench.call("POST", RELATIVE, LOWER)


async def test_a_write_that_was_refused_is_not_lost_but_answered(bench):
    bench.shop.faults.lost_answer = 1.0
    assert (await bench.call("POST", RELATIVE, {"items": []})).status == 422


async def test_latency_and_slowness_are_waited_for(bench, monkeypatch):
    waited = []
    real = asyncio.sleep

    async def note(wait_seconds, result=None):
        waited.append(wait_seconds)
        await real(0)

    monkeypatch.setattr("syncd.simulator.bigcommerce.gate.asyncio.sleep", note)
    bench.shop.faults.latency_seconds = (2.0, 4.0)
    await bench.get("/v2/time")
    assert 2.0 <= sum(waited) <= 4.0
    waited.clear()
    bench.shop.faults.change({"latency_seconds": (0, 0), "slow": 1.0, "slow_seconds": 30})
    await bench.get("/v2/time")
    assert sum(waited) == pytest.approx(30)


async def test_ignored_filters_return_everything(bench):
    for _ in range(3):
        bench.shop.sell([{"sku": "A", "quantity": 1}])
    bench.shop.faults.ignored_filters = 1.0
    assert len(await bench.listed(min_date_modified="2033-01-01T00:00:00Z", status_id=4)) == 3
    assert len(await bench.listed(min_date_modified="2033-01-01T00:00:00Z", limit=2)) == 2


async def test_a_torn_order_shows_no_lines_and_status_0_for_a_while(bench):
    bench.shop.faults.change({"torn_orders": 1.0, "torn_seconds": [8, 8]})
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    torn = (await bench.get("/v2/orders", **WHOLE)).json[0]
    assert (torn["status_id"], torn["items_total"], torn["consignments"]["shipping"]) == (0, 0, [])
    assert (await bench.get(f"/v2/orders/{order.id}/products")).status == 204
    assert bench.shop.truth()["orders"][0]["status_id"] == 11
    bench.clock.turn(7)
    assert (await bench.get("/v2/orders")).json[0]["status_id"] == 0
    bench.clock.turn(1)
    healed = (await bench.get("/v2/orders", **WHOLE)).json[0]
    assert (healed["status_id"], healed["items_total"]) == (11, 1)
    assert healed["date_modified"] == torn["date_modified"]


@pytest.mark.parametrize(("way", "expected"), [("no_lines", (11, 0)), ("incomplete", (0, 1))])
async def test_an_order_may_be_torn_in_one_way_only(bench, way, expected):
    bench.shop.faults.change({"torn_orders": 1.0, "torn_as": way})
    bench.shop.sell([{"sku": "A", "quantity": 1}])
    torn = (await bench.get("/v2/orders")).json[0]
    assert (torn["status_id"], torn["items_total"]) == expected


async def test_a_late_order_appears_with_its_old_stamps(bench):
    bench.shop.faults.late_orders_seconds = (10, 10)
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    assert await bench.listed() == []
    assert (await bench.get(f"/v2/orders/{order.id}")).status == 404
    assert (await bench.get(f"/v2/orders/{order.id}/products")).status == 404
    bench.clock.turn(10)
    assert (await bench.get("/v2/orders")).json[0]["date_modified"] == "Tue, 14 Nov 2023 22:13:20 +0000"


async def test_a_change_may_appear_late_with_its_stamp_and_until_then_the_old_state_is_read(bench):
    bench.shop.faults.stale_orders_seconds = 10
    order = bench.shop.sell([{"sku": "A", "quantity": 1}], paid=False)
    assert await bench.listed() == []
    assert (await bench.get(f"/v2/orders/{order.id}")).status == 404
    bench.clock.turn(60)
    bench.shop.pay(order.id)
    bench.shop.edit(order.id, [{"line": order.lines[0].id, "quantity": 2}])
    late = "2023-11-14T22:14:20Z"
    assert (await bench.get("/v2/orders", **WHOLE)).json[0]["status_id"] == 7
    assert (await bench.get(f"/v2/orders/{order.id}/products")).json[0]["quantity"] == 1
    assert await bench.listed(min_date_modified=late) == []
    bench.clock.turn(10)
    assert await bench.listed(min_date_modified=late, sort="date_modified:asc") == [order.id]
    assert (await bench.get("/v2/orders", **WHOLE)).json[0]["status_id"] == 11
    assert (await bench.get("/v2/orders/count", status_id=11)).json["count"] == 1
    bench.shop.faults.clear()
    bench.shop.cancel(order.id)
    assert (await bench.get(f"/v2/orders/{order.id}")).json["status_id"] == 5


async def test_stale_reads_see_an_older_order_as_far_back_as_the_dial_was_on(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    bench.clock.turn(60)
    bench.shop.faults.stale_orders_seconds = 10
    assert await bench.listed() == [order.id]
    for quantity in (2, 3, 4):
        bench.shop.edit(order.id, [{"line": order.lines[0].id, "quantity": quantity}])
        bench.clock.turn(6)
    assert (await bench.get(f"/v2/orders/{order.id}")).json["items_total"] == 3
    assert len(order.states) <= 3


async def test_rows_with_equal_stamps_come_in_another_order_each_time(bench):
    for second in range(4):
        for _ in range(10):
            bench.shop.sell([{"sku": "A", "quantity": 1}])
        bench.clock.turn(second + 1)
    straight = await bench.listed(sort="date_modified:asc")
    bench.shop.faults.shuffled_ties = 1.0
    shuffled = [await bench.listed(sort="date_modified:asc") for _ in range(3)]
    assert straight not in shuffled
    assert shuffled[0] != shuffled[1]
    for ids in shuffled:
        assert [sorted(ids[at : at + 10]) for at in range(0, 40, 10)] == [
            straight[at : at + 10] for at in range(0, 40, 10)
        ]
    assert await bench.listed(sort="id:asc") == straight


async def test_an_order_moves_between_pages_after_each_nth_list(bench):
    for _ in range(6):
        bench.shop.sell([{"sku": "A", "quantity": 1}])
    bench.clock.turn(60)
    bench.shop.faults.move_order_every = 2
    pages = [await bench.listed(sort="date_modified:asc", limit=2, page=page) for page in (1, 2, 3)]
    moved = [order.id for order in bench.shop.book if order.modified_seconds > order.created_seconds]
    assert len(moved) == 1
    assert pages[:2] == [[100, 101], [102, 103]]
    assert pages[2] != [104, 105]


async def test_a_silent_edit_leaves_the_modified_date_as_it_was(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 3}])
    line = order.lines[0].id
    bench.shop.faults.silent_edits = 1.0
    bench.clock.turn(60)
    bench.shop.edit(order.id, [{"line": line, "quantity": 4}])
    bench.shop.refund(order.id, [{"line": line, "quantity": 1}])
    bench.shop.ship(order.id, [{"line": line, "quantity": 1}])
    assert await bench.listed(min_date_modified="2023-11-14T22:14:00Z") == []
    assert (await bench.get(f"/v2/orders/{order.id}")).json["items_total"] == 4
    bench.shop.faults.clear()
    bench.shop.edit(order.id, [{"line": line, "quantity": 5}])
    assert await bench.listed(min_date_modified="2023-11-14T22:14:00Z") == [order.id]


def test_dials_refuse_what_they_do_not_know_and_change_nothing():
    faults = Faults()
    for wrong in ({"no_such_dial": 1}, {"reset": "often"}, {"reset": 0.5, "lost_answer_by": "magic"}):
        with pytest.raises(msgspec.ValidationError):
            faults.change(wrong)
    assert faults == Faults()


def test_no_dial_draws_from_the_randomness_while_it_is_off():
    chance = Random(3)
    shop = Shop(HandClock(), chance)
    shop.add_products([{"sku": "A", "stock": 5}])
    before = chance.getstate()
    shop.sell([{"sku": "A", "quantity": 1}], source="manual")
    assert chance.getstate() == before
