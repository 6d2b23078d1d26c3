"""What a shop keeps: products, orders with their lines and refunds, and the history of each counter. Plain data.

Money is whole cents, instants are microseconds UTC, quantities are whole units.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

HISTORY_MAX = 10_000  # changes kept for one counter: a long demo, not a leak

Address = dict[str, str]

TAKING = frozenset({"on-hold", "processing", "completed"})
"""Entering one of these takes the stock, once (matrix measured on WooCommerce 10.0.2)."""
GIVING_BACK = frozenset({"pending", "cancelled"})
"""Entering one of these gives it back; failed and refunded change nothing."""


class ShopRefusal(Exception):
    """The shop says no: REST status, vendor's code, vendor's message, further data."""

    def __init__(self, status: int, code: str, message: str, **data: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = data
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """WordPress's error object."""
        return {"code": self.code, "message": self.message, "data": {"status": self.status, **self.data}}


class OutOfStock(ShopRefusal):
    """A shopper's checkout wants more than there is."""

    def __init__(self, sku: str) -> None:
        super().__init__(409, "out_of_stock", f"{sku} is out of stock", sku=sku)


@dataclass(slots=True)
class Meta:
    """One row of meta data."""

    id: int
    key: str
    value: Any


@dataclass(slots=True)
class Change:
    """One change of a counter. `cause` is an order's id, "api" (an absolute write or a delta) or "hand" (wp-admin)."""

    at: int
    change: int
    level: int
    cause: str


@dataclass(slots=True)
class Product:
    """A simple product, a variable one, or a variation. `level` counts only where `manage_stock` is true."""

    id: int
    sku: str
    name: str
    kind: str
    created_us: int
    modified_us: int
    parent_id: int = 0
    price_cents: int = 1000
    manage_stock: bool = True
    level: int = 0
    backorders: str = "no"
    option: str = ""
    total_sales: int = 0
    children: list[int] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)
    history: deque[Change] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))


@dataclass(slots=True)
class Line:
    """One product line of an order. `sku` is the product's at the time of the sale (the truth, not what REST shows)."""

    id: int
    name: str
    sku: str
    product_id: int
    variation_id: int
    quantity: int
    subtotal_cents: int
    total_cents: int
    parent_name: str | None = None
    meta: list[Meta] = field(default_factory=list)

    @property
    def counter_id(self) -> int:
        """The id of the product or variation that was sold; 0 where there is none."""
        return self.variation_id or self.product_id

    @property
    def reduced(self) -> int:
        """`_reduced_stock`: what this line holds of the counter."""
        return self._number("_reduced_stock")

    @property
    def restocked(self) -> int:
        """`_restock_refunded_items`: what refunds put back."""
        return self._number("_restock_refunded_items")

    def _number(self, key: str) -> int:
        return next((int(row.value) for row in self.meta if row.key == key), 0)

    def write(self, key: str, value: Any, meta_id: int) -> None:
        """Set a row of meta data; `meta_id` is used when it is new."""
        for row in self.meta:
            if row.key == key:
                row.value = value
                return
        self.meta.append(Meta(meta_id, key, value))

    def drop(self, key: str) -> None:
        """Remove a row of meta data."""
        self.meta = [row for row in self.meta if row.key != key]


@dataclass(slots=True)
class ExtraLine:
    """A fee, shipping or coupon line: `what` is fee, shipping or coupon; `label` its name, method or code."""

    id: int
    what: str
    label: str
    total_cents: int
    method_id: str = ""
    per_cent: int = 0
    meta: list[Meta] = field(default_factory=list)


@dataclass(slots=True)
class Refund:
    """A refund with lines of negative quantity, or of money alone."""

    id: int
    created_us: int
    amount_cents: int
    reason: str
    lines: list[Line] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)


@dataclass(slots=True)
class Order:
    """An order. `stock_reduced` is WooCommerce's own flag (order_stock_reduced), `total_ready` is false while torn."""

    id: int
    key: str
    status: str
    created_us: int
    modified_us: int
    created_via: str
    billing: Address
    shipping: Address
    payment_method: str = ""
    payment_title: str = ""
    transaction_id: str = ""
    customer_id: int = 0
    customer_note: str = ""
    customer_ip: str = ""
    cart_hash: str = ""
    paid_us: int | None = None
    completed_us: int | None = None
    stock_reduced: bool = False
    total_ready: bool = True
    deleted: bool = False
    status_before_trash: str = ""
    meta: list[Meta] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)
    planned: list[Line] = field(default_factory=list)
    """All lines of a torn order, whose `lines` show only those written so far."""
    extras: list[ExtraLine] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    rendered: dict[str, bytes] = field(default_factory=dict)
    """The JSON as it was rendered last, by address, fields and catalog; emptied by each change."""

    @property
    def total_cents(self) -> int:
        """What the shopper pays."""
        extras = sum(extra.total_cents for extra in self.extras if extra.what != "coupon")
        return sum(line.total_cents for line in self.lines) + extras

    @property
    def true_lines(self) -> list[Line]:
        """What the shopper ordered, also while the order is torn."""
        return self.lines if self.total_ready else self.planned

    @property
    def refunded_cents(self) -> int:
        """What refunds gave back."""
        return sum(refund.amount_cents for refund in self.refunds)

    def refunded_units(self, line_id: int) -> int:
        """How many units of a line refunds name, restocked or not."""
        rows = (line for refund in self.refunds for line in refund.lines)
        wanted = str(line_id)
        return -sum(
            row.quantity for row in rows if any(m.key == "_refunded_item_id" and m.value == wanted for m in row.meta)
        )

    def line(self, line_id: int) -> Line:
        """The line with that id. Raises ShopRefusal as REST does."""
        for line in self.lines:
            if line.id == line_id:
                return line
        message = "Order item ID provided is not associated with order."
        raise ShopRefusal(400, "woocommerce_rest_invalid_item_id", message)


@dataclass(slots=True)
class Tally:
    """The ground truth of a SKU: units that orders took, gave back, and sold though there were none."""

    sold: int = 0
    returned: int = 0
    oversold: int = 0


@dataclass(slots=True)
class Seen:
    """One request, for GET /_sim/requests."""

    method: str
    path: str
    status: int
