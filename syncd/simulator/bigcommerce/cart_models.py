"""What a cart consists of, with its checkout."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

CENT: Final = Decimal("0.01")


@dataclass(slots=True)
class CartLine:
    """A line of a cart; `product_id` 0 for a custom item."""

    id: str
    product_id: int
    variant_id: int | None
    sku: str
    name: str
    quantity: int
    price: Decimal

    @property
    def total(self) -> Decimal:
        """Price times quantity."""
        return self.price * self.quantity


@dataclass(slots=True)
class Coupon:
    """A code that the merchant has made: so many per cent off."""

    id: int
    code: str
    percent: Decimal


@dataclass(slots=True)
class Option:
    """A way to ship, with its cost."""

    id: str
    description: str
    cost: Decimal


@dataclass(slots=True)
class Consignment:
    """Lines that go to one address. `units` by line."""

    id: str
    address: dict[str, Any]
    units: dict[str, int]
    options: list[Option]
    chosen: Option | None = None


@dataclass(slots=True)
class Cart:
    """A cart and its checkout. `gone`: why it isn't there any more ("deleted", "converted", "expired"), "" while it is."""

    id: str
    channel_id: int
    currency: str
    customer_id: int
    email: str
    by_api: bool
    created_us: int
    created_seconds: int
    updated_us: int
    updated_seconds: int
    locale: str = "en"
    version: int = 1
    lines: list[CartLine] = field(default_factory=list)
    coupons: list[Coupon] = field(default_factory=list)
    billing: dict[str, Any] = field(default_factory=dict)
    consignments: list[Consignment] = field(default_factory=list)
    message: str = ""
    orders: list[int] = field(default_factory=list)
    token: str = ""
    gone: str = ""
    visible_from_us: int = 0
    seen_until_us: int = 0

    @property
    def base(self) -> Decimal:
        """All lines."""
        return sum((line.total for line in self.lines), Decimal(0))

    def discounted(self, coupon: Coupon) -> Decimal:
        """What a coupon takes off."""
        return (self.base * coupon.percent / 100).quantize(CENT)

    @property
    def discount(self) -> Decimal:
        """What all coupons take off."""
        return min(self.base, sum((self.discounted(coupon) for coupon in self.coupons), Decimal(0)))

    @property
    def shipping(self) -> Decimal:
        """The cost of what was chosen."""
        return sum((one.chosen.cost for one in self.consignments if one.chosen), Decimal(0))
