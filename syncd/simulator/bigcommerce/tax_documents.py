"""The documents that a tax provider (Avalara) is given for orders: ground truth, nothing of it is in the vendor's API.

By the vendor's page "Orders overview" one is submitted when an order turns from unpaid to paid or is made as paid, and
voided when it turns back. Each is a filing with an office: a needless pair of them is no harmless write. A state that is
abbreviated makes the submission fail. Refunded is neither paid nor unpaid, and money given back by the refund API touches
no document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.settings import Switches

PAID: Final = frozenset(
    {
        orders.SHIPPED,
        orders.PARTIALLY_SHIPPED,
        orders.AWAITING_PICKUP,
        orders.AWAITING_SHIPMENT,
        orders.COMPLETED,
        orders.AWAITING_FULFILLMENT,
    }
)
NEITHER: Final = frozenset({orders.REFUNDED})
ABBREVIATED: Final = 2
"""Letters of a state's name that the provider doesn't understand."""


@dataclass(slots=True, frozen=True)
class Filing:
    """Something that the provider was told, or couldn't be."""

    order: int
    kind: Literal["submitted", "voided", "failed"]
    at_us: int
    status_id: int


class TaxDocuments:
    """All filings, in their order."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._open: set[int] = set()
        self.filings: list[Filing] = []

    def entered(self, order: Order, now_us: int, *, left: int | None = None) -> None:
        """An order was made (`left` is None), or its status changed."""
        status_id = order.status_id
        if left in NEITHER or status_id in NEITHER:
            return
        at_creation = self._switches.document_submission_strategy == "ON_ORDER_CREATION"
        if status_id in PAID or (at_creation and left is None):
            if order.id not in self._open:
                self._submit(order, now_us)
        elif left in PAID and order.id in self._open:
            self._open.discard(order.id)
            self.filings.append(Filing(order.id, "voided", now_us, status_id))

    def _submit(self, order: Order, now_us: int) -> None:
        states = (order.billing.get("state"), order.shipping.get("state"))
        failed = any(state and len(state) <= ABBREVIATED for state in states)
        if not failed:
            self._open.add(order.id)
        self.filings.append(Filing(order.id, "failed" if failed else "submitted", now_us, order.status_id))
