"""Lines of orders as the v2 API shows them, and how an answer is put together from what changes and what doesn't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from syncd.simulator.bigcommerce.detail_shapes import line_members, money
from syncd.simulator.bigcommerce.orders import Line, Order

ZERO: Final = "0.0000"

_CONSTANTS: Final = {
    "order_pickup_method_id": 0,
    "upc": "",
    "price_tax": ZERO,
    "total_tax": ZERO,
    "weight": "1.0000",
    "width": ZERO,
    "height": ZERO,
    "depth": ZERO,
    "base_cost_price": ZERO,
    "cost_price_inc_tax": ZERO,
    "cost_price_ex_tax": ZERO,
    "cost_price_tax": ZERO,
    "refund_amount": ZERO,
    "return_id": 0,
    "wrapping_id": 0,
    "wrapping_name": "",
    "base_wrapping_cost": ZERO,
    "wrapping_cost_ex_tax": ZERO,
    "wrapping_cost_inc_tax": ZERO,
    "wrapping_cost_tax": ZERO,
    "wrapping_message": "",
    "event_name": None,
    "event_date": None,
    "fixed_shipping_cost": ZERO,
    "ebay_item_id": "",
    "ebay_transaction_id": "",
    "option_set_id": None,
    "parent_order_product_id": None,
    "is_bundled_product": False,
    "bin_picking_number": "",
    "external_id": None,
    "brand": "",
    "applied_discounts": (),
    "product_options": (),
    "configurable_fields": (),
    "gift_certificate_id": None,
}


def tail_of(constants: Mapping[str, Any]) -> bytes:
    """The members of an object that never change, encoded once."""
    return b"," + msgspec.json.encode(constants)[1:]


_TAIL: Final = tail_of(_CONSTANTS)


def whole_of(changing: Mapping[str, Any], tail: bytes) -> msgspec.Raw:
    """An object of members that change and members that don't."""
    return msgspec.Raw(msgspec.json.encode(changing)[:-1] + tail)


_NOISE: Final[dict[str, Any]] = {"event_date": "", "wrapping_name": None}


def show_line(order: Order, line: Line, *, noise: bool = False) -> msgspec.Raw:
    """An order product."""
    price, total = money(line.price), money(line.price * line.quantity)  # as if there were neither taxes nor discounts
    changing = {
        "id": line.id,
        "order_id": order.id,
        "product_id": line.product_id,
        "variant_id": line.variant_id or 0,
        "order_address_id": order.address_of(line),
        "name": line.name,
        "name_customer": line.name,
        "name_merchant": line.name,
        "sku": line.sku,
        "type": "physical",
        "base_price": price,
        "price_ex_tax": price,
        "price_inc_tax": price,
        "base_total": total,
        "total_ex_tax": total,
        "total_inc_tax": total,
        "discounted_total_inc_tax": total,
        "quantity": line.quantity,
        "quantity_shipped": line.shipped,
        "quantity_refunded": line.refunded,
        "is_refunded": line.refunded >= line.quantity,
    }
    if line.details is not None or order.discount or noise:
        members = {**_CONSTANTS, **changing, **line_members(order, line)}
        if noise:
            members |= {name: value for name, value in _NOISE.items() if not members[name]}
            members["order_address_id"] = str(members["order_address_id"])
        return msgspec.Raw(msgspec.json.encode(members))
    return whole_of(changing, _TAIL)
