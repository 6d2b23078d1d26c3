"""The ERP's list of orders for stores, each once, to the ledger; and what became of them, back to the ERP. Stores get them by
`place_step.py`.

When a store first gets orders (or again, after it didn't), what the list holds up to its end is only noted: it was taken before syncd
had to carry it. From then on each order becomes an effect, in one transaction with the list's cursor. A list that begins anew
(a restored ERP) brings the same keys again, and a key is one order for ever.

An outcome is on disk before it is told, and is told until the ERP has answered. Telling it twice changes nothing there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.core.following import ShopStatus
from syncd.core.placing import INVALID, Address, Flaw, Unplaceable, WantedOrder, Way, check, rooms_of
from syncd.core.quantity import LONG_AGO, Instant, microseconds
from syncd.errors import MisconfiguredError, RefusedError, SyncdError, TransientError
from syncd.ledger import items, placing, quarantine, tenants
from syncd.ledger.placing import PlacementRow, Told
from syncd.observability import events
from syncd.ports.placing import ErpOrdersPort, UnreadableWish, Wish
from syncd.reconcile.context import StoreContext, TenantContext

PAGES_MAX = 10_000  # of one list
FAILURES_TOLD = 10  # in a row: the watcher tells of an ERP that can't be reached, this of a list that can't be read
FAILED_SECONDS_MAX = 120.0  # a list that can't be read is tried again after this, or sooner
REFUSED_SECONDS = 300.0  # an ERP that has no such list is asked again after this
NO_ADDRESS = Address()


@dataclass(slots=True)
class WishStep:
    """One tenant's list of orders."""

    context: TenantContext
    port: ErpOrdersPort
    failures: int = 0
    stuck: bool = False
    due: Instant = LONG_AGO

    async def run_if_due(self) -> None:
        """Run, unless the ERP has refused not long ago, or failed to answer: its levels are read behind this, in the same task."""
        clock = self.context.clock
        if clock.now() >= self.due:
            wait_seconds = await self.run()
            if wait_seconds > self.context.options.poll_seconds:
                self.due = Instant(clock.now() + microseconds(wait_seconds))

    async def run(self) -> float:
        """Read what is new, and tell what has ended. Returns the seconds until it is due again."""
        context = self.context
        poll = context.options.poll_seconds
        if not self._stores():
            return poll
        try:
            await self._read()
            if context.is_live and not context.is_paused:
                await self._tell()
        except (RefusedError, MisconfiguredError) as error:
            self._tell_stuck(error)
            return max(poll, REFUSED_SECONDS)
        except TransientError as error:
            self.failures += 1
            if self.failures == FAILURES_TOLD:
                self._tell_stuck(error)
            return min(
                FAILED_SECONDS_MAX, poll * 2.0 ** min(self.failures, FAILURES_TOLD)
            )  # the levels don't wait for it
        self.failures, self.stuck = 0, False
        return poll

    def _tell_stuck(self, error: SyncdError) -> None:
        if not self.stuck:
            hint = "let the ERP's service answer GET /v1/orders and POST /v1/orders/KEY/outcome, or take orders out of the stores' tables"
            self.context.log.emit(events.PLACING_STUCK, reason=str(error), hint=error.hint or hint)
        self.stuck = True

    def _stores(self) -> dict[str, StoreContext]:
        """The stores that get orders."""
        return {store.store: store for store in self.context.siblings() if store.placing is not None}

    # -- what is new

    async def _read(self) -> None:
        context = self.context
        cursor, reached = await context.ledger.read(lambda connection: placing.read_feed(connection, context.tenant))
        for _ in range(PAGES_MAX):
            page = await self.port.wanted(cursor)
            begin = [name for name in self._stores() if name not in reached and not page.more]
            if page.wishes or page.cursor != cursor or begin:
                await self._take(page.wishes, page.cursor, reached, begin)
            cursor = page.cursor
            if not page.more:
                return

    async def _take(
        self, wishes: Sequence[Wish | UnreadableWish], cursor: str, reached: Collection[str], begin: Sequence[str]
    ) -> None:
        context = self.context
        stores = self._stores()
        entries = [self._judge(wish, stores, reached) for wish in wishes if isinstance(wish, Wish) or wish.key]
        nameless = [wish for wish in wishes if isinstance(wish, UnreadableWish) and not wish.key]

        def unit(connection: Connection) -> tuple[list[Told], int]:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            now = context.clock.now()
            new, skus = placing.take_wishes(
                connection, context.tenant, entries, cursor, begin=begin, epoch=context.epoch, now=now
            )
            items.make_due(connection, context.tenant, skus, now)
            held = 0
            for wish in nameless:
                number = quarantine.hold(
                    connection, context.tenant, wish.store, "", "", reason=f"the ERP wants an order without a key: {wish.reason}",
                    hint="mend the ERP's service, or report the raw data", raw=wish.raw, now=now,
                )  # fmt: skip
                held += number is not None
            return new, held

        new, held = await context.ledger.run(unit)
        for each in new:
            if each.refused:
                context.log.emit(
                    events.PLACEMENT_REFUSED, store=each.order.store, effect=each.order.key, reason=each.refused
                )
            elif not each.skipped:
                context.log.emit(events.PLACEMENT_TOLD, store=each.order.store, effect=each.order.key)
        if held:
            context.log.emit(events.QUARANTINE_GREW, entries=held)
        for store in stores.values():
            if any(entry.order.store == store.store for entry in entries):
                store.bell.ring()

    def _judge(self, wish: Wish | UnreadableWish, stores: dict[str, StoreContext], reached: Collection[str]) -> Told:
        """What becomes of it."""
        if isinstance(wish, UnreadableWish):
            order, status = WantedOrder(wish.key, wish.store, NO_ADDRESS, ()), ShopStatus.PENDING
        else:
            order, status = wish.order, wish.status
        skipped = self._why_not(order.store, stores, reached)
        if skipped:
            return Told(order, wish.revision, status, skipped=skipped)
        if isinstance(wish, UnreadableWish):
            return Told(order, wish.revision, status, refused=wish.reason, flaws=(Flaw(INVALID, "", wish.reason),))
        try:
            # What is cancelled before it was ever sent has no first status to look at.
            check(wish.order if status is not ShopStatus.CANCELLED else _as_pending(wish.order))
        except Unplaceable as error:
            return Told(order, wish.revision, status, refused=str(error), flaws=error.flaws)
        store = stores[order.store]
        # A cart takes nothing, and the ERP hasn't taken its units.
        no_room = store.takes_no_orders or status is ShopStatus.CANCELLED or order.way is Way.CART
        rooms = () if no_room else rooms_of(order, store.policy)  # made when it is about to be placed
        return Told(order, wish.revision, status, rooms=rooms)

    def _why_not(self, store: str, stores: Collection[str], reached: Collection[str]) -> str:
        """Why an order isn't carried to its store; "" if it is."""
        if store not in stores:
            return "its store gets no orders"
        if store not in reached:
            return "taken before its store got orders"
        return "" if self.context.is_live else "told in shadow mode"

    # -- what has ended

    async def _tell(self) -> None:
        """Tell the ERP what became of its orders, one after the other."""
        context = self.context
        rows = await context.ledger.read(lambda connection: placing.untold(connection, context.tenant))
        for row in rows:
            try:
                await self.port.tell(row.outcome)
            except RefusedError as error:  # it knows no such order, or not any more
                context.log.emit(events.PLACEMENT_UNHEARD, store=row.store, effect=row.key, reason=str(error))
            await context.ledger.run(lambda connection, row=row: self._told(connection, row))  # type: ignore[misc]

    def _told(self, connection: Connection, row: PlacementRow) -> None:
        tenants.assert_epoch(connection, self.context.tenant, self.context.epoch)
        placing.told(connection, self.context.tenant, row)


def _as_pending(order: WantedOrder) -> WantedOrder:
    way = Way.CART if order.way is Way.CART else Way.ORDER
    return WantedOrder(order.key, order.store, order.billing, order.lines, order.shipping, way=way)
