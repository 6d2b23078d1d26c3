"""Money and messages of orders: what moves neither lines nor stock.

Each has a webhook of its own. Whether it also changes its order, so that date_modified moves, no page of the vendor says:
three switches do.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any, Final

from syncd.simulator.bigcommerce.dates import SECOND_US
from syncd.simulator.bigcommerce.order_amounts import of_order
from syncd.simulator.bigcommerce.order_details import Message, Transaction
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.refusals import NotPossible
from syncd.simulator.bigcommerce.sales import Sales

STAFF: Final = 1
"""Whoever works for the merchant."""
SETTLED_SECONDS: Final = 5.0
"""How long a gateway takes to capture or void, after the request for it was answered."""


class Payments(Sales):
    """Transactions and messages of orders."""

    def add_message(
        self, number: int | str, text: str, *, subject: str = "", by_customer: bool = False, flagged: bool = False
    ) -> Message:
        """The merchant writes to the customer, or the customer to the merchant. Raises NoSuch."""
        order = self.order(number)
        message = Message(
            id=self.next_id("message"),
            staff_id=0 if by_customer else STAFF,
            customer_id=order.customer_id,
            kind="customer" if by_customer else "admin",
            subject=subject or f"Order #{order.id}",
            text=text,
            created_seconds=self.stamp(),
            flagged=flagged,
        )
        order.detailed().messages.append(message)
        told = {"order_message_id": message.id}
        self.hooks.fire("store/order/message/created", "order", order.id, message=told)
        self._changed(order, moves=self.settings.switches.message_moves_date)
        return message

    def transact(
        self,
        number: int | str,
        event: str,
        amount: Decimal | str,
        *,
        method: str = "credit_card",
        gateway: str = "stripe",
        status: str = "ok",
        reference_id: int | None = None,
    ) -> Transaction:
        """Money moves: `event`, `method` and `gateway` are the vendor's words. Raises NoSuch."""
        order = self.order(number)
        transaction_id = self.next_id("transaction")
        transaction = Transaction(
            id=transaction_id,
            event=event,
            method=method,
            amount=Decimal(str(amount)),
            gateway=gateway,
            gateway_transaction_id=f"gw-{order.id}-{transaction_id}",
            created_seconds=self.stamp(),
            status=status,
            reference_id=reference_id,
        )
        order.detailed().transactions.append(transaction)
        self._tell("created", order, transaction)
        self._changed(order, moves=self.settings.switches.transaction_moves_date)
        return transaction

    def fail_transaction(self, number: int | str, transaction_id: int) -> None:
        """The gateway takes a transaction back. Raises NoSuch, NotPossible."""
        order = self.order(number)
        found = [one for one in order.detailed().transactions if one.id == transaction_id]
        if not found:
            raise NotPossible(f"no transaction {transaction_id}")
        found[0].status = "error"
        self._tell("updated", order, found[0])
        self._changed(order, moves=self.settings.switches.transaction_moves_date)

    def capture(self, number: int | str) -> None:
        """Ask the gateway for the money that was authorised; it comes later. Raises NoSuch, NotPossible."""
        self._ask_gateway(number, "capture", "captured")

    def void(self, number: int | str) -> None:
        """Ask the gateway to let go of the money that was authorised. Raises NoSuch, NotPossible."""
        self._ask_gateway(number, "void", "void")

    def _ask_gateway(self, number: int | str, event: str, outcome: str) -> None:
        order = self.order(number)
        if order.payment_status != "authorized":
            raise NotPossible(f"the payment of order {order.id} is {order.payment_status!r}, not authorized")
        order.payment_status = f"{event} pending"
        self._changed(order, moves=True)
        due_us = self.clock.now() + round(SETTLED_SECONDS * SECOND_US)
        self.hooks.courier.at(due_us, partial(self._settle, order, event, outcome))

    async def _settle(self, order: Order, event: str, outcome: str) -> None:
        before = [one for one in order.detailed().transactions if one.event == "authorization"]
        amount = before[-1].amount if before else of_order(order)["total_inc_tax"]
        order.payment_status = outcome
        self.transact(order.id, event, amount, reference_id=before[-1].id if before else None)
        self._changed(order, moves=True)

    def _tell(self, what: str, order: Order, transaction: Transaction) -> None:
        data: dict[str, Any] = {
            "type": "transaction",
            "order_id": str(order.id),
            "transaction_id": str(transaction.id),
            "transaction_status": transaction.status,
            "transaction_type": transaction.event,
            "provider_transaction_id": transaction.gateway_transaction_id,
        }
        self.hooks.announce(f"store/order/transaction/{what}", data)

    def _changed(self, order: Order, *, moves: bool) -> None:
        """A change of an order, that its stamp tells or doesn't."""
        if moves:
            self.touch(order, may_be_silent=True)
        else:
            self.changed_silently(order)
