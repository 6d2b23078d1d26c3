"""The members of an order's answer that a plain order doesn't need: its amounts, its details, those of its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from syncd.simulator.bigcommerce.dates import rfc_2822
from syncd.simulator.bigcommerce.order_amounts import LineAmounts, of_line, of_order, rounded, shares
from syncd.simulator.bigcommerce.order_details import Coupon, Fee, LineDetails, Message, Option, OrderDetails, Pickup
from syncd.simulator.bigcommerce.orders import Line, Order


def money(amount: Decimal) -> str:
    """Four decimals, as the v2 API writes money."""
    return f"{amount:.4f}"


def order_members(order: Order) -> dict[str, Any]:
    """What stands in the answer of an order with details or discounts in the place of a plain order's members."""
    details = order.details if order.details is not None else OrderDetails()
    digital = bool(order.lines) and all(line.details and line.details.kind != "physical" for line in order.lines)
    return {
        **{name: money(rounded(amount)) for name, amount in of_order(order).items()},
        "is_tax_inclusive_pricing": details.inclusive,
        "shipping_address_count": len(order.addresses),
        "order_is_digital": digital,
        **details.shown,
    }


def line_members(order: Order, line: Line) -> dict[str, Any]:
    """The same for a line."""
    manual = shares(order).get(line.id, Decimal(0))
    amounts = of_line(order, line, manual)
    members = _priced(order, line, amounts)
    if line.details is not None:
        members |= _detailed(line, line.details)
    return members


def _priced(order: Order, line: Line, amounts: LineAmounts) -> dict[str, Any]:
    inclusive = order.details is not None and order.details.inclusive
    return {
        "base_price": money(line.price if inclusive else line.price_ex),
        "price_ex_tax": money(line.price_ex),
        "price_inc_tax": money(line.price),
        "price_tax": money(line.price - line.price_ex),
        "base_total": money(amounts.inc if inclusive else amounts.ex),
        "total_ex_tax": money(amounts.ex),
        "total_inc_tax": money(amounts.inc),
        "total_tax": money(amounts.tax),
        "discounted_total_inc_tax": money(amounts.paid_inc),
        "applied_discounts": [
            {"id": one.id, "amount": money(one.amount), "name": one.name, "code": one.code, "target": one.target}
            for one in amounts.discounts
        ],
    }


def _detailed(line: Line, details: LineDetails) -> dict[str, Any]:
    members: dict[str, Any] = {
        "type": details.kind,
        "name_merchant": details.name_merchant or line.name,
        "product_options": [_show_option(line, option) for option in details.options],
        "parent_order_product_id": details.parent_id,
        "is_bundled_product": details.parent_id is not None,
        "order_pickup_method_id": details.pickup_method_id,
        **details.shown,
    }
    if details.wrapping is not None:
        wrapping = details.wrapping
        members |= {
            "wrapping_id": wrapping.id,
            "wrapping_name": wrapping.name,
            "wrapping_message": wrapping.message,
            "base_wrapping_cost": money(wrapping.cost_ex),
            "wrapping_cost_ex_tax": money(wrapping.cost_ex),
            "wrapping_cost_inc_tax": money(wrapping.cost_inc),
            "wrapping_cost_tax": money(wrapping.cost_inc - wrapping.cost_ex),
        }
    return members


def _show_option(line: Line, option: Option) -> Mapping[str, Any]:
    names, labels = (
        {f"display_{what}{end}": text for end in ("", "_customer", "_merchant")}
        for what, text in (
            ("name", option.name),
            ("value", option.label),
        )
    )
    return {
        "id": option.id,
        "option_id": option.product_option_id,
        "order_product_id": line.id,
        "product_option_id": option.product_option_id,
        **names,
        **labels,
        "value": option.value,
        "type": option.kind,
        "name": option.name,
        "display_style": option.style,
    }


def show_fee(order: Order, fee: Fee) -> dict[str, Any]:
    """A fee on an order."""
    inclusive = order.details is not None and order.details.inclusive
    return {
        "id": fee.id,
        "type": "custom_fee",
        "display_name_customer": fee.name_customer,
        "display_name_merchant": fee.name_merchant,
        "source": fee.source,
        "base_cost": money(fee.cost_inc if inclusive else fee.cost_ex),
        "cost_ex_tax": money(fee.cost_ex),
        "cost_inc_tax": money(fee.cost_inc),
        "cost_tax": money(fee.cost_inc - fee.cost_ex),
        "tax_class_id": fee.tax_class_id,
    }


def address_costs(order: Order, number: int) -> dict[str, Decimal]:
    """The costs of one shipping address: its part of the order's shipping and handling, the first one bears the rounding."""
    whole, addresses = of_order(order), order.addresses
    costs: dict[str, Decimal] = {}
    for kind, prefix in (("shipping", ""), ("handling", "handling_")):
        names = {f"{prefix}cost_{end}": f"{kind}_cost_{end}" for end in ("ex_tax", "inc_tax", "tax")}
        for ours, theirs in {f"base_{prefix}cost": f"base_{kind}_cost", **names}.items():
            part = rounded(whole[theirs] / len(addresses)) if addresses else Decimal(0)
            costs[ours] = whole[theirs] - part * (len(addresses) - 1) if number == addresses[0] else part
    return costs


def show_coupon(order: Order, coupon: Coupon) -> dict[str, Any]:
    """A coupon that was used, and what it took off the order."""
    off = (
        cut.amount for line in order.lines if line.details for cut in line.details.discounts if cut.code == coupon.code
    )
    return {
        "id": coupon.id,
        "coupon_id": coupon.coupon_id,
        "order_id": order.id,
        "code": coupon.code,
        "amount": float(coupon.amount),
        "type": coupon.kind,
        "discount": float(sum(off, Decimal(0))),
    }


def show_message(order: Order, message: Message) -> dict[str, Any]:
    """A message of an order."""
    return {
        "id": message.id,
        "order_id": order.id,
        "staff_id": message.staff_id,
        "customer_id": message.customer_id,
        "type": message.kind,
        "subject": message.subject,
        "message": message.text,
        "status": message.status,
        "is_flagged": message.flagged,
        "date_created": rfc_2822(message.created_seconds),
        "customer": {},
    }


def show_quote(order: Order, number: int) -> dict[str, Any]:
    """The shipping quote that the storefront got for an address."""
    return {
        "id": str(number),
        "uuid": str(UUID(int=number, version=4)),
        "timestamp": rfc_2822(order.created_seconds),
        "shipping_provider_id": "bcstatic",
        "shipping_provider_quote": [],
        "provider_code": "peritem",
        "carrier_code": "",
        "rate_code": "",
        "rate_id": "",
        "method_id": 2,
    }


def show_pickup(pickup: Pickup, lines: Sequence[Any]) -> dict[str, Any]:
    """The pickup consignment of an order, with its lines as they are shown."""
    return {
        "id": pickup.id,
        "pickup_method_id": pickup.method_id,
        **pickup.fields,
        "location": {"id": pickup.id, **pickup.location},
        "line_items": lines,
    }
