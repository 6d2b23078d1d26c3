"""BigCommerce bodies in the vendor's shapes, hand-made, with room for what a test wants otherwise."""

from __future__ import annotations

import json
from typing import Any

CREATED = "Tue, 05 Mar 2019 21:40:11 +0000"
MODIFIED = "Wed, 06 Mar 2019 08:00:00 +0000"


def product(number: int = 25, **fields: Any) -> dict[str, Any]:
    """An order product."""
    return {
        "id": number,
        "order_id": 118,
        "product_id": 20,
        "variant_id": 77,
        "order_pickup_method_id": 0,
        "order_address_id": 51,
        "name": "Fog Linen Chambray Towel - Beige Stripe",
        "sku": "S-GREE",
        "upc": "",
        "type": "physical",
        "base_price": "54.0000",
        "quantity": 2,
        "is_refunded": False,
        "quantity_refunded": 0,
        "quantity_shipped": 0,
        "parent_order_product_id": None,
        "is_bundled_product": False,
        "bin_picking_number": "",
        "external_id": None,
        "applied_discounts": [],
        "product_options": [],
        **fields,
    }


def consignments(shipping: Any = (), pickups: Any = (), downloads: Any = (), certificates: Any = ()) -> dict[str, Any]:
    """Consignments of one recipient for each kind that has lines."""
    return {
        "pickups": [{"id": 98, "pickup_method_id": 1, "line_items": list(pickups)}] if pickups else [],
        "shipping": [{"id": 99, "first_name": "Jane", "line_items": list(shipping)}] if shipping else [],
        "downloads": [{"recipient_email": "a@example.com", "line_items": list(downloads)}] if downloads else [],
        "email": {
            "gift_certificates": [{"recipient_email": "b@example.com", "line_items": list(certificates)}]
            if certificates
            else []
        },
    }


def link(order: int, what: str) -> dict[str, str]:
    """Where a part of an order could be read."""
    return {
        "url": f"https://api.bigcommerce.com/stores/abc123/v2/orders/{order}/{what}",
        "resource": f"/orders/{order}/{what}",
    }


def order(number: int = 118, lines: Any = None, **fields: Any) -> dict[str, Any]:
    """An order with its lines in one shipping consignment."""
    lines = [product()] if lines is None else lines
    return {
        "id": number,
        "customer_id": 0,
        "date_created": CREATED,
        "date_modified": MODIFIED,
        "date_shipped": "",
        "cart_id": "a8458391-ef68-4fe5-9ec1-442e6a767364",
        "status": "Awaiting Fulfillment",
        "status_id": 11,
        "custom_status": "Awaiting Fulfillment",
        "items_total": sum(int(float(line.get("quantity") or 0)) for line in lines),
        "items_shipped": 0,
        "payment_status": "captured",
        "payment_provider_id": "",
        "refunded_amount": "0.0000",
        "is_deleted": False,
        "channel_id": 1,
        "external_id": None,
        "external_order_id": "",
        "credit_card_type": {},
        "products": link(number, "products"),
        "consignments": consignments(shipping=lines),
        **fields,
    }


def raw(body: Any) -> bytes:
    """As it goes over the wire."""
    return json.dumps(body).encode()
