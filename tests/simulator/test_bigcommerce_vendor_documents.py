"""Each answer of the BigCommerce shop is held against the vendor's own OpenAPI documents."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.simulator.bigcommerce_bench import WHOLE, Bench, open_bench
from tests.simulator.bigcommerce_documents import Documents, faults, strange_fields

READS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("/v2/time", {}),
    ("/v2/store", {}),
    ("/v2/orders", {}),
    ("/v2/orders", WHOLE),
    ("/v2/orders", {"include": "consignments", "consignment_structure": "object"}),
    ("/v2/orders/count", {}),
    ("/v2/orders/100", {}),
    ("/v2/orders/100", WHOLE),
    ("/v2/orders/100/products", {}),
    ("/v2/orders/100/products/1", {}),
    ("/v2/orders/100/shipping_addresses", {}),
    ("/v2/orders/100/shipments", {}),
    ("/v2/orders/100/shipments/1", {}),
    ("/v2/orders/101/shipments", {}),
    ("/v2/order_statuses", {}),
    ("/v3/orders/payment_actions/refunds", {}),
    ("/v3/orders/100/payment_actions/refunds", {}),
    ("/v3/inventory/items", {}),
    ("/v3/inventory/items", {"limit": 1, "page": 2}),
    ("/v3/inventory/locations", {}),
    ("/v3/inventory/locations/1/items", {}),
    ("/v3/inventory/locations/9/items", {}),
    ("/v3/catalog/products", {"include": "variants"}),
    ("/v3/catalog/products", {"include_fields": "sku"}),
    ("/v3/catalog/variants", {}),
    ("/v3/channels", {}),
    ("/v3/hooks", {}),
    ("/v3/settings/inventory", {}),
    ("/v3/settings/inventory", {"channel_id": 1}),
    ("/v3/settings/inventory", {"channel_id": 99}),
)
UNNAMED = {
    "$[].custom_status": "shown by the API; the document has it in prose only",
    "$.custom_status": "as above",
    "$[].order": "the order statuses' sort order",
    "$.data.redirect_urls": "documented under include, not in the schema of a cart",
    "$.data.line_items.physical_items[].options": "as above",
    "$.data[].variants": "documented under include, not in the schema of a product",
}
"""Fields that the documents don't name, each with its reason."""
NULLS = {
    "update_stock_behavior": "a channel's value that inherits",
    "edit_order_stock_adjustment": "as above",
    "refund_order_stock_adjustment": "as above",
    "product_out_of_stock_behavior": "as above",
    "option_out_of_stock_behavior": "as above",
    "stock_level_display": "as above",
    "default_out_of_stock_message": "as above",
    "hide_in_product_filtering": "as above",
    "show_pre_order_stock_levels": "as above",
    "show_out_of_stock_message": "as above",
    "base_variant_id": "a product with variants has none",
    "parent_id": "a line that belongs to no bundle has none",
    "sku_id": "a base variant has none",
}
"""Fields that are null by the text of the documents and not by their schemas."""


@pytest.fixture(scope="module")
def documents(shared_folder):
    folder = shared_folder / "specs/bigcommerce/reference"
    if not folder.is_dir():
        pytest.skip(f"the vendor's documents are not here: {folder}")
    return Documents(folder)


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        shop = bench.shop
        variants = [{"sku": "P-1", "stock": 5}, {"sku": "P-2"}]
        shop.add_products([{"sku": "A", "stock": 50, "safety_stock": 2}, {"sku": "P", "variants": variants}])
        shop.add_products(
            [{"sku": "N", "track": "none"}, {"sku": "Q", "track": "product", "variants": [{"sku": "Q-1"}]}]
        )
        lines = [{"sku": "A", "quantity": 3}, {"sku": "P-1", "quantity": 1}]
        order = shop.sell(lines, custom_lines=[{"name": "Wrap", "quantity": 1}])
        shop.ship(order.id, [{"line": 1, "quantity": 2}], tracking_number="T", shipping_provider="ups")
        shop.refund(order.id, [{"line": 1, "quantity": 1}])
        shop.sell(lines, paid=False, source="manual")
        yield bench


