"""Which parts an order needs to be asked for: each rule with its ground. Where the order's own bytes can't rule a part out, it
is read.

    taxes         all amounts of tax that the order tells, and its lines, are 0. (Its total alone isn't enough: the vendor's own
                  examples show a total tax of 0 beside a tax on the lines.) A tax of 0 percent takes no money and is not read.
    coupons       the order and its lines tell no discount, and shipping costs something or nothing is shipped. No page says
                  whether a coupon for free shipping shows in `coupon_discount`.
    messages      nothing in an order says that it has any: always read.
    quotes        the order is of the control panel or the API (`order_source`): the vendor keeps quotes of checkouts alone.
                  One request for each shipping address.
    transactions  there was nothing to pay; or nothing is paid and the payment has no state yet.
    refunds       as transactions. One request for many orders.
    shipments     no unit has left the house: not by the order's count, its lines', its status, or its date.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from syncd.core.document import OrderDocument
from syncd.core.document_line import DocumentLine
from syncd.core.document_place import PlaceKind
from syncd.core.order import Phase
from syncd.stores.bigcommerce.mapping import HAND_SOURCES
from syncd.stores.bigcommerce.noisy import Fields

PARTS: Final = ("taxes", "coupons", "messages", "quotes", "transactions", "refunds", "shipments")
"""The parts that may be wanted, each with a request of its own."""
ORDER_TAXES: Final = ("total_tax", "subtotal_tax", "shipping_cost_tax", "handling_cost_tax", "wrapping_cost_tax")
SHIPPED_STATUSES: Final = frozenset({"2", "3"})  # Shipped, Partially Shipped
UNPAID_PHASES: Final = frozenset({Phase.DRAFT, Phase.PENDING, Phase.PLACED})


def not_needed(part: str, order: Fields, document: OrderDocument) -> str:
    """Why the order has nothing of this part; "" if it may have some."""
    return {
        "taxes": _no_taxes,
        "coupons": _no_coupons,
        "messages": _never,
        "quotes": _no_quotes,
        "transactions": _no_money,
        "refunds": _no_money,
        "shipments": _no_shipments,
    }[part](order, document)


def _never(_order: Fields, _document: OrderDocument) -> str:
    return ""


def _no_taxes(order: Fields, document: OrderDocument) -> str:
    if all(order.money(name) == 0 for name in ORDER_TAXES) and not any(line.total.tax for line in document.lines):
        return "no tax was taken"
    return ""


def _no_coupons(order: Fields, document: OrderDocument) -> str:
    visible = any(order.money(name) != 0 for name in ("coupon_discount", "discount_amount"))
    if visible or any(line.discounts for line in document.lines) or _has_free_shipping(order, document):
        return ""
    return "no discount, and shipping was paid" if _ships(document) else "no discount, and nothing is shipped"


def _ships(document: OrderDocument) -> bool:
    return any(place.kind is PlaceKind.SHIPPING for place in document.places)


def _has_free_shipping(order: Fields, document: OrderDocument) -> bool:
    paid = order.money("shipping_cost_inc_tax") or order.money("shipping_cost_ex_tax")
    return _ships(document) and not paid


def _no_quotes(order: Fields, document: OrderDocument) -> str:
    source = order.text("order_source")
    if source in HAND_SOURCES:
        return f"no checkout made it: its source is {source}"
    return "" if _ships(document) else "nothing is shipped"


def _no_money(order: Fields, document: OrderDocument) -> str:
    paid_by = (order.money(name) for name in ("total_inc_tax", "store_credit_amount", "gift_certificate_amount"))
    if all(amount == 0 for amount in paid_by) and not _was_refunded(document.lines):
        return "nothing was to be paid"
    if document.phase in UNPAID_PHASES and not document.payment.status:
        return "nothing is paid, and the payment has no state"
    return ""


def _was_refunded(lines: Sequence[DocumentLine]) -> bool:
    return any(line.refunded or line.refunded_amount for line in lines)


def _no_shipments(order: Fields, document: OrderDocument) -> str:
    gone = order.count("items_shipped") > 0 or any(line.shipped > Decimal(0) for line in document.lines)
    if gone or order.ident("status_id") in SHIPPED_STATUSES or document.completed is not None:
        return ""
    return "no unit has left the house"
