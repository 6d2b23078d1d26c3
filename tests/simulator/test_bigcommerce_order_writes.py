"""Writing orders and shipments in the BigCommerce shop."""

from __future__ import annotations

import pytest

from tests.simulator.bigcommerce_bench import open_bench

BILLING = {"first_name": "Ann", "zip": "78751", "email": "ann@example.com"}


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        bench.shop.add_products(
            [{"sku": "A", "stock": 5, "price": "3.50"}, {"sku": "P", "variants": [{"sku": "P-1", "stock": 2}]}]
        )
        yield bench


def draft(bench, sku="A", quantity=1, **more):
    product, variant = bench.shop.catalog.sold_as(sku)
    line = {"product_id": product.id, "variant_id": variant.id, "quantity": quantity}
    return {"billing_address": BILLING, "products": [line], **more}


async def test_a_posted_order_is_pending_external_and_takes_stock_at_once(bench):
    made = await bench.call("POST", "/v2/orders", draft(bench, quantity=2, external_order_id="ERP-1"))
    assert made.status == 201
    assert (made.json["status_id"], made.json["order_source"], made.json["total_inc_tax"]) == (1, "external", "7.0000")
    assert await bench.level("A") == 3
    assert await bench.listed(external_order_id="ERP-1") == [made.json["id"]]
    bench.shop.settings.switches.create_answer = 200
    assert (await bench.call("POST", "/v2/orders", draft(bench))).status == 200


async def test_an_order_that_is_too_great_is_409_with_the_vendors_body(bench):
    refused = await bench.call("POST", "/v2/orders", draft(bench, "P-1", 3))
    assert refused.status == 409
    fault = refused.json[0]["details"]["errors"][0]
    assert fault["type"] == "OutOfStock"
    assert (fault["product"]["sku"]["sku"], fault["product"]["sku"]["inventory_level"]) == ("P-1", 2)
    assert await bench.level("P-1") == 2
    assert await bench.listed() == []


async def test_an_order_posted_as_incomplete_takes_nothing(bench):
    await bench.call("POST", "/v2/orders", draft(bench, quantity=50, status_id=0))
    assert await bench.level("A") == 5
    bench.shop.settings.switches.incomplete_holds = True
    await bench.call("POST", "/v2/orders", draft(bench, quantity=1, status_id=0))
    assert await bench.level("A") == 4


async def test_a_migrated_order_takes_stock_unless_the_switch_says_no(bench):
    await bench.call("POST", "/v2/orders", draft(bench, external_source="M-MIG"))
    assert await bench.level("A") == 4
    bench.shop.settings.switches.migrated_takes_stock = False
    await bench.call("POST", "/v2/orders", draft(bench, external_source="M-MIG"))
    assert await bench.level("A") == 4


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"billing_address": None}, "billing_address"),
        ({"products": None, "consignments": {}}, "products"),
        ({"products": [{"name": "x", "quantity": 1, "price_inc_tax": 1}]}, "price_ex_tax"),
        ({"products": [{"name": "x", "quantity": 0}]}, "quantity"),
        ({"status_id": 99}, "status_id"),
        ({"items_total": 3}, "cannot be written to"),
        ({"channel_id": 9}, "channel"),
        ({"customer_id": "nobody"}, "invalid"),
    ],
)
async def test_an_order_with_a_bad_field_is_400_in_an_array(bench, change, name):
    refused = await bench.call("POST", "/v2/orders", {**draft(bench), **change})
    assert refused.status == 400
    assert name in refused.json[0]["message"]


async def test_a_product_with_variants_needs_one(bench):
    product, _ = bench.shop.catalog.sold_as("P-1")
    body = {"billing_address": BILLING, "products": [{"product_id": product.id, "quantity": 1}]}
    refused = await bench.call("POST", "/v2/orders", body)
    assert refused.json[0]["message"] == "The options of one or more products are invalid."


async def test_a_custom_line_touches_no_stock_and_needs_both_prices(bench):
    line = {"name": "Engraving", "quantity": 2, "price_inc_tax": 4, "price_ex_tax": 4}
    made = await bench.call("POST", "/v2/orders", {"billing_address": BILLING, "products": [line]})
    lines = (await bench.get(f"/v2/orders/{made.json['id']}/products")).json
    assert [(one["product_id"], one["name"], one["price_inc_tax"]) for one in lines] == [(0, "Engraving", "4.0000")]


