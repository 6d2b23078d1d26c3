"""The taxes of an order as the v2 API shows them: a sum for each tax and address, or with `details` each tax of each thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from syncd.simulator.bigcommerce.detail_shapes import address_costs, money
from syncd.simulator.bigcommerce.order_amounts import ZERO, of_lines, rounded
from syncd.simulator.bigcommerce.order_details import Tax
from syncd.simulator.bigcommerce.orders import Order

OVERRIDE: Final = Tax("", "API Tax Override", ZERO, class_name="API Tax Override")
"""What an order that was written with prices with and without tax shows: the API knows no rate."""
ROWS_OF_AN_ORDER: Final = 10_000


@dataclass(slots=True, frozen=True)
class _Taxed:
    """Something that is taxed: `kind` and `line` as the answer has them, `line` None for what is no line."""

    address_id: int
    pickup_method_id: int
    kind: str
    line: int | None
    tax: Decimal


def show_taxes(order: Order, *, detailed: bool) -> list[dict[str, Any]]:
    """The rows of /taxes."""
    taxes = (order.details.taxes if order.details is not None else []) or [OVERRIDE]
    rows: list[dict[str, Any]] = []
    sums: dict[tuple[int, int, int], Decimal] = {}
    for taxed in _taxed(order):
        for number, part in enumerate(_parts(taxed.tax, taxes)):
            if detailed:
                rows.append(_row(order, len(rows), taxes[number], taxed, part))
            key = (taxed.address_id, taxed.pickup_method_id, number)
            sums[key] = sums.get(key, ZERO) + part
    if detailed:
        return rows
    for (address_id, method_id, number), part in sums.items():
        rows.append(_row(order, len(rows), taxes[number], _Taxed(address_id, method_id, "", None, part), part))
    return rows


def _taxed(order: Order) -> Iterator[_Taxed]:
    for line, amounts in of_lines(order):
        details = line.details
        place = (order.address_of(line), details.pickup_method_id if details is not None else 0)
        if amounts.tax:
            yield _Taxed(*place, "item", line.id, amounts.tax)
        wrapping = details.wrapping if details is not None else None
        if wrapping is not None and (tax := wrapping.cost_inc - wrapping.cost_ex):
            yield _Taxed(*place, "gift-wrapping", None, tax)
    if order.details is not None:
        for number in order.addresses:
            costs = address_costs(order, number)
            for kind, name in (("shipping", "cost_tax"), ("handling", "handling_cost_tax")):
                if costs[name]:
                    yield _Taxed(number, 0, kind, None, costs[name])


def _parts(tax: Decimal, taxes: list[Tax]) -> Iterator[Decimal]:
    """What each of the taxes has of the sum; the last one bears the rounding."""
    whole, left = sum((one.rate for one in taxes), ZERO), tax
    for one in taxes[:-1]:
        part = rounded(tax * one.rate / whole)
        left -= part
        yield part
    yield left


def _row(order: Order, place: int, tax: Tax, taxed: _Taxed, part: Decimal) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": order.id * ROWS_OF_AN_ORDER + place + 1,
        "order_id": order.id,
        "order_address_id": taxed.address_id,
        "tax_rate_id": tax.priority + 1,
        "sales_tax_id": tax.id,
        "tax_class_id": tax.class_id,
        "name": tax.name,
        "class": tax.class_name,
        "rate": money(tax.rate),
        "priority": tax.priority,
        "priority_amount": money(part),
        "line_amount": money(part),
        "order_pickup_method_id": taxed.pickup_method_id,
    }
    if taxed.kind:
        of_line = taxed.kind in {"item", "handling"} and taxed.line is not None
        row |= {"order_product_id": str(taxed.line) if of_line else None, "line_item_type": taxed.kind}
    return row
