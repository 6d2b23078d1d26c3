"""Orders as the v2 API shows them: strings for money, RFC 2822 dates, links or whole consignments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from syncd.simulator.bigcommerce.address_shapes import BILLING, link_to, show_consignments
from syncd.simulator.bigcommerce.dates import rfc_2822
from syncd.simulator.bigcommerce.detail_shapes import money, order_members, show_fee
from syncd.simulator.bigcommerce.line_shapes import ZERO, tail_of, whole_of
from syncd.simulator.bigcommerce.orders import STATUS_NAMES, Order

_ORDER_CONSTANTS: Final = {
    "subtotal_tax": ZERO,
    "base_shipping_cost": ZERO,
    "shipping_cost_ex_tax": ZERO,
    "shipping_cost_inc_tax": ZERO,
    "shipping_cost_tax": ZERO,
    "shipping_cost_tax_class_id": 2,
    "base_handling_cost": ZERO,
    "handling_cost_ex_tax": ZERO,
    "handling_cost_inc_tax": ZERO,
    "handling_cost_tax": ZERO,
    "handling_cost_tax_class_id": 2,
    "base_wrapping_cost": ZERO,
    "wrapping_cost_ex_tax": ZERO,
    "wrapping_cost_inc_tax": ZERO,
    "wrapping_cost_tax": ZERO,
    "wrapping_cost_tax_class_id": 3,
    "total_tax": ZERO,
    "payment_provider_id": "",
    "refunded_amount": ZERO,
    "order_is_digital": False,
    "store_credit_amount": ZERO,
    "gift_certificate_amount": ZERO,
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
    "coupon_discount": ZERO,
    "shipping_address_count": 1,
    "is_email_opt_in": False,
    "ebay_order_id": "0",
    "is_tax_inclusive_pricing": False,
    "credit_card_type": None,
    "customer_locale": "en",
    "external_id": None,
}

_PROVIDERS: Final = {
    source: {**_ORDER_CONSTANTS, "tax_provider_id": source and "BasicTaxProvider"} for source in ("", "shop")
}
"""By whether the shop itself made the order: of one that came by the API the tax provider is not known."""
_ORDER_TAILS: Final = {source: tail_of(constants) for source, constants in _PROVIDERS.items()}
_BILLING_RAW: Final = msgspec.Raw(msgspec.json.encode({**BILLING, "form_fields": ()}))


def show_order(
    order: Order,
    store: str,
    *,
    consignments: str = "",
    fees: bool = False,
    lines_max: int = 0,
    noise: bool = False,
) -> msgspec.Raw:
    """An order. `consignments`: "" for a link, "links" for whole ones with linked lines, "lines" for whole lines; `fees`:
    whole ones instead of a link; `noise`: the other types of some fields (switch `type_noise`)."""
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
        "billing_address": {**BILLING, "form_fields": (), **order.billing} if order.billing else _BILLING_RAW,
        "order_source": order.source,
        "channel_id": order.channel_id,
        "external_source": order.external_source,
        "external_order_id": order.external_order_id,
        "external_merchant_id": order.external_merchant_id,
        "is_deleted": order.archived,
        "products": link_to(store, order, "products"),
        "shipping_addresses": link_to(store, order, "shippingaddresses"),
        "coupons": link_to(store, order, "coupons"),
        "fees": show_fees(order) if fees else link_to(store, order, "fees"),
        "consignments": (
            show_consignments(order, store, whole=consignments == "lines", lines_max=lines_max, noise=noise)
            if consignments
            else link_to(store, order, "consignments")
        ),
    }
    maker = "" if order.source == "external" else "shop"
    if order.details is not None or order.discount or noise:
        members = {**_PROVIDERS[maker], **changing, **order_members(order)}
        if noise:
            members |= {name: value for name, value in _NOISE.items() if not members[name]}
        return msgspec.Raw(msgspec.json.encode(members))
    return whole_of(changing, _ORDER_TAILS[maker])


_NOISE: Final[dict[str, Any]] = {
    "credit_card_type": {},
    "payment_provider_id": None,
    "external_merchant_id": {},
    "external_id": None,
}


def show_fees(order: Order) -> list[dict[str, Any]]:
    """The fees of an order."""
    return [] if order.details is None else [show_fee(order, fee) for fee in order.details.fees]
