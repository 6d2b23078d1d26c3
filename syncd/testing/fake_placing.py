"""A store that orders are placed in, in memory: the port's promises on one page."""

from __future__ import annotations

import msgspec

from syncd.core.following import ShopStatus
from syncd.core.placing import OUT_OF_STOCK, Flaw
from syncd.core.quantity import NEVER, Instant, Quantity
from syncd.errors import NotFound, Throttled
from syncd.ports.clock import Clock
from syncd.ports.placing import FoundOrders, Placement, PlacingTraits, Refusal, ShopOrder


class FakePlacing:
    """`PlacingPort`. `stock` holds what there is of each product; `keys` and `made` the orders by their numbers."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traits = PlacingTraits(late_us=0, stale_us=0)
        self.stock: dict[str, Quantity] = {}
        self.keys: dict[str, str] = {}
        self.made: dict[str, ShopOrder] = {}

    async def find(self, key: str) -> FoundOrders:
        """All with this key."""
        now = self.clock.now()
        return FoundOrders(tuple(self.made[order] for order, own in self.keys.items() if own == key), now, now)

    async def place(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        """At once; refused where there isn't enough."""
        self._in_time(not_after)
        short = [line for line in placement.lines if line.product and self.stock[line.product] < line.quantity]
        if short:
            flaws = tuple(Flaw(OUT_OF_STOCK, line.sku, "out of stock", self.stock[line.product]) for line in short)
            return Refusal("out of stock", flaws)
        for line in placement.lines:
            if line.product:
                self.stock[line.product] = Quantity(self.stock[line.product] - line.quantity)
        order = str(len(self.made) + 1)
        self.keys[order], self.made[order] = placement.key, ShopOrder(order, placement.order.status)
        return order

    async def read(self, order: str) -> ShopOrder:
        """As it is now."""
        if order not in self.made:
            raise NotFound(f"no order {order}", operation="read order")
        return self.made[order]

    async def set_status(self, order: str, status: ShopStatus, *, not_after: Instant = NEVER) -> None:
        """At once."""
        self._in_time(not_after)
        self.made[order] = msgspec.structs.replace(await self.read(order), status=status)

    def _in_time(self, not_after: Instant) -> None:
        if self.clock.now() > not_after:
            raise Throttled("too late to be sent", wait_seconds=0.0, operation="place")
