"""The v3 refunds: they move money and, by the vendor's page "Order refunds", never stock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, body_of, numbers, page_of, v3_error, v3_page
from syncd.simulator.bigcommerce.dates import iso_8601, parse_moment
from syncd.simulator.bigcommerce.orders import Refund
from syncd.simulator.bigcommerce.refusals import NotPossible
from syncd.simulator.bigcommerce.shop import Shop


class RefundApi:
    """Listing and making refunds."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get("/v3/orders/payment_actions/refunds", self.all),
            web.get(r"/v3/orders/{order:\d+}/payment_actions/refunds", self.of_order),
            web.post(r"/v3/orders/{order:\d+}/payment_actions/refunds", self.create),
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
        ]
        return v3_page(rows, page, limit)

    async def of_order(self, request: web.Request) -> web.Response:
        """The refunds of one order."""
        order = self._shop.book.get(int(request.match_info["order"]))
        if order is None:
            return v3_error(404, "The requested resource was not found.")
        rows = [_show(refund) for refund in order.refunds]
        return answer({"data": rows, "meta": {}})

    async def create(self, request: web.Request) -> web.Response:
        """Refund units of lines. An answer that is lost leaves the refund made."""
        order = self._shop.book.get(int(request.match_info["order"]))
        body = await body_of(request)
        if order is None:
            return v3_error(404, "The requested resource was not found.")
        items, payments = (body or {}).get("items"), (body or {}).get("payments")
        if not isinstance(items, list) or not isinstance(payments, list) or not payments:
            return _refused("items and payments are required")
        wanted: dict[int, int] = {}
        for item in items:
            line_id, units = item.get("item_id"), item.get("quantity", 0)
            if item.get("item_type") == "PRODUCT" and isinstance(units, int):
                if not any(line.id == line_id for line in order.lines):
                    return _refused(f"item {line_id} is not in the order")
                wanted[line_id] = wanted.get(line_id, 0) + units
        try:
            provider = str(payments[0].get("provider_id", "custom"))
            refund = self._shop.book_refund(order, wanted, str((body or {}).get("reason", "")), provider)
        except NotPossible as bad:
            return _refused(str(bad))
        return answer({"data": _show(refund), "meta": {}}, 201)


def _refused(why: str) -> web.Response:
    fault: Mapping[str, Any] = {"status": 422, "title": why, "type": "", "errors": {}}
    return answer({"data": [fault]}, 422)


def _show(refund: Refund) -> dict[str, Any]:
    amount = float(refund.amount)
    return {
        "id": refund.id,
        "order_id": refund.order_id,
        "user_id": 0,
        "created": iso_8601(refund.created_seconds),
        "reason": refund.reason,
        "total_amount": amount,
        "total_tax": 0,
        "uses_merchant_override_values": False,
        "items": [
            {"item_type": "PRODUCT", "item_id": line_id, "quantity": units, "reason": "", "adjustments": []}
            for line_id, units in refund.items.items()
        ],
        "payments": [
            {
                "id": refund.id,
                "provider_id": refund.provider_id,
                "amount": amount,
                "offline": True,
                "is_declined": False,
            }
        ],
    }
