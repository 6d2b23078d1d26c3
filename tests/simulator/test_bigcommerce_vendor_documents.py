"""Each answer of the BigCommerce shop is held against the vendor's own OpenAPI documents."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from syncd.simulator.bigcommerce.rich_orders import PARTS, sell_rich
from tests.simulator.bigcommerce_bench import WHOLE, Bench, Reply, open_bench
from tests.simulator.bigcommerce_documents import Documents
from tests.simulator.bigcommerce_judge import FOLDER, Exchange, Judge, the_judge

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
    ("/v2/order_statuses/11", {}),
    ("/v2/orders/100/shipments/count", {}),
    ("/v2/orders", {"include": "consignments.line_items,fees", "consignment_structure": "object"}),
    *(
        (f"/v2/orders/{order}{rest}", query)
        for order in (102, 103)
        for rest, query in (
            ("", {}),
            ("", {**WHOLE, "include": "consignments.line_items,fees"}),
            ("/products", {}),
            ("/shipping_addresses", {}),
            (f"/shipping_addresses/{order}", {}),
            (f"/shipping_addresses/{order}/shipping_quotes", {}),
            ("/consignments", {}),
            ("/consignments", {"include": "consignments.line_items"}),
            (f"/consignments/shipping/{order}/shipping_quotes", {}),
            ("/coupons", {}),
            ("/taxes", {}),
            ("/taxes", {"details": "true"}),
            ("/messages", {}),
            ("/fees", {}),
            ("/shipments", {}),
        )
    ),
    *((f"/v2/orders/104{rest}", {}) for rest in ("", "/products", "/consignments", "/taxes", "/shipping_addresses")),
    *((f"/v2/orders/100/{part}", {}) for part in ("coupons", "taxes", "messages", "fees", "consignments")),
    ("/v2/orders/102/products/8", {}),
    *((f"/v3/orders/{order}/transactions", {}) for order in (100, 102)),
    ("/v3/orders/102/metafields", {}),
    ("/v3/orders/102/payment_actions/refunds", {}),
    ("/v3/orders/payment_actions/refunds/1", {}),
    ("/v3/orders/payment_actions/refunds", {"transaction_id": "5"}),
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


@pytest.fixture(scope="module")
def documents():
    judge = the_judge()
    if judge is None:
        pytest.skip(f"the vendor's documents are not here: {FOLDER}")
    return judge


@pytest.fixture
async def bench():
    async with open_bench() as bench:
        shop = bench.shop
        variants = [{"sku": "P-1", "stock": 50}, {"sku": "P-2"}]
        shop.add_products([{"sku": "A", "stock": 50, "safety_stock": 2}, {"sku": "P", "variants": variants}])
        shop.add_products(
            [{"sku": "N", "track": "none"}, {"sku": "Q", "track": "product", "variants": [{"sku": "Q-1"}]}]
        )
        lines = [{"sku": "A", "quantity": 3}, {"sku": "P-1", "quantity": 1}]
        order = shop.sell(lines, custom_lines=[{"name": "Wrap", "quantity": 1}])
        shop.ship(order.id, [{"line": 1, "quantity": 2}], tracking_number="T", shipping_provider="ups")
        shop.refund(order.id, [{"line": 1, "quantity": 1}])
        shop.sell(lines, paid=False, source="manual")
        rich = sell_rich(shop, lines, parts=PARTS)
        shop.ship(rich.id, [{"line": rich.lines[0].id, "quantity": 1}])
        shop.book_refund(rich, {rich.lines[0].id: 1}, provider_id="stripe")
        sell_rich(shop, lines, parts=(*PARTS, "inclusive", "currency"), source="external", paid=False)
        sell_rich(shop, lines, parts=(*PARTS, "pickup"))
        yield bench


def judge(documents: Documents | Judge, method: str, path: str, reply: Reply) -> list[str]:
    """What the documents find wrong with an answer."""
    found = documents if isinstance(documents, Judge) else Judge(documents)
    return [*found.answer(Exchange(method, path, [], b"", reply.status, reply.body, reply.content_type))]


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
        ("PUT", "/v2/orders/105", {"staff_notes": "x", "status_id": 11}, 200),
        ("PUT", "/v2/orders/102/shipping_addresses/102", {"city": "Austin"}, 200),
        ("POST", "/v2/orders/100/shipments", shipment, 201),
        ("PUT", "/v2/orders/100/shipments/1", {"tracking_number": "T"}, 200),
        ("DELETE", "/v2/orders/105", None, 204),
        ("POST", "/v3/orders/101/payment_actions/refund_quotes", {"items": refund["items"]}, 201),
        ("POST", "/v3/orders/102/payment_actions/refund_quotes", {"items": []}, 422),
        ("POST", "/v3/orders/102/payment_actions/capture", None, 422),
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
