"""The stock semantics of the shop: what orders, edits, refunds and writes do to the counters."""

from __future__ import annotations

import asyncio

import pytest

from syncd.simulator.woocommerce import OutOfStock
from tests.simulator.woocommerce_shop import open_bench

STATUSES = ["pending", "on-hold", "processing", "completed", "cancelled", "failed", "refunded"]
TAKING = {"on-hold", "processing", "completed"}


@pytest.fixture
async def bench():
    async with open_bench() as running:
        running.shop.add_product("A", stock=100)
        running.shop.add_product("B", stock=50)
        yield running


def expected_change(before: str, after: str) -> int:
    """The matrix measured on WooCommerce 10.0.2, for an order of 3 units."""
    if before in TAKING:
        return 3 if after in {"pending", "cancelled"} else 0
    return -3 if after in TAKING else 0


@pytest.mark.parametrize("after", STATUSES)
@pytest.mark.parametrize("before", STATUSES)
async def test_each_change_of_status_moves_the_stock_as_measured(bench, before, after):
    made = await bench.post("/orders", {"status": before, "line_items": [{"sku": "A", "quantity": 3}]})
    taken = 3 if before in TAKING else 0
    assert bench.level("A") == 100 - taken
    if before != after:
        moved = (await bench.put(f"/orders/{made.body['id']}", {"status": after})).body
        assert bench.level("A") == 100 - taken + expected_change(before, after)
        rows = [row["value"] for row in moved["line_items"][0]["meta_data"] if row["key"] == "_reduced_stock"]
        assert rows == ([] if bench.level("A") == 100 else ["3"])


async def test_the_same_status_again_takes_only_once_and_a_new_round_takes_again(bench):
    order = bench.shop.checkout([("A", 2)], paid=False)
    for status in ("processing", "processing", "completed", "cancelled", "cancelled", "processing"):
        await bench.put(f"/orders/{order.id}", {"status": status})
    assert bench.level("A") == 98
    truth = bench.shop.truth()["skus"]["A"]
    assert truth == {"level": 98, "pending": 0, "sold": 4, "returned": 2, "open": 0}


@pytest.mark.parametrize(("version", "follows"), [("10.0.2", True), ("9.4.0", False), ("9.5", True)])
async def test_line_edits_by_rest_move_the_stock_since_9_5(bench, version, follows):
    bench.shop.settings.version = version
    order = bench.shop.checkout([("A", 5)])
    line = order.lines[0].id
    levels = []
    for rows in (
        [{"id": line, "quantity": 8}],
        [{"id": line, "quantity": 3}],
        [{"sku": "B", "quantity": 4}],
        [{"id": line, "quantity": 0}],
    ):
        await bench.put(f"/orders/{order.id}", {"line_items": rows})
        levels.append((bench.level("A"), bench.level("B")))
    assert levels == ([(92, 50), (97, 50), (97, 46), (100, 46)] if follows else [(95, 50)] * 4)


async def test_edits_of_an_order_that_has_taken_nothing_move_nothing(bench):
    order = bench.shop.checkout([("A", 5)], paid=False)
    await bench.put(f"/orders/{order.id}", {"line_items": [{"id": order.lines[0].id, "quantity": 9}]})
    assert (bench.level("A"), order.lines[0].quantity) == (100, 9)


async def test_a_line_added_without_adjusting_is_not_taken_by_the_next_status(bench):
    bench.shop.settings.version = "9.4.0"
    order = bench.shop.checkout([("A", 5)])
    await bench.put(f"/orders/{order.id}", {"line_items": [{"sku": "B", "quantity": 4}]})
    await bench.put(f"/orders/{order.id}", {"status": "completed"})
    assert (bench.level("A"), bench.level("B")) == (95, 50)


async def test_a_refund_of_what_was_never_taken_restocks_nothing(bench):
    order = bench.shop.checkout([("A", 3)], paid=False)
    bench.shop.refund(order, {order.lines[0].id: 1})
    assert (bench.level("A"), order.lines[0].restocked) == (100, 0)


async def test_another_product_in_a_line_leaves_the_old_units_taken(bench):
    order = bench.shop.checkout([("A", 2)])
    b_id = bench.shop.catalog.by_sku["B"].id
    body = {"line_items": [{"id": order.lines[0].id, "product_id": b_id}]}
    assert (await bench.put(f"/orders/{order.id}", body)).body["line_items"][0]["sku"] == "B"
    assert (bench.level("A"), bench.level("B")) == (98, 50)


