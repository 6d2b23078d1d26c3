"""Shipments to a shop: what the ERP says has left the house becomes shipments of the shop's orders, each exactly once.

The shop has no key that keeps two requests from making two shipments, and each one mails the shopper. So before anything is
sent the shop is asked for the order: its lines (what is left to ship, and where it goes) and its shipments, among which our
key is looked for. Whatever became of an earlier request, of an earlier life or of a ledger put back from a backup, what is
there isn't made again. "Absent" proves nothing before an earlier request is surely dead. One at a time, so of an order too.

Where the shop takes stock on shipment, our own request moves its counter. The order is noted to be read again in the very
transactions that put the effect on disk and end it, and is read before the next reading of levels: belief learns it as it
learns what was shipped by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from syncd.core.order import DEAD, Phase
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds, show
from syncd.core.shipping import Named, Unshippable, check, pack, parcel_key
from syncd.core.signal import Kind
from syncd.errors import MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, Throttled, TransientError
from syncd.ledger import orders, quarantine, shipments, signals, stores, tenants
from syncd.ledger.shipments import BOOKED, CONFIRMED, INTENDED, QUARANTINED, REFUSED, SENT, SKIPPED, ShipmentRow
from syncd.observability import events
from syncd.ports.shipments import KnownParcel, OrderShipments, Parcel, ShipmentsPort
from syncd.reconcile.context import StoreContext

SENDING_SECONDS = 120.0  # a request waits for its turn and for its answer no longer than this
ASK_SECONDS = 5.0  # between two questions about a request whose end is unknown
RETRY_SECONDS = (5.0, 15.0, 60.0, 300.0)  # after failures in a row of one shipment; the last one stays
MISCONFIGURED_SECONDS = 300.0  # somebody has to mend it
IDLE_SECONDS = 3_600.0  # the bell rings when there is something
CANCELLED_HINT = "set the order's status in the shop, then release --count; or release --already-counted"
BY_HAND = "in the end enter it in the shop by hand, and release --already-counted"


@dataclass(slots=True)
class ShipStep:
    """One store's shipments. `read_orders` makes the signals due at once."""

    context: StoreContext
    port: ShipmentsPort
    read_orders: Callable[[], None]
    began: Instant = LONG_AGO  # when this life first looked
    stuck_until: Instant = LONG_AGO  # soft: the store makes no shipments for us
    failures: dict[str, int] = field(default_factory=dict)  # soft, of those that wait: in a row, by key and part

    async def run(self) -> float:
        """One shipment's next step. Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        self.began = self.began or context.tenant.clock.now()
        row, due, may_write = await context.tenant.ledger.read(self._look)
        if row is None and due is None:
            self.failures.clear()
            return IDLE_SECONDS
        if not may_write or not context.may_write:
            return context.options.poll_seconds
        if context.tenant.clock.now() < self.stuck_until:
            return seconds(self.stuck_until - context.tenant.clock.now())
        if row is None:
            assert due is not None
            return max(0.2, seconds(due - context.tenant.clock.now()))
        try:
            await self._work(row)
        except RefusedError as error:
            await self._hold(row, REFUSED, f"the shop refuses it: {error}", _hint(error))
        except MisconfiguredError as error:  # its orders and levels go on
            await self._later(row, str(error))
            return self._stand_back(error)
        except TransientError as error:
            await self._later(row, str(error), error.wait_seconds if isinstance(error, Throttled) else 0.0)
            raise
        self.stuck_until = LONG_AGO
        return 0.0

    def _stand_back(self, error: MisconfiguredError) -> float:
        """The store lets us make no shipment at all: said once, and tried again now and then."""
        context = self.context
        if self.stuck_until == LONG_AGO:
            hint = error.hint or "give the access token the right to modify orders"
            context.log.emit(events.SHIPMENTS_STUCK, reason=str(error), hint=hint)
        self.stuck_until = Instant(context.tenant.clock.now() + microseconds(MISCONFIGURED_SECONDS))
        return MISCONFIGURED_SECONDS

    def _look(self, connection: Connection) -> tuple[ShipmentRow | None, Instant | None, bool]:
        """The next shipment to work on, when the first waiting one is due, and whether the store may be written to."""
        tenant, store, now = self.context.tenant.tenant, self.context.store, self.context.tenant.clock.now()
        blocked: set[str] = set()
        due: Instant | None = None
        chosen: ShipmentRow | None = None
        for row in shipments.waiting(connection, tenant, store):
            if row.order in blocked:  # an earlier one of the order goes first
                continue
            blocked.add(row.order)
            due = row.retry_at if due is None else min(due, row.retry_at)
            if row.retry_at <= now and chosen is None:
                chosen = row
        known = stores.read_store(connection, tenant, store) if blocked else None
        ready = known is not None and known.state == stores.READY and bool(known.approved) and not known.brake
        return chosen, due, ready

    # -- one shipment

    async def _work(self, row: ShipmentRow) -> None:
        """Ask the shop, then do what is to be done."""
        shown = await self.port.of_order(row.order)
        mine, dead = await self.context.tenant.ledger.read(partial(self._of_order, order=row.order))
        if row.state == SENT and row.own_key:
            await self._settle(row, shown, mine)
            return
        if self._is_stale(shown, mine):
            await self._wait(row, "the shop doesn't show the order's last shipment yet")
            return
        try:
            row = row if row.own_key else await self._pack(row, shown)
            if row.state != INTENDED:
                return
            if found := _there(row, shown, mine):
                await self._end(row, found.ref, "it was there already")
                return
            if dead:
                raise Unshippable("the order is cancelled or archived in the shop", CANCELLED_HINT)
            check(row.parcel, shown.lines)
        except Unshippable as error:
            await self._hold(row, QUARANTINED, str(error), error.hint)
            return
        await self._send(row)

    def _of_order(self, connection: Connection, order: str) -> tuple[list[ShipmentRow], bool]:
        """All shipments of the order, and whether it is dead in the state read last."""
        tenant, store = self.context.tenant.tenant, self.context.store
        head = orders.read_orders(connection, tenant, store, [order]).get(order)
        return shipments.of_order(connection, tenant, store, order), head is not None and Phase(head.phase) in DEAD

    def _is_stale(self, shown: OrderShipments, mine: Sequence[ShipmentRow]) -> bool:
        """Whether a shipment that the shop has confirmed a moment ago isn't among those that it shows."""
        refs = {parcel.ref for parcel in shown.parcels}
        since = shown.began - self.port.traits.stale_us
        return any(row.state == CONFIRMED and row.confirmed_at > since and row.shop_ref not in refs for row in mine)

    async def _pack(self, row: ShipmentRow, shown: OrderShipments) -> ShipmentRow:
        """What the ERP named, in the shop's terms: on disk before anything is sent. Raises Unshippable."""
        context = self.context
        tenant, store = context.tenant.tenant, context.store

        def unit(connection: Connection) -> ShipmentRow | Unshippable:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            accounts = orders.read_accounts(connection, tenant, store, [row.order]).get(row.order, [])
            named = [Named(line.line, line.sku, line.quantity) for line in row.told.lines]
            try:
                parcels = pack(named, accounts, shown.lines)
            except Unshippable as error:  # nothing is wrong with the ledger: no unit of it has failed
                return error
            if not parcels:
                reason = "all that was shipped is digital: nothing is to be told"
                shipments.change(connection, tenant, row, state=SKIPPED, reason=reason)
            else:
                parts = [
                    (place, parcel_key(tenant, store, row.order, row.key, place), lines) for place, lines in parcels
                ]
                shipments.split(connection, tenant, row, parts, context.tenant.epoch)
            packed = shipments.read_shipment(connection, tenant, row.key, row.part)
            assert packed is not None
            return packed

        packed = await context.tenant.ledger.run(unit)
        if isinstance(packed, Unshippable):
            raise packed
        return packed

    async def _send(self, row: ShipmentRow) -> None:
        """On disk as sent, then sent, once."""
        context = self.context
        tenant, told = context.tenant.tenant, row.told
        now = context.tenant.clock.now()
        not_after = Instant(now + microseconds(SENDING_SECONDS))
        dead_at = Instant(not_after + self.port.traits.late_us)

        def claim(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            shipments.change(
                connection, tenant, row, state=SENT, sent_at=now, dead_at=dead_at, retry_at=now, attempts=row.attempts + 1,
                reason="", epoch=context.tenant.epoch,
            )  # fmt: skip
            signals.note(connection, [(tenant, context.store, Kind.ORDER, row.order)], (), now)

        await context.tenant.ledger.run(claim)
        parcel = Parcel(row.own_key, row.order, row.place, row.parcel, told.carrier, told.tracking, told.link)
        try:
            ref = await self.port.ship(parcel, not_after=not_after)
        except OutcomeUnknown as error:
            await self._doubt(row, str(error))
            return
        except (TransientError, MisconfiguredError) as error:  # surely nothing was made
            await self._change(row, state=INTENDED, reason=str(error)[:500])
            context.tenant.meters.of(tenant, context.store).shipment("not_sent")
            raise
        await self._end(row, ref, "")

    # -- ends

    async def _settle(self, row: ShipmentRow, shown: OrderShipments, mine: Sequence[ShipmentRow]) -> None:
        """It was sent, and nobody knows its end: what the shop shows tells."""
        found = _there(row, shown, mine)
        if found is not None:
            await self._end(row, found.ref, "found after an answer was lost")
        elif shown.began <= self._dead_at(row) + self.port.traits.stale_us:
            await self._wait(row, "its request may still arrive")
        else:  # it never arrived, and can't any more: the very same key is sent again
            await self._change(row, state=INTENDED, retry_at=0)

    def _dead_at(self, row: ShipmentRow) -> Instant:
        """When the request surely has no effect any more. One of an earlier process left before this one began."""
        if row.epoch == self.context.tenant.epoch:
            return row.dead_at
        return min(row.dead_at, Instant(self.began + self.port.traits.late_us))

    async def _end(self, row: ShipmentRow, ref: str, reason: str) -> None:
        """The shop has it: the order is read soon, for what the shop took and what is left."""
        context = self.context
        now = context.tenant.clock.now()

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, context.tenant.tenant, context.tenant.epoch)
            values = {"state": CONFIRMED, "shop_ref": ref, "confirmed_at": now, "reason": reason}
            shipments.change(connection, context.tenant.tenant, row, **values)
            signals.note(connection, [(context.tenant.tenant, context.store, Kind.ORDER, row.order)], (), now)

        await context.tenant.ledger.run(unit)
        self.failures.pop(row.name, None)
        self.read_orders()
        context.tenant.meters.of(context.tenant.tenant, context.store).shipment("made")
        told = {line.line: show(line.quantity) for line in row.parcel}
        context.log.emit(
            events.SHIPMENT_MADE, order=row.order, effect=row.own_key, units=told, tracking=row.told.tracking,
            **({"reason": reason} if reason else {}),
        )  # fmt: skip

    async def _hold(self, row: ShipmentRow, state: str, reason: str, hint: str) -> None:
        """It waits for a person; the order's others, and other orders', go on."""
        context = self.context
        tenant = context.tenant.tenant

        def unit(connection: Connection) -> int | None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            shipments.change(connection, tenant, row, state=state, reason=reason[:500])
            return quarantine.hold(
                connection, tenant, context.store, row.order, row.name,
                reason=reason, hint=hint, raw=row.content.encode(), now=context.tenant.clock.now(),
            )  # fmt: skip

        number = await context.tenant.ledger.run(unit)
        self.failures.pop(row.name, None)
        if row.own_key:
            self.read_orders()
        context.tenant.meters.of(tenant, context.store).shipment("refused")
        context.log.emit(
            events.SHIPMENT_REFUSED, order=row.order, effect=row.own_key or row.key, reason=reason, hint=hint
        )
        if number is not None:
            context.log.emit(events.QUARANTINE_GREW, entries=1)

    async def _doubt(self, row: ShipmentRow, reason: str) -> None:
        """Nobody knows: the shop is asked soon, and it is sent again only when the request is surely dead."""
        context = self.context
        now = context.tenant.clock.now()
        await self._change(row, retry_at=now, dead_at=Instant(now + self.port.traits.late_us), reason=reason[:500])
        context.tenant.meters.of(context.tenant.tenant, context.store).shipment("in_doubt")
        context.log.emit(events.SHIPMENT_DOUBT, order=row.order, effect=row.own_key, reason=reason)

    async def _wait(self, row: ShipmentRow, reason: str) -> None:
        retry_at = Instant(self.context.tenant.clock.now() + microseconds(ASK_SECONDS))
        await self._change(row, retry_at=retry_at, reason=reason)

    async def _later(self, row: ShipmentRow, reason: str, wait_seconds: float = 0.0) -> None:
        """It failed for now: others of the store go first."""
        failures = self.failures[row.name] = self.failures.get(row.name, 0) + 1
        wait = max(wait_seconds, RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
        retry_at = Instant(self.context.tenant.clock.now() + microseconds(wait))
        await self._change(row, retry_at=retry_at, reason=reason[:500])

    async def _change(self, row: ShipmentRow, **values: object) -> None:
        context = self.context

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, context.tenant.tenant, context.tenant.epoch)
            shipments.change(connection, context.tenant.tenant, row, **values)

        await context.tenant.ledger.run(unit)


def _there(row: ShipmentRow, shown: OrderShipments, mine: Sequence[ShipmentRow]) -> KnownParcel | None:
    """The shop's shipment that this one is: by our key; else by the same units under the same tracking number, where somebody
    entered it by hand, or has changed its comment. None if it isn't there."""
    for parcel in shown.parcels:
        if parcel.key == row.own_key:
            return parcel
    tracking, wanted = row.told.tracking, set(row.parcel)
    others = {each.shop_ref for each in mine if each.state in (CONFIRMED, BOOKED)}
    for parcel in shown.parcels:
        same = parcel.tracking == tracking and set(parcel.lines) == wanted
        if tracking and same and not parcel.key and parcel.ref not in others:
            return parcel
    return None


def _hint(error: RefusedError) -> str:
    if isinstance(error, NotFound):
        return "the shop says that there is no such order: correct the shipment's order in the ERP; " + BY_HAND
    return error.hint or f"correct what the shop refuses, then release --count sends it again; {BY_HAND}"
