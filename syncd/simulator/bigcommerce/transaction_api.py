"""The v3 API of an order's money: transactions, capture, void; and its metafields, of which there are none."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, nothing, page_of, v3_error, v3_page
from syncd.simulator.bigcommerce.dates import iso_8601
from syncd.simulator.bigcommerce.order_details import Transaction
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.refusals import NotPossible
from syncd.simulator.bigcommerce.shop import Shop

ORDER: Final = r"/v3/orders/{order:\d+}"
MISSING: Final = "The requested resource was not found."
CARD: Final = {
    "card_type": "visa",
    "card_iin": "411111",
    "card_last4": "1111",
    "card_expiry_month": 3,
    "card_expiry_year": 2029,
}


class TransactionApi:
    """Transactions and what is asked of the gateway."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get(f"{ORDER}/transactions", self.transactions),
            web.post(f"{ORDER}/payment_actions/capture", self.capture),
            web.post(f"{ORDER}/payment_actions/void", self.void),
            web.get(f"{ORDER}/metafields", self.metafields),
        ]

    def _found(self, request: web.Request) -> Order | None:
        order = self._shop.book.get(int(request.match_info["order"]))
        return None if order is None else self._shop.seen(order)

    async def transactions(self, request: web.Request) -> web.Response:
        """The transactions of an order; without any as the switch `no_transactions` says."""
        order, switches = self._found(request), self._shop.settings.switches
        if order is None:
            return v3_error(404, MISSING)
        found = order.details.transactions if order.details is not None else []
        if not found and switches.no_transactions != 200:
            return nothing() if switches.no_transactions == 204 else v3_error(404, MISSING)
        page, limit = page_of(request.query)
        rows = [self._show(order, transaction, noise=switches.type_noise) for transaction in found]
        return v3_page(rows, page, limit)

    async def capture(self, request: web.Request) -> web.Response:
        """Asks for the authorised money: answered at once, done later."""
        return self._act(request, self._shop.capture)

    async def void(self, request: web.Request) -> web.Response:
        """Lets the authorised money go: answered at once, done later."""
        return self._act(request, self._shop.void)

    def _act(self, request: web.Request, action: Callable[[int], None]) -> web.Response:
        number = int(request.match_info["order"])
        if self._shop.book.get(number) is None:
            return v3_error(404, MISSING)
        try:
            action(number)
        except NotPossible as bad:
            return v3_error(422, str(bad))
        return answer({"data": {}, "meta": {}}, 201)

    async def metafields(self, request: web.Request) -> web.Response:
        """No app has put any there."""
        page, limit = page_of(request.query)
        return v3_page([], page, limit) if self._found(request) is not None else v3_error(404, MISSING)

    def _show(self, order: Order, transaction: Transaction, *, noise: bool) -> dict[str, Any]:
        currency = order.details.shown.get("default_currency_code", "USD") if order.details is not None else "USD"
        card = CARD if transaction.method == "credit_card" else None
        reference: object = transaction.reference_id
        if reference is None and noise:
            reference = {}
        return {
            "id": transaction.id,
            "order_id": str(order.id),
            "event": transaction.event,
            "method": transaction.method,
            "amount": float(cents(transaction.amount)),
            "currency": currency,
            "gateway": transaction.gateway,
            "gateway_transaction_id": transaction.gateway_transaction_id,
            "date_created": iso_8601(transaction.created_seconds),
            "test": False,
            "status": transaction.status,
            "fraud_review": False,
            "reference_transaction_id": reference,
            "offline": {"display_name": "Cash"} if transaction.method == "offline" else None,
            "custom": {"payment_method": "Manual"} if transaction.method == "custom" else None,
            "avs_result": {"code": "", "message": "", "street_match": "", "postal_match": ""},
            "cvv_result": {"code": "", "message": ""},
            "credit_card": card,
            "gift_certificate": self._certificate(transaction),
            "store_credit": {"remaining_balance": 3.5} if transaction.method == "store_credit" else None,
            "payment_method_id": f"{transaction.gateway}.{transaction.method}",
            "payment_instrument_token": None,
        }

    @staticmethod
    def _certificate(transaction: Transaction) -> dict[str, Any] | None:
        if transaction.method != "gift_certificate":
            return None
        balance = float(transaction.amount)
        return {
            "code": "GIFT-1",
            "original_balance": balance,
            "starting_balance": balance,
            "remaining_balance": 0.0,
            "status": "active",
        }


def cents(amount: Decimal) -> Decimal:
    """Two decimals, as the v3 API has money."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
