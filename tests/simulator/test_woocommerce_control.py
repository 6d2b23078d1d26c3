"""The driving API: one can do over HTTP what shoppers and the merchant do, and read the ground truth."""

from __future__ import annotations

import re
import sys

import aiohttp
import anyio
import pytest

from tests.simulator.woocommerce_shop import V3, open_bench


@pytest.fixture
async def bench():
    async with open_bench() as running:
        products = [
            {"sku": "A", "name": "Item A", "stock": 10, "price": "7.50"},
            {"sku": "U", "manage_stock": False},
            {"sku": "S", "stock": 20, "variations": [{"sku": "S-1", "stock": 4}, {"sku": "S-2", "stock": None}]},
        ]
        answer = await running.sim("POST", "products", {"products": products})
        assert answer.status == 201
        assert len(answer.body["products"]) == 3
        yield running


async def buy(bench, sku="A", quantity=1, **more):
    body = {"lines": [{"sku": sku, "quantity": quantity}], **more}
    return await bench.sim("POST", "orders", body)


async def test_products_come_with_stock_price_and_variations(bench):
    rows = {row["sku"]: row for row in (await bench.get("/products", sku="A,U,S,S-1,S-2")).body}
    assert (rows["A"]["price"], rows["A"]["stock_quantity"]) == ("7.5", 10)
    assert rows["U"]["manage_stock"] is False
    assert (rows["S-1"]["stock_quantity"], rows["S-2"]["manage_stock"], rows["S-2"]["stock_quantity"]) == (
        4,
        "parent",
        20,
    )
    doubled = await bench.sim("POST", "products", {"products": [{"sku": "A"}]})
    assert (doubled.status, doubled.body["error"]) == (400, "product_invalid_sku")


async def test_a_checkout_is_created_or_out_of_stock(bench):
    made = await buy(bench, quantity=3, fee_lines=[{"name": "Wrap"}])
    assert made.status == 201
    line = made.body["lines"][0]
    assert (line["sku"], line["quantity"]) == ("A", 3)
    shown = (await bench.get(f"/orders/{made.body['order']}")).body
    assert (shown["status"], shown["fee_lines"][0]["name"], str(shown["line_items"][0]["id"])) == (
        "processing",
        "Wrap",
        line["line"],
    )
    refused = await buy(bench, quantity=8)
    assert (refused.status, refused.body["error"]) == (409, "out_of_stock")
    statuses = [
        (await buy(bench, **how)).body["order"] for how in ({"paid": False}, {"method": "bacs"}, {"draft": True})
    ]
    rows = {str(row["id"]): row["status"] for row in (await bench.get("/orders")).body}
    assert [rows[number] for number in statuses] == ["pending", "on-hold", "checkout-draft"]


async def test_each_action_does_what_it_says(bench):
    order = (await buy(bench, quantity=2, paid=False)).body["order"]
    for action, status, level in [
        ("pay", "processing", 8),
        ("complete", "completed", 8),
        ("fail", "failed", 8),
        ("trash", "trash", 8),
        ("untrash", "failed", 8),
        ("cancel", "cancelled", 10),
        ("delete", "deleted", 10),
    ]:
        answer = await bench.sim("POST", f"orders/{order}/{action}")
        assert (answer.status, answer.body["status"], bench.level("A")) == (200, status, level), action
    assert (await bench.sim("POST", f"orders/{order}/pay")).status == 404
    draft = (await buy(bench, draft=True)).body["order"]
    assert (await bench.sim("POST", f"orders/{draft}/place", {"paid": True})).body["status"] == "processing"
    assert (await bench.sim("POST", f"orders/{draft}/dance")).body["error"] == "no_such_action"


async def test_edit_and_refund(bench):
    made = (await buy(bench, quantity=4)).body
    line = made["lines"][0]["line"]
    edited = await bench.sim(
        "POST",
        f"orders/{made['order']}/edit",
        {"lines": [{"line": line, "quantity": 3}], "add": [{"sku": "S-1", "quantity": 2}]},
    )
    assert [row["quantity"] for row in edited.body["lines"]] == [3, 2]
    assert (bench.level("A"), bench.level("S-1")) == (7, 2)
    body = {"lines": [{"line": line, "quantity": 1}], "restock": True}
    assert (await bench.sim("POST", f"orders/{made['order']}/refund", body)).status == 200
    await bench.sim("POST", f"orders/{made['order']}/refund", {**body, "restock": False})
    assert bench.level("A") == 8
    second = edited.body["lines"][1]["line"]
    await bench.sim("POST", f"orders/{made['order']}/edit", {"lines": [{"line": second, "quantity": 0}]})
    truth = (await bench.sim("GET", "truth")).body
    assert truth["orders"] == [
        {
            "order": made["order"],
            "status": "processing",
            "takes_stock": True,
            "lines": [
                {"line": line, "sku": "A", "quantity": 3, "restocked": 1, "refunded": 2, "reduced": 2},
                {"line": second, "sku": "S-1", "quantity": 0, "restocked": 0, "refunded": 0, "reduced": 0},
            ],
        }
    ]