async def test_a_refund_with_lines_restocks_unless_it_is_told_not_to(bench):
    order = bench.shop.checkout([("A", 3)])
    line = order.lines[0].id
    rows = [{"id": line, "quantity": 1, "refund_total": 5.0}]
    first = await bench.post(f"/orders/{order.id}/refunds", {"amount": "5.00", "line_items": rows})
    assert bench.level("A") == 98
    assert first.body["line_items"][0]["quantity"] == -1
    meta = {row["key"]: row["value"] for row in first.body["line_items"][0]["meta_data"]}
    assert meta == {"_refunded_item_id": str(line)}
    shown = (await bench.get(f"/orders/{order.id}")).body["line_items"][0]["meta_data"]
    assert {row["key"]: row["value"] for row in shown} == {"_reduced_stock": "2", "_restock_refunded_items": "1"}
    keep = {"amount": "5.00", "line_items": rows, "api_restock": False}
    await bench.post(f"/orders/{order.id}/refunds", keep)
    await bench.post(f"/orders/{order.id}/refunds", {"amount": "1.00"})
    assert bench.level("A") == 98
    await bench.delete(f"/orders/{order.id}/refunds/{first.body['id']}", force="true")
    assert bench.level("A") == 98
    truth = bench.shop.truth()["orders"][0]["lines"][0]
    assert truth == {"line": str(line), "sku": "A", "quantity": 3, "restocked": 1, "refunded": 1, "reduced": 2}


async def test_refunds_that_reach_the_total_make_the_order_refunded(bench):
    order = bench.shop.checkout([("A", 2)])
    await bench.post(f"/orders/{order.id}/refunds", {"amount": "19.99"})
    assert order.status == "processing"
    await bench.post(f"/orders/{order.id}/refunds", {"amount": "0.01"})
    assert (order.status, bench.level("A")) == ("refunded", 98)


async def test_refunded_by_status_makes_a_refund_of_money_alone(bench):
    order = bench.shop.checkout([("A", 2)])
    shown = (await bench.put(f"/orders/{order.id}", {"status": "refunded"})).body
    assert [row["total"] for row in shown["refunds"]] == ["-20.00"]
    assert bench.level("A") == 98


async def test_the_trash_and_a_forced_deletion_restore_nothing(bench):
    order = bench.shop.checkout([("A", 2)])
    await bench.delete(f"/orders/{order.id}")
    assert bench.level("A") == 98
    await bench.put(f"/orders/{order.id}", {"status": "processing"})
    assert (bench.level("A"), order.status, order.meta[-1].key) == (98, "processing", "is_vat_exempt")
    bench.shop.trash(order)
    bench.shop.untrash(order)
    assert (bench.level("A"), order.status) == (98, "processing")
    await bench.delete(f"/orders/{order.id}", force="true")
    assert bench.level("A") == 98


async def test_rest_orders_ignore_availability_and_shoppers_do_not(bench):
    bench.shop.set_stock("A", 2)
    with pytest.raises(OutOfStock):
        bench.shop.checkout([("A", 3)])
    made = await bench.post("/orders", {"status": "processing", "line_items": [{"sku": "A", "quantity": 5}]})
    assert (made.status, bench.level("A")) == (201, -3)
    assert (await bench.get("/products", sku="A")).body[0]["stock_status"] == "outofstock"
    assert bench.shop.truth()["oversold"] == {"A": 3}


async def test_unpaid_orders_and_drafts_reserve_for_a_while_and_rest_does_not_show_it(bench):
    bench.shop.set_stock("A", 5)
    bench.shop.checkout([("A", 3)], paid=False)
    bench.shop.checkout([("A", 1)], draft=True)
    await bench.post("/orders", {"line_items": [{"sku": "A", "quantity": 9}]})  # REST reserves nothing
    assert bench.shop.held_units("A") == 4
    assert (await bench.get("/products", sku="A")).body[0]["stock_quantity"] == 5
    with pytest.raises(OutOfStock):
        bench.shop.checkout([("A", 2)])
    bench.clock.pass_seconds(11 * 60)
    assert bench.shop.held_units("A") == 3
    bench.shop.checkout([("A", 2)])
    bench.clock.pass_seconds(50 * 60)
    assert bench.shop.held_units("A") == 0
    assert bench.shop.truth()["skus"]["A"]["open"] == 13


async def test_the_hourly_job_cancels_unpaid_orders_of_shoppers_if_it_runs(bench):
    order = bench.shop.checkout([("A", 3)], paid=False)
    by_api = (await bench.post("/orders", {"line_items": [{"sku": "A", "quantity": 1}]})).body["id"]
    bench.clock.pass_seconds(61 * 60)
    assert (await bench.get(f"/orders/{order.id}")).body["status"] == "pending"
    bench.shop.settings.cancel_unpaid = True
    assert (await bench.get(f"/orders/{order.id}")).body["status"] == "cancelled"
    assert (await bench.get(f"/orders/{by_api}")).body["status"] == "pending"


