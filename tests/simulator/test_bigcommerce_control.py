"""The driving API of the BigCommerce shop, and the program that serves it."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import pytest

from tests.simulator.bigcommerce_bench import open_bench


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        yield bench


async def stock(bench):
    body = {"products": [{"sku": "A", "name": "Apple", "stock": 10, "price": "2.50"}, {"sku": "B", "stock": 1}]}
    return await bench.sim("POST", "/products", body)


async def sell(bench, quantity=1, **more):
    return await bench.sim("POST", "/orders", {"lines": [{"sku": "A", "quantity": quantity}], "paid": True, **more})


async def test_products_are_put_on_sale_and_a_taken_sku_is_refused(bench):
    made = await stock(bench)
    assert (made.status, len(made.json["products"])) == (201, 2)
    assert (await stock(bench)).status == 400
    names = [row["name"] for row in (await bench.get("/v3/catalog/products")).json["data"]]
    assert names == ["Apple", "B"]


async def test_a_sale_names_its_order_and_lines_as_text(bench):
    await stock(bench)
    made = await sell(bench, 2, custom_lines=[{"name": "Wrap", "quantity": 1}])
    assert made.status == 201
    assert made.json["order"] == "100"
    assert made.json["lines"] == [{"line": "1", "sku": "A", "quantity": 2}, {"line": "2", "sku": "", "quantity": 1}]


async def test_a_sale_that_is_too_great_is_409(bench):
    await stock(bench)
    refused = await sell(bench, 11)
    assert (refused.status, refused.json) == (409, {"error": "out_of_stock"})
    assert (await bench.sim("POST", "/orders", {"lines": [{"sku": "zzz", "quantity": 1}]})).status == 404
    assert (await sell(bench, channel=5)).status == 400


async def test_an_order_lives_through_all_its_steps(bench):
    await stock(bench)
    await sell(bench, 3, paid=False)
    assert (await bench.get("/v2/orders/100")).json["status_id"] == 7
    assert (await bench.sim("POST", "/orders/100/pay")).status == 200
    edited = await bench.sim(
        "POST", "/orders/100/edit", {"lines": [{"line": "1", "quantity": 2}], "add": [{"sku": "B", "quantity": 1}]}
    )
    assert [(line["sku"], line["quantity"]) for line in edited.json["lines"]] == [("A", 2), ("B", 1)]
    await bench.sim("POST", "/orders/100/ship", {"lines": [{"line": "1", "quantity": 1}]})
    assert (await bench.get("/v2/orders/100")).json["status"] == "Partially Shipped"
    await bench.sim("POST", "/orders/100/complete")
    await bench.sim("POST", "/orders/100/refund", {"lines": [{"line": "1", "quantity": 1}], "restock": True})
    order = (await bench.sim("GET", "/truth")).json["orders"][0]
    assert order["status"] == "Partially Refunded"
    assert (order["lines"][0]["refunded"], order["lines"][0]["restocked"], order["lines"][0]["shipped"]) == (1, 1, 1)
    await bench.sim("POST", "/orders/100/archive")
    assert await bench.listed() == []
    await bench.sim("POST", "/orders/100/delete")
    assert (await bench.sim("POST", "/orders/100/pay")).status == 404


@pytest.mark.parametrize(("step", "status_id"), [("cancel", 5), ("decline", 6), ("complete", 10)])
async def test_a_step_sets_its_status(bench, step, status_id):
    await stock(bench)
    await sell(bench)
    await bench.sim("POST", f"/orders/100/{step}")
    assert (await bench.get("/v2/orders/100")).json["status_id"] == status_id


async def test_what_makes_no_sense_is_refused(bench):
    await stock(bench)
    await sell(bench)
    assert (await bench.sim("POST", "/orders/100/dance")).status == 404
    assert (await bench.sim("POST", "/orders/999/pay")).status == 404
    assert (await bench.sim("POST", "/orders/100/pay")).status == 400
    assert (await bench.sim("POST", "/orders/100/edit", {"lines": [{"quantity": 1}]})).status == 400
    assert (await bench.sim("POST", "/stock", ["no object"])).status == 400


async def test_the_merchant_edits_stock_by_hand_and_the_history_tells(bench):
    await stock(bench)
    await sell(bench, 2)
    await bench.sim("POST", "/stock", {"sku": "A", "quantity": 30})
    body = {"items": [{"location_id": 1, "sku": "A", "quantity": -5}]}
    await bench.call("POST", "/v3/inventory/adjustments/relative", body)
    history = (await bench.sim("GET", "/history/A")).json
    told = [(change["change"], change["level"], change["cause"]) for change in history]
    assert told == [(10, 10, "opening"), (-2, 8, "order 100"), (22, 30, "hand"), (-5, 25, "api relative")]
    assert (await bench.sim("GET", "/history/zzz")).status == 404


async def test_the_truth_counts_requests_and_writes(bench):
    await stock(bench)
    await bench.get("/v2/time")
    body = {"items": [{"location_id": 1, "sku": "A", "quantity": 5}, {"location_id": 1, "sku": "B", "quantity": 5}]}
    await bench.call("PUT", "/v3/inventory/adjustments/absolute", body)
    truth = (await bench.sim("GET", "/truth")).json
    assert (truth["requests"], truth["writes"], truth["oversold"]) == (2, {"relative": 0, "absolute": 2}, {})
    assert truth["skus"]["A"] == {"level": 5, "pending": 0, "sold": 0, "returned": 0, "open": 0}


async def test_the_log_keeps_the_last_thousand_vendor_requests(bench):
    await bench.get("/v2/orders", limit=3)
    seen = (await bench.sim("GET", "/requests")).json
    assert [(one["method"], one["path"], one["status"]) for one in seen] == [
        ("GET", "/stores/simshop/v2/orders?limit=3", 204)
    ]
    for _ in range(1001):
        await bench.get("/v2/time")
    assert len((await bench.sim("GET", "/requests")).json) == 1000
    assert (await bench.sim("GET", "/truth")).json["requests"] == 1002


async def test_the_log_shows_a_request_without_an_answer_with_status_0(bench):
    bench.shop.faults.reset = 1.0
    with pytest.raises(aiohttp.ClientError):
        await bench.get("/v2/time")
    assert [one["status"] for one in (await bench.sim("GET", "/requests")).json][-1:] == [0]


async def test_dials_are_shown_set_and_cleared(bench):
    assert (await bench.sim("GET", "/faults")).json["error_500"] == 0.0
    changed = await bench.sim("PUT", "/faults", {"error_500": 1.0, "apply_delay_seconds": [1, 2]})
    assert (changed.json["error_500"], changed.json["apply_delay_seconds"], changed.json["quota_requests"]) == (
        1.0,
        [1, 2],
        0,
    )
    assert (await bench.get("/v2/time")).status == 500
    assert (await bench.sim("PUT", "/faults", {"nonsense": 1})).status == 400
    assert (await bench.sim("DELETE", "/faults")).json["error_500"] == 0.0
    assert (await bench.get("/v2/time")).status == 200


async def test_settings_take_stock_rules_by_channel_and_switches(bench):
    await bench.sim("POST", "/channels", {"id": 2, "name": "Second"})
    body = {"channel": 2, "update_stock_behavior": "order_completed_or_shipped", "unpaid_status": 1}
    shown = (await bench.sim("POST", "/settings", body)).json
    assert shown["channels"]["2"]["update_stock_behavior"] == "order_completed_or_shipped"
    assert (shown["update_stock_behavior"], shown["switches"]["unpaid_status"]) == ("order_placed", 1)
    assert (await bench.sim("GET", "/settings")).json == shown
    for wrong in ({"unpaid_status": 3}, {"update_stock_behavior": None}, {"no_such_switch": 1}):
        assert (await bench.sim("POST", "/settings", wrong)).status == 400
    assert (await bench.sim("GET", "/settings")).json == shown
    assert [one["id"] for one in (await bench.get("/v3/channels")).json["data"]] == [1, 2]


async def test_locations_are_opened(bench):
    await stock(bench)
    made = await bench.sim("POST", "/locations", {"id": 2, "code": "EAST", "label": "East"})
    assert made.status == 201
    await bench.sim("POST", "/stock", {"sku": "A", "quantity": 4, "location": 2})
    assert (await bench.sim("GET", "/truth")).json["skus"]["A"]["level"] == 14


async def test_hooks_are_none(bench):
    assert (await bench.get("/v3/hooks")).json["data"] == []


async def test_the_program_serves_a_shop(unused_tcp_port):
    port = unused_tcp_port
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "syncd.simulator.bigcommerce", "--port", str(port), "--token", "t"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession(headers={"X-Auth-Token": "t"}) as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/stores/simshop/v2/time") as answered:
                        body = await answered.json()
                    break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        assert body["time"] > 1_700_000_000
    finally:
        program.terminate()
        await program.wait()
