"""A store in memory: both ports' promises on one page. Its stamps are of whole seconds, as shops' are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from syncd.core.order import Line, Order, Phase
from syncd.core.quantity import NEVER, SECOND, Instant, Quantity, units
from syncd.ports.clock import Clock
from syncd.ports.store import (
    InventoryTraits,
    LevelPage,
    LevelReading,
    LevelWrite,
    Listing,
    ListingPage,
    OrderPage,
    ScanRequest,
    ScanTraits,
    StockBehaviour,
    StoreDescription,
    WriteOutcome,
    WriteResult,
)


class FakeOrders:
    """`OrdersPort`. `placed` holds the orders by id; `put` adds or replaces one, with the time's stamp."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traits = ScanTraits(grain_us=SECOND, page_max=100, exclude_max=100, settle_us=0, settle_wait_max_us=0)
        self.description = StoreDescription("fake-shop", "Fake shop", StockBehaviour())
        self.placed: dict[str, Order] = {}

    def put(self, order: Order) -> None:
        """Show this order from now on, modified now."""
        now = Instant(self.clock.now() // SECOND * SECOND)
        stamped = msgspec.structs.replace(order, modified=now, content=b"")
        self.placed[order.order] = msgspec.structs.replace(stamped, content=msgspec.msgpack.encode(stamped))

    async def describe(self) -> StoreDescription:
        """What `description` holds."""
        return self.description

    async def changed(self, request: ScanRequest) -> OrderPage:
        """By stamp, then by id."""
        inside = [one for one in self.placed.values() if one.modified >= request.since]
        rows = sorted(inside, key=lambda one: (one.modified, int(one.order)))
        rows = [one for one in rows if one.order not in request.exclude]
        return self.page(rows[(request.page - 1) * request.limit :][: request.limit], full_at=request.limit)

    async def by_ids(self, orders: Sequence[str]) -> OrderPage:
        """All of them, or named as missing."""
        missing = tuple(number for number in orders if number not in self.placed)
        found = [self.placed[number] for number in orders if number in self.placed]
        return msgspec.structs.replace(self.page(found, full_at=len(orders)), missing=missing)

    async def by_number(self, after: str, limit: int) -> OrderPage:
        """By id."""
        rows = sorted(self.placed.values(), key=lambda one: int(one.order))
        return self.page([one for one in rows if int(one.order) > int(after or 0)][:limit], full_at=limit)

    def page(self, rows: Sequence[Order], *, full_at: int) -> OrderPage:
        """An answer that took no time."""
        now = self.clock.now()
        return OrderPage(tuple(rows), b"", now, now, full=len(rows) >= full_at)


class FakeInventory:
    """`InventoryPort`. A SKU's counter is an item of its name; `counters` may be looked at and set."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traits = InventoryTraits(relative=True, batch_max=50, apply_us=0, stale_us=0, late_us=SECOND, floor=None)
        self.counters: dict[str, Quantity] = {}

    async def listings(self, position: str) -> ListingPage:
        """Two a page."""
        now, start = self.clock.now(), int(position or 0)
        skus = list(self.counters)[start : start + 2]
        rest = str(start + 2) if start + 2 < len(self.counters) else ""
        return ListingPage(tuple(Listing(sku, sku, sku, level=self.counters[sku]) for sku in skus), rest, now, now)

    async def levels(self, items: Sequence[str]) -> LevelPage:
        """Those there are."""
        now = self.clock.now()
        return LevelPage(
            tuple(LevelReading(item, self.counters[item]) for item in items if item in self.counters), now, now
        )

    async def write(self, writes: Sequence[LevelWrite], *, not_after: Instant = NEVER) -> tuple[WriteOutcome, ...]:
        """At once."""
        return tuple([self.write_one(one, late=self.clock.now() > not_after) for one in writes])

    def write_one(self, write: LevelWrite, *, late: bool) -> WriteOutcome:
        """Add or put."""
        if late or write.item not in self.counters:
            return WriteOutcome(write.key, WriteResult.REFUSED, "too late, or no such item")
        level = self.counters[write.item] + write.change if write.change is not None else write.level
        assert level is not None, "a write has a change or a level"
        self.counters[write.item] = Quantity(level)
        return WriteOutcome(write.key, WriteResult.APPLIED, level=Quantity(level))


class FakeStore:
    """`Store`, with a till: `sell` and `cancel` do what a shop does with its counter."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.orders = FakeOrders(clock)
        self.inventory = FakeInventory(clock)

    async def add_product(self, sku: str, stock: int) -> None:
        """Put it on sale."""
        self.inventory.counters[sku] = units(stock)

    async def sell(self, sku: str, count: int) -> str:
        """Placed and paid, the counter taken; the order's id."""
        number = str(len(self.orders.placed) + 1)
        line = Line("1", sku, sku, units(count))
        now = Instant(self.clock.now() // SECOND * SECOND)
        self.inventory.counters[sku] = Quantity(self.inventory.counters[sku] - units(count))
        self.orders.put(Order(number, now, now, Phase.PAID, "paid", (line,), b"", paid=now))
        return number

    async def cancel(self, order: str) -> None:
        """Cancelled, the units put back on the counter."""
        before = self.orders.placed[order]
        lines = tuple(msgspec.structs.replace(line, restocked=line.quantity) for line in before.lines)
        for line in before.lines:
            self.inventory.counters[line.sku] = Quantity(self.inventory.counters[line.sku] + line.quantity)
        self.orders.put(msgspec.structs.replace(before, phase=Phase.CANCELLED, status="cancelled", lines=lines))

    async def level(self, sku: str) -> int:
        """Whole units on the counter."""
        return self.inventory.counters[sku] // units(1)
