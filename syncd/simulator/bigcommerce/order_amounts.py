"""What an order costs: its lines less their discounts, shipping, handling, wrapping and fees, with and without tax.

By the document's fields: discounts come off before tax, a discount on the whole order is shared among its lines by their
price, and total = what the lines cost after discounts + the rest. Amounts that somebody set stand as they were set, and
nothing follows from them ("overriding a subtotal does not recompute the total").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from syncd.simulator.bigcommerce.order_details import Discount
from syncd.simulator.bigcommerce.orders import Line, Order

GRAIN: Final = Decimal("0.0001")
ZERO: Final = Decimal(0)
MANUAL: Final = ("manual-discount", "Manual Discount")


def rounded(amount: Decimal) -> Decimal:
    """To the grain of the v2 API."""
    return amount.quantize(GRAIN)


@dataclass(slots=True, frozen=True)
class LineAmounts:
    """A line: its totals before discounts, its discounts, and what is left to pay and to tax."""

    ex: Decimal
    inc: Decimal
    discounts: list[Discount]
    paid_inc: Decimal
    tax: Decimal


def _base(order: Order, line: Line) -> Decimal:
    inclusive = order.details is not None and order.details.inclusive
    return (line.price if inclusive else line.price_ex) * line.quantity


def shares(order: Order) -> dict[int, Decimal]:
    """How the order's manual discount is shared among its lines, by the line's id; the last one bears the rounding."""
    if not order.discount:
        return {}
    whole = sum((_base(order, line) for line in order.lines), ZERO)
    parts = {line.id: rounded(order.discount * _base(order, line) / whole) for line in order.lines if whole}
    if parts:
        last = order.lines[-1].id
        parts[last] += order.discount - sum(parts.values())
    return parts


def of_line(order: Order, line: Line, manual: Decimal = ZERO) -> LineAmounts:
    """The amounts of one line; `manual` is its share of the order's own discount."""
    discounts = list(line.details.discounts) if line.details is not None else []
    if manual:
        discounts.append(Discount(MANUAL[0], manual, MANUAL[1]))
    base = _base(order, line)
    cut = sum((one.amount for one in discounts), ZERO)
    left = (base - cut) / base if base else Decimal(1)
    ex, inc = line.price_ex * line.quantity, line.price * line.quantity
    return LineAmounts(ex, inc, discounts, rounded(inc * left), rounded((inc - ex) * left))


def of_lines(order: Order) -> Iterator[tuple[Line, LineAmounts]]:
    """All lines with their amounts."""
    manual = shares(order)
    for line in order.lines:
        yield line, of_line(order, line, manual.get(line.id, ZERO))


def of_order(order: Order) -> dict[str, Decimal]:
    """The amounts of an order by the names of the answer."""
    lines = list(of_lines(order))
    details = order.details
    given = details.amounts if details is not None else {}
    inclusive = details is not None and details.inclusive
    amounts = {
        "subtotal_ex_tax": sum((one.ex for _, one in lines), ZERO),
        "subtotal_inc_tax": sum((one.inc for _, one in lines), ZERO),
        "subtotal_tax": sum((one.tax for _, one in lines), ZERO),
        "coupon_discount": sum((cut.amount for _, one in lines for cut in one.discounts if cut.code), ZERO),
        "discount_amount": sum((cut.amount for _, one in lines for cut in one.discounts if not cut.code), ZERO),
        "store_credit_amount": given.get("store_credit_amount", ZERO),
        "gift_certificate_amount": given.get("gift_certificate_amount", ZERO),
    }
    total_inc, total_tax = sum((one.paid_inc for _, one in lines), ZERO), amounts["subtotal_tax"]
    wraps = [line.details.wrapping for line, _ in lines if line.details is not None and line.details.wrapping]
    wrapped = {"ex": sum((one.cost_ex for one in wraps), ZERO), "inc": sum((one.cost_inc for one in wraps), ZERO)}
    for kind in ("shipping", "handling", "wrapping"):
        ex, inc = (
            given.get(f"{kind}_cost_{end}_tax", wrapped[end] if kind == "wrapping" else ZERO) for end in ("ex", "inc")
        )
        amounts[f"base_{kind}_cost"] = given.get(f"base_{kind}_cost", inc if inclusive else ex)
        amounts |= {f"{kind}_cost_ex_tax": ex, f"{kind}_cost_inc_tax": inc, f"{kind}_cost_tax": inc - ex}
        total_inc, total_tax = total_inc + inc, total_tax + inc - ex
    for fee in details.fees if details is not None else ():
        total_inc, total_tax = total_inc + fee.cost_inc, total_tax + fee.cost_inc - fee.cost_ex
    amounts |= {"total_ex_tax": total_inc - total_tax, "total_inc_tax": total_inc, "total_tax": total_tax}
    if not lines and order.discount:
        amounts["discount_amount"] = order.discount
    for name in ("subtotal", "total"):
        if f"{name}_ex_tax" in given:
            ex, inc = given[f"{name}_ex_tax"], given[f"{name}_inc_tax"]
            amounts |= {f"{name}_ex_tax": ex, f"{name}_inc_tax": inc, f"{name}_tax": inc - ex}
    return amounts
