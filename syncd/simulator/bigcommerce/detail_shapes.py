"""The members of an order's answer that a plain order doesn't need: its amounts, its details, those of its lines."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from syncd.simulator.bigcommerce.order_amounts import LineAmounts, of_line, of_order, rounded, shares
from syncd.simulator.bigcommerce.order_details import Fee, LineDetails, Option, OrderDetails
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