async def test_simultaneous_buyers_oversell_with_the_dial(bench):
    bench.shop.set_stock("A", 1)
    bench.clock.pass_seconds(10)
    bench.shop.faults.change({"oversell": 1.0, "oversell_window_seconds": 1.0})
    bench.shop.checkout([("A", 1)])
    bench.shop.checkout([("A", 1)])
    assert (bench.level("A"), bench.shop.truth()["oversold"]) == (-1, {"A": 1})
    bench.clock.pass_seconds(2)
    with pytest.raises(OutOfStock):
        bench.shop.checkout([("A", 1)])


async def test_a_put_is_absolute_and_ignored_where_no_stock_is_managed(bench):
    bench.shop.add_product("C", manage_stock=False)
    a_id, c_id = (bench.shop.catalog.by_sku[sku].id for sku in "AC")
    assert (await bench.put(f"/products/{a_id}", {"stock_quantity": 41})).body["stock_quantity"] == 41
    ignored = await bench.put(f"/products/{c_id}", {"stock_quantity": 41})
    assert (ignored.status, ignored.body["stock_quantity"], ignored.body["manage_stock"]) == (200, None, False)
    managed = await bench.put(f"/products/{c_id}", {"stock_quantity": 7, "manage_stock": True})
    assert (managed.body["stock_quantity"], managed.body["manage_stock"]) == (7, True)
    assert bench.shop.truth()["writes"] == {"absolute": 2}
    off = await bench.put(f"/products/{c_id}", {"manage_stock": False})
    assert off.body["stock_quantity"] is None


async def test_a_put_without_stock_keeps_the_counter_and_moves_the_date(bench):
    product = bench.shop.catalog.by_sku["A"]
    bench.clock.pass_seconds(5)
    answer = await bench.put(f"/products/{product.id}", {"name": "New name", "sku": "A2", "regular_price": "12"})
    assert (answer.body["sku"], answer.body["stock_quantity"], answer.body["name"]) == ("A2", 100, "New name")
    assert answer.body["date_modified_gmt"] == "2026-11-23T10:58:13"
    doubled = await bench.put(f"/products/{product.id}", {"sku": "B"})
    assert (doubled.status, doubled.body["code"]) == (400, "product_invalid_sku")
    assert doubled.body["data"]["resource_id"] == bench.shop.catalog.by_sku["B"].id


async def test_only_the_batch_takes_garbage_for_zero(bench):
    a_id = bench.shop.catalog.by_sku["A"].id
    refused = await bench.put(f"/products/{a_id}", {"stock_quantity": "abc"})
    assert (refused.status, refused.body["code"], bench.level("A")) == (400, "rest_invalid_param", 100)
    assert (await bench.put(f"/products/{a_id}", {"manage_stock": "maybe"})).status == 400
    taken = await bench.put("/products/batch", {"update": [{"id": a_id, "stock_quantity": "abc"}]})
    assert (taken.status, bench.level("A")) == (200, 0)


async def test_a_batch_has_errors_per_item_and_a_limit(bench):
    shirt = bench.shop.add_product("S", kind="variable", stock=None)
    small = bench.shop.add_product("S-S", stock=5, parent=shirt)
    a_id = bench.shop.catalog.by_sku["A"].id
    rows = [
        {"id": a_id, "stock_quantity": 1},
        {"id": 99999, "stock_quantity": 1},
        {"id": small.id, "stock_quantity": 9},
    ]
    answer = await bench.post("/products/batch", {"update": rows})
    codes = [row.get("error", {}).get("code") for row in answer.body["update"]]
    assert codes == [None, "woocommerce_rest_product_invalid_id", "woocommerce_rest_invalid_product_id"]
    assert bench.level("S-S") == 5
    assert (await bench.post("/products/batch", {"update": [{"id": a_id}] * 101})).status == 413
    path = f"/products/{shirt.id}/variations/batch"
    answer = await bench.post(path, {"update": [{"id": small.id, "stock_quantity": 9}, {"id": a_id}]})
    assert [row.get("error", {}).get("code") for row in answer.body["update"]] == [
        None,
        "woocommerce_rest_product_variation_invalid_id",
    ]
    assert bench.level("S-S") == 9


async def test_a_delta_is_no_atomic_write(bench):
    bench.shop.faults.read_modify_write_seconds = 0.05
    path = f"/products/{bench.shop.catalog.by_sku['A'].id}"
    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(bench.put(path, {"inventory_delta": 1}))
    assert 100 < bench.level("A") < 110
    bench.shop.set_stock("A", 100)
    for _ in range(3):
        await bench.put(path, {"inventory_delta": 1})
    assert bench.level("A") == 103


