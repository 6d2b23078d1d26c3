"""Orders as the shop keeps them, and the vendor's statuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from syncd.simulator.bigcommerce.products import ItemKey

INCOMPLETE, PENDING, SHIPPED, PARTIALLY_SHIPPED, REFUNDED, CANCELLED, DECLINED = range(7)
AWAITING_PAYMENT, AWAITING_PICKUP, AWAITING_SHIPMENT, COMPLETED, AWAITING_FULFILLMENT = range(7, 12)
PARTIALLY_REFUNDED: Final = 14

STATUS_NAMES: Final = (
    "Incomplete",
    "Pending",
    "Shipped",
    "Partially Shipped",
    "Refunded",
    "Cancelled",
    "Declined",
    "Awaiting Payment",
    "Awaiting Pickup",
    "Awaiting Shipment",
    "Completed",
    "Awaiting Fulfillment",
    "Manual Verification Required",
    "Disputed",
    "Partially Refunded",
)
ADDRESS_STEP: Final = 1_000_000
"""Between the ids of an order's shipping addresses; the first has the order's own number."""
DEAD_STATUSES: Final = frozenset({REFUNDED, CANCELLED, DECLINED})
"""Orders in these statuses take nothing any more, unless somebody revives them."""


@dataclass(slots=True)
class Line:
    """A line of an order. `taken` is what the shop took from its counters for it, by location. `address` counts the
    shipping addresses of its order: 0 is the first."""

    id: int
    product_id: int
    variant_id: int | None
    sku: str
    name: str
    quantity: int
    price: Decimal
    item: ItemKey | None
    counted: bool = False
    """The shop has moved stock for this line (perhaps none, for an edit without stock adjustment)."""
    taken: dict[int, int] = field(default_factory=dict)
    shipped: int = 0
    refunded: int = 0
    restocked: int = 0
    address: int = 0

    @property
    def taken_units(self) -> int:
        """Units taken from all counters."""
        return sum(self.taken.values())


@dataclass(slots=True)
class Shipment:
    """A shipment: units of lines by the line's id."""

    id: int
    created_seconds: int
    items: dict[int, int]
    fields: dict[str, Any]
    address_id: int = 0


@dataclass(slots=True)
class Refund:
    """A refund of money for units of lines, by the line's id."""

    id: int
    order_id: int
    created_seconds: int
    items: dict[int, int]
    amount: Decimal
    reason: str
    provider_id: str


@dataclass(slots=True)
class Order:
    """An order, in its true state."""

    id: int
    created_us: int
    created_seconds: int
    modified_seconds: int
    status_id: int
    channel_id: int
    source: str
    cart_id: str
    address_id: int
    lines: list[Line] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    customer_id: int = 0
    billing: dict[str, Any] = field(default_factory=dict)
    shipping: dict[str, Any] = field(default_factory=dict)
    payment_method: str = "Manual"
    payment_status: str = ""
    discount: Decimal = Decimal(0)
    staff_notes: str = ""
    customer_message: str = ""
    external_order_id: str = ""
    external_merchant_id: str | None = None
    external_source: str | None = None
    shipped_seconds: int | None = None
    archived: bool = False
    deleted: bool = False
    visible_from_us: int = 0
    torn_until_us: int = 0
    version: int = 0
    """Counts changes, also those that date_modified doesn't tell; `Shop.touch` does it."""
    states: list[tuple[int, Order]] = field(default_factory=list)
    """Copies of earlier states with the times they began, while reads of orders are stale."""

    @property
    def addresses(self) -> list[int]:
        """The ids of its shipping addresses."""
        return [
            self.address_id + ADDRESS_STEP * number for number in sorted({line.address for line in self.lines} | {0})
        ]

    def address_of(self, line: Line) -> int:
        """Where a line goes."""
        return self.address_id + ADDRESS_STEP * line.address

    @property
    def manual(self) -> bool:
        """Made in the control panel: the settings without a channel rule it."""
        return self.source == "manual"

    def remember(self, now_us: int, kept_us: int) -> None:
        """Keep a copy of this state for stale reads, and those copies that a read may still see."""
        lines = [replace(line) for line in self.lines]
        copy = replace(self, lines=lines, shipments=list(self.shipments), states=[])
        while len(self.states) > 1 and self.states[1][0] <= now_us - kept_us:
            del self.states[0]
        self.states.append((now_us, copy))

    def state_at(self, at_us: int) -> Order | None:
        """The order as it was; None if it wasn't there. As far back as copies were kept."""
        if not self.states:
            return self
        found = [state for began_us, state in self.states if began_us <= at_us]
        if found:
            return found[-1]
        return None if self.states[0][0] == self.created_us else self.states[0][1]

    def line(self, number: int) -> Line:
        """One line. Raises KeyError."""
        for line in self.lines:
            if line.id == number:
                return line
        raise KeyError(number)
