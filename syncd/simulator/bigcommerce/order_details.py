"""What an order has beyond its lines and its status. A plain order has none of it, and costs nothing for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


@dataclass(slots=True)
class Discount:
    """A discount on a line, in the terms of the order's prices; `target` tells whether the whole order had it."""

    id: str
    amount: Decimal
    name: str
    code: str | None = None
    target: str = "order"


@dataclass(slots=True)
class Option:
    """A chosen option of a line's product: one that makes the variant, or a modifier."""

    id: int
    product_option_id: int
    name: str
    value: str
    label: str
    kind: str = "Multiple choice"
    style: str = ""


@dataclass(slots=True)
class Wrapping:
    """Gift wrapping of a whole line."""

    id: int
    name: str
    message: str
    cost_ex: Decimal
    cost_inc: Decimal


@dataclass(slots=True)
class LineDetails:
    """What a line has beyond a SKU, a quantity and a price."""

    price_ex: Decimal | None = None
    """A unit without tax; None: there is no tax."""
    kind: str = "physical"
    name_merchant: str = ""
    shown: dict[str, Any] = field(default_factory=dict)
    """Members of the answer that are shown as they are."""
    options: list[Option] = field(default_factory=list)
    discounts: list[Discount] = field(default_factory=list)
    wrapping: Wrapping | None = None
    parent_id: int | None = None
    """The line that this one is a part of, by a pick list."""
    pickup_method_id: int = 0
    recipient_email: str = ""
    """Who gets a download or a gift certificate."""


@dataclass(slots=True)
class Fee:
    """A fee on the order."""

    id: int
    name_customer: str
    name_merchant: str
    source: str
    cost_ex: Decimal
    cost_inc: Decimal
    tax_class_id: int | None = None


@dataclass(slots=True)
class Tax:
    """A tax that the order pays, in percent."""

    id: str
    name: str
    rate: Decimal
    class_id: int = 0
    class_name: str = "Default Tax Class"
    priority: int = 0


@dataclass(slots=True)
class Coupon:
    """A coupon that was used. What it took off stands in the lines' discounts, by its code."""

    id: int
    coupon_id: int
    code: str
    amount: Decimal
    kind: int
    """The vendor's number: 0 off each item, 1 percent, 2 off the total, 3 off shipping, 4 free shipping, 5 promotion."""


@dataclass(slots=True)
class Message:
    """A message between the merchant and the customer."""

    id: int
    staff_id: int
    customer_id: int
    kind: str
    subject: str
    text: str
    created_seconds: int
    status: str = "unread"
    flagged: bool = False


@dataclass(slots=True)
class Transaction:
    """Money that moved, or was meant to."""

    id: int
    event: str
    method: str
    amount: Decimal
    gateway: str
    gateway_transaction_id: str
    created_seconds: int
    status: str = "ok"
    reference_id: int | None = None


@dataclass(slots=True)
class Pickup:
    """Where a shopper fetches an order; `fields` and `location` as they are shown."""

    id: int
    method_id: int
    fields: dict[str, Any]
    location: dict[str, Any]


@dataclass(slots=True)
class OrderDetails:
    """What an order has beyond its lines, its status and its addresses."""

    inclusive: bool = False
    """Prices were entered with tax, so what is without tax is reckoned back."""
    amounts: dict[str, Decimal] = field(default_factory=dict)
    """Amounts that were set and don't follow from the lines, by the names of the answer."""
    shown: dict[str, Any] = field(default_factory=dict)
    """Other members of the answer that are shown as they are."""
    fees: list[Fee] = field(default_factory=list)
    taxes: list[Tax] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    pickup: Pickup | None = None
    addresses: list[dict[str, Any]] = field(default_factory=list)
    """What the shipping addresses after the first one say."""