async def test_the_truth_adds_up(bench):
    first = (await buy(bench, quantity=3)).body["order"]
    cancelled = (await buy(bench, quantity=2)).body["order"]
    await bench.sim("POST", f"orders/{cancelled}/cancel")
    await buy(bench, quantity=1, paid=False)
    await bench.put(f"/products/{bench.shop.catalog.by_sku['A'].id}", {"stock_quantity": 1})
    await bench.sim("POST", "stock", {"sku": "A", "quantity": 6})
    truth = (await bench.sim("GET", "truth")).body
    assert truth["skus"]["A"] == {"level": 6, "pending": 0, "sold": 5, "returned": 2, "open": 1}
    assert truth["skus"]["U"]["level"] is None
    assert (truth["writes"], truth["requests"], truth["oversold"]) == ({"absolute": 1}, 1, {})
    history = (await bench.sim("GET", "history/A")).body
    assert [(row["change"], row["level"], row["cause"]) for row in history] == [
        (0, 10, "hand"),
        (-3, 7, first),
        (-2, 5, cancelled),
        (2, 7, cancelled),
        (-6, 1, "api"),
        (5, 6, "hand"),
    ]
    assert history[0]["level"] + sum(row["change"] for row in history) == 6
    by_parent = (await bench.sim("GET", "history/S-2")).body
    assert by_parent[0]["level"] == 20


async def test_dials_and_settings_are_shown_and_set(bench):
    assert (await bench.sim("GET", "faults")).body["error_503"] == 0
    assert (await bench.sim("PUT", "faults", {"error_503": 1.0})).body["error_503"] == 1.0
    assert (await bench.get("/orders")).status == 503
    assert (await bench.sim("DELETE", "faults")).body["error_503"] == 0
    assert (await bench.get("/orders")).status == 200
    assert (await bench.sim("PUT", "faults", {"nonsense": 1})).status == 400
    changed = await bench.sim(
        "POST", "settings", {"timezone": "Asia/Kolkata", "hold_stock_minutes": 30, "version": "9.1.0"}
    )
    assert changed.body["timezone"] == "Asia/Kolkata"
    assert (await bench.get("/settings/products/woocommerce_hold_stock_minutes")).body["value"] == "30"
    assert (await bench.get("/system_status")).body["environment"]["version"] == "9.1.0"
    await bench.put("/settings/products/woocommerce_hold_stock_minutes", {"value": "15"})
    await bench.put("/settings/products/woocommerce_manage_stock", {"value": "no"})
    settings = (await bench.sim("GET", "settings")).body
    assert (settings["hold_stock_minutes"], settings["manage_stock"]) == (15, False)


async def test_requests_are_listed_with_their_status(bench):
    await bench.get("/orders", per_page=5)
    await bench.get("/orders/999")
    seen = (await bench.sim("GET", "requests")).body
    assert seen == [
        {"method": "GET", "path": f"{V3}/orders?per_page=5", "status": 200},
        {"method": "GET", "path": f"{V3}/orders/999", "status": 404},
    ]


async def test_a_drivers_mistake_is_named(bench):
    for path, body in [
        ("orders", {}),
        ("orders", {"lines": [{"sku": "none", "quantity": 1}]}),
        ("stock", {"sku": "U", "quantity": 1}),
    ]:
        assert (await bench.sim("POST", path, body)).status in {400, 404, 409}
    assert (await bench.sim("GET", "nothing")).status == 404
    assert (await buy(bench, quantity=0)).body["error"] == "bad_quantity"


async def test_the_shop_runs_by_itself():
    command = [sys.executable, "-m", "syncd.simulator.woocommerce", "--port", "0", "--timezone", "Asia/Kolkata"]
    async with await anyio.open_process(command, stderr=None) as process:
        try:
            with anyio.fail_after(30):
                text, found = b"", None
                while found is None:
                    text += await process.stdout.receive()
                    found = re.search(rb"(http://[0-9.]+:[0-9]+)\s", text)
            address = found[1].decode()
            async with aiohttp.ClientSession() as session, session.get(f"{address}/wp-json/") as answer:
                assert (await answer.json())["timezone_string"] == "Asia/Kolkata"
        finally:
            process.terminate()