def judge(documents: Documents, method: str, path: str, reply) -> list[str]:
    schema = documents.schema(method, path, reply.status)
    if schema is None:
        return [f"the documents know no {reply.status} for {method} {path}"]
    if not reply.body:
        return [] if not schema else ["an empty body"]
    if not schema:
        return []
    broken = [fault for fault in faults(schema, reply.json) if not is_known_null(fault)]
    strange = [f"{name}: no such field" for name in strange_fields(schema, reply.json) if name not in UNNAMED]
    return broken + strange


def is_known_null(fault: str) -> bool:
    path, _, message = fault.partition(": ")
    return message.startswith("None is not") and path.rpartition(".")[2] in NULLS


@pytest.mark.parametrize(("path", "query"), READS, ids=str)
async def test_what_is_read_has_the_documented_shape(bench, documents, path, query):
    reply = await bench.get(path, **query)
    assert judge(documents, "GET", path, reply) == []


async def test_what_is_written_is_answered_in_the_documented_shape(bench: Bench, documents):
    product, variant = bench.shop.catalog.sold_as("A")
    billing = {"first_name": "Ann", "zip": "78751"}
    line = {"product_id": product.id, "variant_id": variant.id, "quantity": 1}
    shipment = {"order_address_id": 100, "items": [{"order_product_id": 1, "quantity": 1}]}
    refund = {
        "items": [{"item_type": "PRODUCT", "item_id": 4, "quantity": 1}],
        "payments": [{"provider_id": "custom", "amount": 1, "offline": True}],
    }
    fine, unknown = {"location_id": 1, "sku": "A", "quantity": 1}, {"location_id": 1, "sku": "X", "quantity": 1}
    rules = {"update_stock_behavior": "order_placed", "edit_order_stock_adjustment": False}
    for method, path, body, status in (
        ("POST", "/v2/orders", {"billing_address": billing, "products": [line]}, 201),
        ("PUT", "/v2/orders/102", {"staff_notes": "x", "status_id": 11}, 200),
        ("POST", "/v2/orders/100/shipments", shipment, 201),
        ("DELETE", "/v2/orders/102", None, 204),
        ("POST", "/v3/orders/101/payment_actions/refunds", refund, 201),
        ("POST", "/v3/orders/101/payment_actions/refunds", {}, 422),
        ("PUT", "/v3/inventory/adjustments/absolute", {"items": [fine]}, 200),
        ("PUT", "/v3/inventory/adjustments/absolute", {"items": [unknown]}, 422),
        ("POST", "/v3/inventory/adjustments/relative", {"items": [fine]}, 200),
        ("POST", "/v3/inventory/adjustments/relative", {"items": [unknown]}, 422),
        ("PUT", "/v3/inventory/locations/1/items", {"settings": [{"identity": {"sku": "A"}, "safety_stock": 1}]}, 200),
        ("PUT", "/v3/inventory/locations/9/items", {"settings": []}, 422),
        ("PUT", "/v3/settings/inventory", rules, 200),
    ):
        reply = await bench.call(method, path, body)
        assert (method, path, reply.status) == (method, path, status)
        assert (path, judge(documents, method, path, reply)) == (path, [])


async def test_an_answer_of_another_shape_would_be_noticed(bench: Bench, documents):
    reply = await bench.get("/v2/orders")
    for wrong in (
        reply.body.replace(b'"status_id":', b'"state_id":'),
        reply.body.replace(b'"items_total":5', b'"items_total":"5"'),
        b'{"data":[]}',
    ):
        assert wrong != reply.body
        reply.body = wrong
        assert judge(documents, "GET", "/v2/orders", reply)
        reply = await bench.get("/v2/orders")