async def test_a_put_without_a_status_leaves_the_order_pending_unless_the_switch_says_no(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    changed = await bench.call("PUT", f"/v2/orders/{order.id}", {"staff_notes": "hello"})
    assert (changed.json["status_id"], changed.json["staff_notes"]) == (1, "hello")
    bench.shop.settings.switches.put_resets_status = False
    await bench.call("PUT", f"/v2/orders/{order.id}", {"status_id": 9})
    assert (await bench.call("PUT", f"/v2/orders/{order.id}", {"staff_notes": "x"})).json["status_id"] == 9


async def test_a_put_changes_adds_and_removes_lines_and_clears_discounts(bench):
    made = (await bench.call("POST", "/v2/orders", draft(bench, discount_amount="1.00"))).json
    assert made["discount_amount"] == "1.0000"
    lines = (await bench.get(f"/v2/orders/{made['id']}/products")).json
    product, variant = bench.shop.catalog.sold_as("P-1")
    new = {"product_id": product.id, "variant_id": variant.id, "quantity": 1}
    body = {"status_id": 11, "products": [{"id": lines[0]["id"], "quantity": 0}, new]}
    changed = await bench.call("PUT", f"/v2/orders/{made['id']}", body)
    assert (changed.status, changed.json["discount_amount"]) == (200, "0.0000")
    assert [line["sku"] for line in (await bench.get(f"/v2/orders/{made['id']}/products")).json] == ["P-1"]
    truth = bench.shop.truth()["orders"][0]["lines"]
    assert [(line["sku"], line["quantity"]) for line in truth] == [("P-1", 1), ("A", 0)]


async def test_a_put_of_a_read_only_or_write_once_field_is_400(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    for name in ("items_total", "external_merchant_id"):
        refused = await bench.call("PUT", f"/v2/orders/{order.id}", {name: "1"})
        assert refused.status == 400
        assert "cannot be written to" in refused.json[0]["message"]
    assert (await bench.call("PUT", "/v2/orders/999", {})).status == 404
    assert (await bench.call("PUT", f"/v2/orders/{order.id}", {"products": [{"id": 77}]})).status == 400


async def test_a_put_touches_the_modified_date_unless_it_is_silent(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    bench.clock.turn(60)
    await bench.call("PUT", f"/v2/orders/{order.id}", {"staff_notes": "x", "status_id": 11})
    assert await bench.listed(min_date_modified="2023-11-14T22:14:20Z") == [order.id]
    bench.shop.faults.silent_edits = 1.0
    bench.clock.turn(60)
    await bench.call("PUT", f"/v2/orders/{order.id}", {"staff_notes": "y", "status_id": 11})
    assert await bench.listed(min_date_modified="2023-11-14T22:15:20Z") == []
    assert (await bench.get(f"/v2/orders/{order.id}")).json["staff_notes"] == "y"


async def test_a_put_of_is_deleted_archives(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    await bench.call("PUT", f"/v2/orders/{order.id}", {"is_deleted": True, "status_id": 11})
    assert await bench.listed() == []


async def test_shipments_drive_the_status_and_the_line_counts(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 3}])
    path, line = f"/v2/orders/{order.id}/shipments", order.lines[0].id
    assert (await bench.get(path)).status == 204
    part = {"order_address_id": order.address_id, "tracking_number": "T1", "comments": "key-1"}
    body = {**part, "items": [{"order_product_id": line, "quantity": 1}]}
    first = await bench.call("POST", path, body)
    assert (first.status, first.json["comments"], first.json["items"][0]["quantity"]) == (201, "key-1", 1)
    shown = (await bench.get(f"/v2/orders/{order.id}")).json
    assert (shown["status_id"], shown["items_shipped"], shown["date_shipped"]) == (3, 1, "")
    await bench.call("POST", path, {**body, "items": [{"order_product_id": line, "quantity": 2}]})
    shown = (await bench.get(f"/v2/orders/{order.id}")).json
    assert shown["status_id"] == 2
    assert shown["date_shipped"]
    assert len((await bench.get(path)).json) == 2
    assert (await bench.get(f"{path}/1")).json["tracking_number"] == "T1"
    assert (await bench.get(f"/v2/orders/{order.id}/products")).json[0]["quantity_shipped"] == 3


async def test_an_order_to_two_addresses_is_shipped_to_each_by_itself(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}, {"sku": "A", "quantity": 2, "address": 1}])
    path, (one, two) = f"/v2/orders/{order.id}", order.lines
    first, second = [row["id"] for row in (await bench.get(f"{path}/shipping_addresses")).json]
    products = (await bench.get(f"{path}/products")).json
    assert [row["order_address_id"] for row in products] == [first, second]
    whole = {"include": "consignments.line_items", "consignment_structure": "object"}
    shipping = (await bench.get(path, **whole)).json["consignments"]["shipping"]
    assert [[line["id"] for line in each["line_items"]] for each in shipping] == [[one.id], [two.id]]
    both = [{"order_product_id": one.id, "quantity": 1}, {"order_product_id": two.id, "quantity": 2}]
    refused = await bench.call("POST", f"{path}/shipments", {"order_address_id": first, "items": both})
    assert (refused.status, order.shipments) == (400, [])
    made = await bench.call("POST", f"{path}/shipments", {"order_address_id": second, "items": both[1:]})
    assert (made.status, made.json["order_address_id"]) == (201, second)


