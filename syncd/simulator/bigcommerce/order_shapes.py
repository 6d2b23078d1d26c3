"""Orders as the v2 API shows them: strings for money, RFC 2822 dates, links or whole consignments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from syncd.simulator.bigcommerce.dates import rfc_2822
from syncd.simulator.bigcommerce.detail_shapes import line_members, money, order_members
from syncd.simulator.bigcommerce.orders import STATUS_NAMES, Line, Order, Shipment

_ZERO: Final = "0.0000"

_BILLING: Final = {
    "first_name": "Jane",
    "last_name": "Doe",
    "company": "",
    "street_1": "123 Main Street",
    "street_2": "",
    "city": "Austin",
    "state": "Texas",
    "zip": "12345",
    "country": "United States",
    "country_iso2": "US",
    "phone": "",
    "email": "jane.doe@example.com",
}

_ORDER_CONSTANTS: Final = {
    "subtotal_tax": _ZERO,
    "base_shipping_cost": _ZERO,
    "shipping_cost_ex_tax": _ZERO,
    "shipping_cost_inc_tax": _ZERO,
    "shipping_cost_tax": _ZERO,
    "shipping_cost_tax_class_id": 2,
    "base_handling_cost": _ZERO,
    "handling_cost_ex_tax": _ZERO,
    "handling_cost_inc_tax": _ZERO,
    "handling_cost_tax": _ZERO,
    "handling_cost_tax_class_id": 2,
    "base_wrapping_cost": _ZERO,
    "wrapping_cost_ex_tax": _ZERO,
    "wrapping_cost_inc_tax": _ZERO,
    "wrapping_cost_tax": _ZERO,
    "wrapping_cost_tax_class_id": 3,
    "total_tax": _ZERO,
    "payment_provider_id": "",
    "refunded_amount": _ZERO,
    "order_is_digital": False,
    "store_credit_amount": _ZERO,
    "gift_certificate_amount": _ZERO,
    "ip_address": "",
    "ip_address_v6": "",
    "geoip_country": "",
    "geoip_country_iso2": "",
    "currency_id": 1,
    "currency_code": "USD",
    "currency_exchange_rate": "1.0000000000",
    "default_currency_id": 1,
    "default_currency_code": "USD",
    "store_default_currency_code": "USD",
    "store_default_to_transactional_exchange_rate": "1.0000000000",
    "coupon_discount": _ZERO,
    "shipping_address_count": 1,
    "is_email_opt_in": False,
    "ebay_order_id": "0",
    "is_tax_inclusive_pricing": False,
    "tax_provider_id": "BasicTaxProvider",
    "customer_locale": "en",
    "external_id": None,
}

_LINE_CONSTANTS: Final = {
    "order_pickup_method_id": 0,
    "upc": "",
    "price_tax": _ZERO,
    "total_tax": _ZERO,
    "weight": "1.0000",
    "width": _ZERO,
    "height": _ZERO,
    "depth": _ZERO,
    "base_cost_price": _ZERO,
    "cost_price_inc_tax": _ZERO,
    "cost_price_ex_tax": _ZERO,
    "cost_price_tax": _ZERO,
    "refund_amount": _ZERO,
    "return_id": 0,
    "wrapping_id": 0,
    "wrapping_name": "",
    "base_wrapping_cost": _ZERO,
    "wrapping_cost_ex_tax": _ZERO,
    "wrapping_cost_inc_tax": _ZERO,
    "wrapping_cost_tax": _ZERO,
    "wrapping_message": "",
    "event_name": None,
    "fixed_shipping_cost": _ZERO,
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


def _tail(constants: Mapping[str, Any]) -> bytes:
    """The members of an object that never change, encoded once."""
    return b"," + msgspec.json.encode(constants)[1:]


_ORDER_TAIL: Final = _tail(_ORDER_CONSTANTS)
_LINE_TAIL: Final = _tail(_LINE_CONSTANTS)
_BILLING_RAW: Final = msgspec.Raw(msgspec.json.encode({**_BILLING, "form_fields": ()}))


def _whole(changing: Mapping[str, Any], tail: bytes) -> msgspec.Raw:
    """An object of members that change and members that don't."""
    return msgspec.Raw(msgspec.json.encode(changing)[:-1] + tail)


def show_line(order: Order, line: Line) -> msgspec.Raw:
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
    if line.details is not None or order.discount:
        return msgspec.Raw(msgspec.json.encode({**_LINE_CONSTANTS, **changing, **line_members(order, line)}))
    return _whole(changing, _LINE_TAIL)


