"""Orders as the shop keeps them, and the vendor's statuses."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from syncd.simulator.bigcommerce.order_details import LineDetails, OrderDetails
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
NO_ADDRESS: Final = -1
"""The address of a line that isn't sent: fetched, downloaded or mailed."""
DEAD_STATUSES: Final = frozenset({REFUNDED, CANCELLED, DECLINED})
"""Orders in these statuses take nothing any more, unless somebody revives them."""


@dataclass(slots=True)
class Line:
    """A line of an order. `taken` is what the shop took from its counters for it, by location. `address` counts the
    shipping addresses of its order: 0 is the first. `price` is that of a unit with all taxes."""

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
    details: LineDetails | None = None

    @property
    def price_ex(self) -> Decimal:
        """A unit without tax."""
        details = self.details
        return self.price if details is None or details.price_ex is None else details.price_ex

    def detailed(self) -> LineDetails:
        """Its details, to be written to."""
        if self.details is None:
            self.details = LineDetails()
        return self.details

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
class RefundPart:
    """Something of an order that is refunded: units of a line (PRODUCT, GIFT_WRAPPING), or an amount (SHIPPING, FEE, ...)."""

    kind: str
    item_id: int
    units: int
    amount: Decimal | None = None
    reason: str = ""


@dataclass(slots=True)
class Refund:
    """A refund of money. `transaction_id`: the transaction that paid it back, if one did."""

    id: int
    order_id: int
    created_seconds: int
    parts: list[RefundPart]
    amount: Decimal
    tax: Decimal
    reason: str
    provider_id: str
    transaction_id: str = ""


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
    details: OrderDetails | None = None
    states: list[tuple[int, Order]] = field(default_factory=list)
    """Copies of earlier states with the times they began, while reads of orders are stale."""

    @property
    def addresses(self) -> list[int]:
        """The ids of its shipping addresses. There is none where nothing is sent."""
        used = {line.address for line in self.lines}
        if NO_ADDRESS not in used:
            used.add(0)  # also of an order whose lines were all taken out
        if self.details is not None:
            used.update(range(1, len(self.details.addresses) + 1))
        used.discard(NO_ADDRESS)
        return [self.address_id + ADDRESS_STEP * number for number in sorted(used)]

    def address_of(self, line: Line) -> int:
        """Where a line goes; 0 if it isn't sent."""
        return 0 if line.address == NO_ADDRESS else self.address_id + ADDRESS_STEP * line.address

    def address_fields(self, number: int) -> dict[str, Any]:
        """What a shipping address says, by its id, to be written to; what it leaves out is as in the billing address."""
        place = (number - self.address_id) // ADDRESS_STEP
        if place and self.details is not None and place <= len(self.details.addresses):
            return self.details.addresses[place - 1]
        return self.shipping

    def detailed(self) -> OrderDetails:
        """Its details, to be written to."""
        if self.details is None:
            self.details = OrderDetails()
        return self.details

    @property
    def manual(self) -> bool:
        """Made in the control panel: the settings without a channel rule it."""
        return self.source == "manual"

    def remember(self, now_us: int, kept_us: int) -> None:
        """Keep a copy of this state for stale reads, and those copies that a read may still see."""
        lines = [replace(line, details=deepcopy(line.details)) for line in self.lines]
        details = deepcopy(self.details)
        copy = replace(self, lines=lines, shipments=list(self.shipments), details=details, states=[])
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