@pytest.mark.parametrize(
    "change",
    [
        {"order_address_id": 1},
        {"items": []},
        {"items": [{"order_product_id": 1, "quantity": 4}]},
        {"tracking_number": "x" * 51},
    ],
)
async def test_a_shipment_that_cannot_be_is_400(bench, change):
    order = bench.shop.sell([{"sku": "A", "quantity": 3}])
    body = {"order_address_id": order.address_id, "items": [{"order_product_id": order.lines[0].id, "quantity": 1}]}
    refused = await bench.call("POST", f"/v2/orders/{order.id}/shipments", {**body, **change})
    assert refused.status == 400
    assert not order.shipments


async def test_a_refund_by_the_api_moves_money_and_status_but_no_stock(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 2}])
    path = f"/v3/orders/{order.id}/payment_actions/refunds"
    item = {"item_type": "PRODUCT", "item_id": order.lines[0].id, "quantity": 1}
    payments = [{"provider_id": "custom", "amount": 3.5, "offline": True}]
    made = await bench.call("POST", path, {"items": [item], "payments": payments})
    assert (made.status, made.json["data"]["total_amount"]) == (201, 3.5)
    assert (await bench.get(f"/v2/orders/{order.id}")).json["status_id"] == 14
    await bench.call("POST", path, {"items": [item], "payments": payments})
    assert (await bench.get(f"/v2/orders/{order.id}")).json["payment_status"] == "refunded"
    assert (await bench.call("POST", path, {"items": [item], "payments": payments})).status == 422
    assert (await bench.call("POST", path, {"items": [item]})).status == 422
    assert await bench.level("A") == 3
    assert order.lines[0].restocked == 0
    assert len((await bench.get(path)).json["data"]) == 2


async def test_a_full_refund_by_the_api_restocks_only_with_the_switch(bench):
    bench.shop.settings.switches.refund_api_restocks = True
    order = bench.shop.sell([{"sku": "A", "quantity": 2}])
    bench.shop.book_refund(order, {order.lines[0].id: 2})
    assert (await bench.level("A"), order.lines[0].restocked) == (5, 2)


async def test_refunds_of_the_store_are_listed_by_date_and_order(bench):
    orders = [bench.shop.sell([{"sku": "A", "quantity": 1}]) for _ in range(2)]
    for order in orders:
        bench.shop.refund(order.id)
        bench.clock.turn(60)
    path = "/v3/orders/payment_actions/refunds"
    assert (await bench.get(path)).json["meta"]["pagination"]["total"] == 2
    late = (await bench.get(path, **{"created:min": "2023-11-14T22:14:00Z"})).json["data"]
    assert [refund["order_id"] for refund in late] == [orders[1].id]
    some = (await bench.get(path, **{"order_id:in": orders[0].id})).json["data"]
    assert [refund["items"][0]["quantity"] for refund in some] == [1]


async def test_a_shipment_is_deleted_and_an_archived_order_is_restored(bench):
    order = bench.shop.sell([{"sku": "A", "quantity": 1}])
    shipment = bench.shop.ship(order.id)
    path = f"/v2/orders/{order.id}/shipments/{shipment.id}"
    assert [(await bench.call("DELETE", path)).status for _ in range(2)] == [204, 404]
    assert (await bench.call("DELETE", "/v2/orders/9/shipments/1")).status == 404
    assert order.lines[0].shipped == 0
    for archived in (True, False):
        await bench.call("PUT", f"/v2/orders/{order.id}", {"is_deleted": archived, "status_id": 2})
        assert order.archived is archived
