"""A store's shipments in memory: the port's promises on one page."""

from __future__ import annotations

import msgspec

from syncd.core.quantity import NEVER, ZERO, Instant, Quantity
from syncd.core.shipping import ShopLine
from syncd.errors import NotFound, RefusedError, Throttled
from syncd.ports.clock import Clock
from syncd.ports.shipments import KnownParcel, OrderShipments, Parcel, ShipmentTraits


class FakeShipments:
    """`ShipmentsPort`. `orders` holds each order's lines, with nothing shipped; `made` the shipments by order."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traits = ShipmentTraits(late_us=0, stale_us=0)
        self.orders: dict[str, tuple[ShopLine, ...]] = {}
        self.made: dict[str, list[KnownParcel]] = {}

    async def of_order(self, order: str) -> OrderShipments:
        """The lines less what was shipped, and all shipments."""
        if order not in self.orders:
            raise NotFound(f"no order {order}", operation="read shipments")
        now, made = self.clock.now(), self.made.get(order, [])
        lines = []
        for line in self.orders[order]:
            shipped = sum((part.quantity for one in made for part in one.lines if part.line == line.line), ZERO)
            lines.append(msgspec.structs.replace(line, shipped=Quantity(shipped)))
        return OrderShipments(tuple(lines), tuple(made), now, now)

    async def ship(self, parcel: Parcel, *, not_after: Instant = NEVER) -> str:
        """At once. Refused for another place than the lines', and for more than is left."""
        if self.clock.now() > not_after:
            raise Throttled("too late to be sent", wait_seconds=0.0, operation="ship")
        shown = await self.of_order(parcel.order)
        lines = {line.line: line for line in shown.lines}
        for part in parcel.lines:
            line = lines.get(part.line)
            if line is None or line.place != parcel.place or part.quantity > line.left:
                raise RefusedError(f"line {part.line} can't be shipped so", status=400, operation="ship")
        ref = str(sum(map(len, self.made.values())) + 1)
        self.made.setdefault(parcel.order, []).append(KnownParcel(ref, parcel.key, parcel.lines, parcel.tracking))
        return ref