async def test_a_variation_may_be_counted_by_its_parent(bench):
    shirt = bench.shop.add_product("S", kind="variable", stock=20)
    small = bench.shop.add_product("S-S", stock=None, parent=shirt)
    large = bench.shop.add_product("S-L", stock=8, parent=shirt)
    bench.clock.pass_seconds(5)
    bench.shop.checkout([("S-S", 2), ("S-L", 1)])
    assert (bench.level("S"), bench.level("S-S"), bench.level("S-L")) == (18, 18, 7)
    rows = {row["sku"]: row for row in (await bench.get(f"/products/{shirt.id}/variations")).body}
    assert (rows["S-S"]["manage_stock"], rows["S-S"]["stock_quantity"]) == ("parent", 18)
    assert (rows["S-L"]["manage_stock"], rows["S-L"]["stock_quantity"]) == (True, 7)
    ignored = await bench.put(f"/products/{shirt.id}/variations/{small.id}", {"stock_quantity": 3})
    assert (ignored.status, ignored.body["stock_quantity"], bench.level("S")) == (200, 18, 18)
    await bench.put(f"/products/{shirt.id}/variations/{large.id}", {"stock_quantity": 3})
    assert bench.level("S-L") == 3
    garbage = await bench.put(f"/products/{shirt.id}/variations/{large.id}", {"stock_quantity": "abc"})
    assert (garbage.status, bench.level("S-L")) == (400, 3)
    line = (await bench.get("/orders")).body[0]["line_items"][0]
    assert (line["product_id"], line["variation_id"], line["sku"]) == (shirt.id, small.id, "S-S")


async def test_a_variations_stock_moves_the_parents_date_and_lists_find_it(bench):
    shirt = bench.shop.add_product("S", kind="variable", stock=None)
    small = bench.shop.add_product("S-S", stock=5, parent=shirt)
    bench.clock.pass_seconds(5)
    bench.shop.checkout([("S-S", 1)])
    since = {"modified_after": "2026-11-23T10:58:08", "dates_are_gmt": "true"}
    assert [row["id"] for row in (await bench.get("/products", **since)).body] == [shirt.id]
    assert [row["id"] for row in (await bench.get(f"/products/{shirt.id}/variations", **since)).body] == [small.id]


async def test_products_are_found_by_sku_variations_too_and_no_other_way(bench):
    shirt = bench.shop.add_product("S", kind="variable", stock=None)
    small = bench.shop.add_product("S-S", stock=5, parent=shirt)
    found = await bench.get("/products", sku="A,S-S,none")
    assert {row["sku"]: row["type"] for row in found.body} == {"A": "simple", "S-S": "variation"}
    assert small.id not in [row["id"] for row in (await bench.get("/products")).body]
    assert (await bench.get("/products", type="variation")).status == 400
    assert [row["sku"] for row in (await bench.get("/products", type="variable")).body] == ["S"]
    assert (await bench.get(f"/products/{small.id}")).body["parent_id"] == shirt.id
    refused = await bench.put(f"/products/{small.id}", {"stock_quantity": 1})
    assert (refused.status, refused.body["code"]) == (404, "woocommerce_rest_invalid_product_id")
    ordered = await bench.get("/products", orderby="id", order="asc", per_page=1, page=2)
    assert ([row["sku"] for row in ordered.body], ordered.headers["x-wp-total"]) == (["B"], "3")
    picked = await bench.get("/products", include=str(shirt.id), _fields="id,sku")
    assert picked.body == [{"id": shirt.id, "sku": "S"}]


async def test_without_stock_management_no_order_and_no_write_counts(bench):
    bench.shop.settings.manage_stock = False
    bench.shop.checkout([("A", 5)])
    a_id = bench.shop.catalog.by_sku["A"].id
    answer = await bench.put(f"/products/{a_id}", {"stock_quantity": 3})
    assert (answer.body["manage_stock"], answer.body["stock_quantity"]) == (False, 100)
    assert (await bench.get("/settings/products/woocommerce_manage_stock")).body["value"] == "no"


async def test_shops_of_8_x_may_leave_the_products_date(bench):
    bench.shop.faults.silent_stock_dates = 1.0
    bench.clock.pass_seconds(5)
    bench.shop.checkout([("A", 1)])
    assert (await bench.get("/products", sku="A")).body[0]["date_modified_gmt"] == "2026-11-23T10:58:08"


async def test_a_product_made_by_rest_counts_like_any_other(bench):
    made = await bench.post("/products", {"sku": "N", "name": "New", "manage_stock": True, "stock_quantity": 4})
    assert (made.status, bench.level("N")) == (201, 4)
    parent = bench.shop.add_product("S", kind="variable", stock=None)
    body = {"sku": "S-M", "manage_stock": True, "stock_quantity": 6, "attributes": [{"option": "M"}]}
    assert (await bench.post(f"/products/{parent.id}/variations", body)).body["name"] == "M"
    assert bench.level("S-M") == 6
