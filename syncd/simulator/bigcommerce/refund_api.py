"""The v3 refunds: they move money and, by the vendor's page "Order refunds", never stock."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, body_of, numbers, page_of, v3_error, v3_page
from syncd.simulator.bigcommerce.dates import iso_8601, parse_moment
from syncd.simulator.bigcommerce.orders import Order, Refund, RefundPart
from syncd.simulator.bigcommerce.refusals import NotPossible
from syncd.simulator.bigcommerce.shop import Shop
from syncd.simulator.bigcommerce.transaction_api import MISSING, ORDER, cents

BY_UNITS: Final = frozenset({"PRODUCT", "GIFT_WRAPPING"})
BY_AMOUNT: Final = frozenset({"ORDER", "SHIPPING", "HANDLING", "TAX", "FEE"})
ALL: Final = "/v3/orders/payment_actions/refunds"


class RefundApi:
    """Listing, quoting and making refunds."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get(ALL, self.all),
            web.get(rf"{ALL}/{{refund:\d+}}", self.one),
            web.get(f"{ORDER}/payment_actions/refunds", self.of_order),
            web.post(f"{ORDER}/payment_actions/refunds", self.create),
            web.post(f"{ORDER}/payment_actions/refund_quotes", self.quote),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Refunds of the whole store, by date."""
        query = request.query
        page, limit = page_of(query)
        orders, ids = numbers(query, "order_id:in"), numbers(query, "id:in")
        low, high = parse_moment(query.get("created:min", "")), parse_moment(query.get("created:max", ""))
        rows = [
            _show(refund)
            for refund in self._shop.refunds
            if (orders is None or refund.order_id in orders)
            and (ids is None or refund.id in ids)
            and (low is None or refund.created_seconds >= low)
            and (high is None or refund.created_seconds <= high)
            and query.get("transaction_id", refund.transaction_id) == refund.transaction_id
        ]
        return v3_page(rows, page, limit)

    async def one(self, request: web.Request) -> web.Response:
        """One refund."""
        number = int(request.match_info["refund"])
        found = [refund for refund in self._shop.refunds if refund.id == number]
        return answer({"data": _show_alone(found[0]), "meta": {}}) if found else v3_error(404, MISSING)

    async def of_order(self, request: web.Request) -> web.Response:
        """The refunds of one order."""
        order = self._shop.book.get(int(request.match_info["order"]))
        if order is None:
            return v3_error(404, MISSING)
        wanted = request.query.get("transaction_id")
        rows = [_show(refund) for refund in order.refunds if wanted in (None, refund.transaction_id)]
        return answer({"data": rows, "meta": {}})

    async def quote(self, request: web.Request) -> web.Response:
        """What a refund would be, and by which ways it can be paid. Nothing is done."""
        order = self._shop.book.get(int(request.match_info["order"]))
        body = await body_of(request)
        if order is None:
            return v3_error(404, MISSING)
        try:
            parts = _parts_of(order, body or {})
            amount, tax = self._shop.refundable(order, parts)
        except NotPossible as bad:
            return v3_error(422, str(bad))
        level = sum((part.amount or Decimal(0) for part in parts if part.kind == "ORDER"), Decimal(0))
        return answer(
            {
                "data": {
                    "order_id": order.id,
                    "total_refund_amount": float(cents(amount)),
                    "total_refund_tax_amount": float(cents(tax)),
                    "order_level_refund_amount": float(cents(level)),
                    "rounding": 0,
                    "adjustment": 0,
                    "tax_inclusive": True,
                    "refund_methods": [[_way(provider, cents(amount))] for provider in _providers(order)],
                },
                "meta": {},
            },
            201,
        )

    async def create(self, request: web.Request) -> web.Response:
        """Refund units of lines or amounts. An answer that is lost leaves the refund made."""
        order = self._shop.book.get(int(request.match_info["order"]))
        body = await body_of(request) or {}
        if order is None:
            return v3_error(404, MISSING)
        payments = body.get("payments")
        if not isinstance(payments, list) or not payments or not isinstance(payments[0], Mapping):
            return _refused("items and payments are required")
        try:
            parts = _parts_of(order, body)
            provider, reason = str(payments[0].get("provider_id", "custom")), str(body.get("reason", ""))
            refund = self._shop.book_refund_parts(order, parts, reason, provider)
        except NotPossible as bad:
            return _refused(str(bad))
        return answer({"data": _show(refund), "meta": {}}, 201)


def _parts_of(order: Order, body: Mapping[str, Any]) -> list[RefundPart]:
    """What a body wants to refund. Raises NotPossible."""
    items = body.get("items")
    if not isinstance(items, list) or not items:
        raise NotPossible("items and payments are required")
    parts = []
    for item in items:
        kind, number = item.get("item_type"), item.get("item_id")
        if kind in BY_UNITS:
            units = item.get("quantity")
            if (
                isinstance(units, bool)
                or not isinstance(units, int)
                or not any(line.id == number for line in order.lines)
            ):
                raise NotPossible(f"item {number} is not in the order")
            parts.append(RefundPart(kind, number, units))
        elif kind in BY_AMOUNT:
            amount = item.get("amount")
            if isinstance(amount, bool) or not isinstance(amount, int | float) or amount <= 0:
                raise NotPossible(f"the amount of {kind} {number} is missing")
            parts.append(RefundPart(kind, number, 0, Decimal(str(amount))))
        else:
            raise NotPossible(f"there is no item type {kind!r}")
        parts[-1].reason = str(item.get("reason", ""))
    return parts


def _providers(order: Order) -> list[str]:
    """The ways to pay back: where the money came from, and outside the shop."""
    found = order.details.transactions if order.details is not None else []
    return [*dict.fromkeys(one.gateway for one in found if one.event in {"purchase", "capture"}), "custom"]


def _way(provider: str, amount: Decimal) -> dict[str, Any]:
    return {
        "provider_id": provider,
        "provider_description": provider.title(),
        "amount": float(amount),
        "offline": provider == "custom",
        "offline_provider": provider == "custom",
        "offline_reason": "",
    }


def _refused(why: str) -> web.Response:
    fault: Mapping[str, Any] = {"status": 422, "title": why, "type": "", "errors": {}}
    return answer({"data": [fault]}, 422)


def _show(refund: Refund) -> dict[str, Any]:
    amount = float(cents(refund.amount))
    payment = {
        "id": refund.id,
        "provider_id": refund.provider_id,
        "amount": amount,
        "offline": refund.provider_id == "custom",
        "is_declined": False,
    }
    if refund.transaction_id:
        payment["transaction_id"] = refund.transaction_id
    return {
        "id": refund.id,
        "order_id": refund.order_id,
        "user_id": 0,
        "created": iso_8601(refund.created_seconds),
        "reason": refund.reason,
        "total_amount": amount,
        "total_tax": float(cents(refund.tax)),
        "uses_merchant_override_values": False,
        "items": [_show_part(part) for part in refund.parts],
        "payments": [payment],
    }


def _show_alone(refund: Refund) -> dict[str, Any]:
    """One refund by its id: the document gives it another shape than those of a list."""
    shown = _show(refund)
    for item in shown["items"]:
        item.pop("adjustments", None)
        if "requested_amount" in item:
            item["requested_amount"] = f"{item['requested_amount']:.2f}"
    for payment in shown["payments"]:
        payment.pop("transaction_id", None)
    return shown


def _show_part(part: RefundPart) -> dict[str, Any]:
    shown: dict[str, Any] = {"item_type": part.kind, "item_id": part.item_id, "reason": part.reason}
    if part.kind in BY_UNITS:
        return {**shown, "quantity": part.units, "adjustments": []}
    return {**shown, "requested_amount": float(part.amount or 0)}