def show_order(order: Order, store: str, *, consignments: str = "", lines_max: int = 0) -> msgspec.Raw:
    """An order. `consignments`: "" for a link, "links" for whole ones with linked lines, "lines" for whole lines."""
    subtotal = sum((line.price * line.quantity for line in order.lines), Decimal(0))
    items = sum(line.quantity for line in order.lines)
    shipped = sum(line.shipped for line in order.lines)
    changing = {
        "id": order.id,
        "customer_id": order.customer_id,
        "date_created": rfc_2822(order.created_seconds),
        "date_modified": rfc_2822(order.modified_seconds),
        "date_shipped": "" if order.shipped_seconds is None else rfc_2822(order.shipped_seconds),
        "status_id": order.status_id,
        "status": STATUS_NAMES[order.status_id],
        "custom_status": STATUS_NAMES[order.status_id],
        "cart_id": order.cart_id,
        "subtotal_ex_tax": money(subtotal),
        "subtotal_inc_tax": money(subtotal),
        "total_ex_tax": money(subtotal - order.discount),
        "total_inc_tax": money(subtotal - order.discount),
        "discount_amount": money(order.discount),
        "items_total": items,
        "items_shipped": shipped,
        "payment_method": order.payment_method,
        "payment_status": order.payment_status,
        "staff_notes": order.staff_notes,
        "customer_message": order.customer_message,
        "billing_address": {**_BILLING, "form_fields": (), **order.billing} if order.billing else _BILLING_RAW,
        "order_source": order.source,
        "channel_id": order.channel_id,
        "external_source": order.external_source,
        "external_order_id": order.external_order_id,
        "external_merchant_id": order.external_merchant_id,
        "is_deleted": order.archived,
        "products": _link(store, order, "products"),
        "shipping_addresses": _link(store, order, "shippingaddresses"),
        "coupons": _link(store, order, "coupons"),
        "fees": _link(store, order, "fees"),
        "consignments": (
            show_consignments(order, store, whole=consignments == "lines", lines_max=lines_max)
            if consignments
            else _link(store, order, "consignments")
        ),
    }
    if order.details is not None or order.discount:
        return msgspec.Raw(msgspec.json.encode({**_ORDER_CONSTANTS, **changing, **order_members(order)}))
    return _whole(changing, _ORDER_TAIL)


def show_consignments(order: Order, store: str, *, whole: bool, lines_max: int = 0) -> dict[str, Any]:
    """The consignments with consignment_structure=object: a shipping consignment for each address."""
    lines = order.lines[:lines_max] if lines_max else order.lines
    shipping = [
        _consignment(order, store, number, [line for line in lines if order.address_of(line) == number], whole=whole)
        for number in order.addresses
    ]
    return {
        "pickups": (),
        "shipping": shipping if order.lines else (),
        "downloads": (),
        "email": {"gift_certificates": ()},
    }


def _consignment(order: Order, store: str, number: int, lines: Sequence[Line], *, whole: bool) -> dict[str, Any]:
    shown = [show_line(order, line) if whole else _link(store, order, f"products/{line.id}") for line in lines]
    return {
        **show_address(order, number),
        "line_items": shown,
        "base_cost": 0,
        "cost_ex_tax": 0,
        "cost_inc_tax": 0,
        "cost_tax": 0,
        "cost_tax_class_id": 2,
        "base_handling_cost": 0,
        "handling_cost_ex_tax": 0,
        "handling_cost_inc_tax": 0,
        "handling_cost_tax": 0,
        "handling_cost_tax_class_id": 2,
        "shipping_quotes": _link(store, order, f"consignments/shipping/{number}/shipping_quotes"),
    }


def show_address(order: Order, number: int) -> dict[str, Any]:
    """What a shipping address and a shipping consignment have in common. `number` is the address's id."""
    lines = [line for line in order.lines if order.address_of(line) == number]
    return {
        "id": number,
        **_BILLING,
        **order.billing,
        "form_fields": (),
        **order.address_fields(number),
        "shipping_method": "Free Shipping",
        "items_total": sum(line.quantity for line in lines),
        "items_shipped": sum(line.shipped for line in lines),
        "shipping_zone_id": 1,
        "shipping_zone_name": "United States",
    }


def show_shipping_address(order: Order, store: str, number: int) -> dict[str, Any]:
    """A row of /shipping_addresses."""
    costs = ("base_cost", "cost_ex_tax", "cost_inc_tax", "cost_tax", "base_handling_cost")
    more = ("handling_cost_ex_tax", "handling_cost_inc_tax", "handling_cost_tax")
    return {
        **show_address(order, number),
        "order_id": order.id,
        **dict.fromkeys((*costs, *more), _ZERO),
        "cost_tax_class_id": 2,
        "handling_cost_tax_class_id": 2,
        "shipping_quotes": _link(store, order, f"shippingaddresses/{number}/shippingquotes"),
    }


def show_shipment(order: Order, shipment: Shipment) -> dict[str, Any]:
    """A shipment."""
    products = {line.id: line.product_id for line in order.lines}
    fields = shipment.fields
    return {
        "id": shipment.id,
        "order_id": order.id,
        "customer_id": order.customer_id,
        "order_address_id": shipment.address_id,
        "date_created": rfc_2822(shipment.created_seconds),
        "tracking_number": fields.get("tracking_number", ""),
        "merchant_shipping_cost": fields.get("merchant_shipping_cost", _ZERO),
        "shipping_method": fields.get("shipping_method", "Free Shipping"),
        "shipping_provider": fields.get("shipping_provider", ""),
        "tracking_carrier": fields.get("tracking_carrier", ""),
        "tracking_link": fields.get("tracking_link", ""),
        "comments": fields.get("comments", ""),
        "shipping_provider_display_name": "",
        "generated_tracking_link": fields.get("tracking_link", ""),
        "billing_address": {**_BILLING, **order.billing},
        "shipping_address": {**_BILLING, **order.billing, **order.shipping},
        "items": [
            {"order_product_id": line_id, "product_id": products.get(line_id, 0), "quantity": units}
            for line_id, units in shipment.items.items()
        ],
    }


def _link(store: str, order: Order, what: str) -> dict[str, str]:
    resource = f"/orders/{order.id}/{what}"
    return {"url": f"https://api.bigcommerce.com/stores/{store}/v2{resource}", "resource": resource}
