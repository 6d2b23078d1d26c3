"""Orders of the ERP into a shop: each is placed exactly once, whatever becomes of the answers, and its status follows.

The shop has no key that keeps two requests from making two orders, and each one takes stock. So before anything is sent the shop is
asked for the orders that carry our key. What is there isn't made again; "absent" proves nothing before an earlier request is
surely dead, and as long as the shop's list may lag. One at a time. The order stream may see an order first: then it is as good
as answered (`placing.arrived`). What the ERP changes later is `follow_status.py`.

The ERP has the order on its own book; the shop takes it from its counter when it is placed. Between the two the counter must have
those units, though the ERP's level hasn't: that is the order's *room*, a term of the shop's target. It begins with the ERP's
telling, counts once the ERP's levels were asked for after that, and ends in the very transaction that takes what the shop took
for the order into the ledger; so a level is lowered once, by the shop. Nothing is sent before the ERP's levels were asked for
again, nor while a write to one of its counters may still be under way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from syncd.core.following import START, ShopStatus
from syncd.core.order import Phase
from syncd.core.placing import (
    OUT_OF_STOCK,
    Flaw,
    Resolved,
    Unplaceable,
    Way,
    rooms_of,
)
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.core.signal import Kind
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError, Throttled, TransientError
from syncd.ledger import items, orders, placing, quarantine, signals, stores, tenants
from syncd.ledger.placing import CONFIRMED, INTENDED, QUARANTINED, REFUSED, SENT, WITHDRAWN, PlacementRow
from syncd.observability import events
from syncd.ports.placing import FoundOrders, OrderOutcome, Placement, PlacingPort, Refusal, Result
from syncd.reconcile.checkout_step import CheckoutStep, Held
from syncd.reconcile.context import StoreContext
from syncd.reconcile.follow_status import FollowStatus
from syncd.reconcile.link_step import LinkStep
from syncd.reconcile.placements import REASON_CHARACTERS_MAX, Placements, by_shop_sku
from syncd.reconcile.room import Counters, counters_of, end_left_over

ROOM_SECONDS = 60.0  # the counter is waited for so long; then the shop itself decides
SHORT_ATTEMPTS_MAX = 3  # of an order that the shop has no stock for, though it should
MISCONFIGURED_SECONDS = 300.0  # somebody has to mend it
IDLE_SECONDS = 3_600.0  # the bell rings when there is something
TWICE_HINT = "look which of them is the right one, and cancel the others in the shop; then release --already-counted"


@dataclass(slots=True)
class PlaceStep:
    """One store's orders from the ERP. `read_orders` makes the signals due at once."""

    context: StoreContext
    port: PlacingPort
    read_orders: Callable[[], None]
    placements: Placements = field(init=False)
    follower: FollowStatus = field(init=False)
    checkout: CheckoutStep | None = field(init=False)
    link: LinkStep | None = field(init=False)
    stuck_until: Instant = LONG_AGO  # soft: the store takes no orders from us
    waited: dict[str, Instant] = field(default_factory=dict)  # soft: since when an order waits for its counters
    absent: set[tuple[str, int]] = field(
        default_factory=set
    )  # soft: orders that the shop surely hasn't, after so many attempts
    doubted: set[str] = field(default_factory=set)  # soft: orders whose end is unknown; the order stream may tell it

    def __post_init__(self) -> None:
        self.placements = Placements(self.context, self.port, self.context.tenant.clock.now())
        self.follower = FollowStatus(self.placements, self.read_orders)
        port = self.context.checkouts
        self.checkout = None if port is None else CheckoutStep(self.placements, port)
        links = self.context.links
        self.link = None if links is None else LinkStep(self.placements, links)

    async def run(self) -> float:
        """One order's next step. Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        now = context.tenant.clock.now()
        row, due, may_write = await context.tenant.ledger.read(self._look)
        await end_left_over(self.context)
        await self._tell_arrived()
        if row is None and due is None:
            self.placements.failures.clear()
            self.waited.clear()
            self.absent.clear()
            return IDLE_SECONDS
        if not may_write or not context.may_write:
            return context.options.poll_seconds
        if now < self.stuck_until:
            return seconds(self.stuck_until - now)
        if row is None:
            assert due is not None
            return max(0.2, seconds(due - now))
        try:
            await self._next(row)
        except (RefusedError, MisconfiguredError) as error:  # about no single order: all else goes on
            await self.placements.later(row, str(error))
            return await self._stand_back(error)
        except TransientError as error:
            await self.placements.later(row, str(error), error.wait_seconds if isinstance(error, Throttled) else 0.0)
            raise
        if row.state == CONFIRMED:
            context.takes_no_orders = False
        return 0.0

    async def _next(self, row: PlacementRow) -> None:
        if row.order.way is Way.CART and self.link is not None:
            await self.link.run(row)
        elif row.order.way is Way.CART:
            await self._refuse(row, Refusal("this store gets no carts"), {})
        elif row.state == CONFIRMED:
            await self.follower.run(row)
        else:
            await self._work(row)

    async def _stand_back(self, error: MisconfiguredError | RefusedError) -> float:
        """The store takes no order from us at all: said once, and tried again now and then."""
        context = self.context
        if not context.takes_no_orders:
            hint = error.hint or "give the access token the right to modify orders"
            context.log.emit(events.PLACING_STUCK, reason=str(error), hint=hint)
        context.takes_no_orders = True
        await self.placements.end_rooms()
        self.stuck_until = Instant(context.tenant.clock.now() + microseconds(MISCONFIGURED_SECONDS))
        return MISCONFIGURED_SECONDS

    def _look(self, connection: Connection) -> tuple[PlacementRow | None, Instant | None, bool]:
        """The next order to work on, when the first waiting one is due, and whether the store may be written to."""
        tenant, store, now = self.context.tenant.tenant, self.context.store, self.context.tenant.clock.now()
        rows = placing.waiting(connection, tenant, store)
        known = stores.read_store(connection, tenant, store) if rows else None
        ready = known is not None and known.state == stores.READY and bool(known.approved) and not known.brake
        chosen = next((row for row in rows if row.retry_at <= now), None)
        return chosen, min((row.retry_at for row in rows), default=None), ready

    # -- an order on its way

    async def _work(self, row: PlacementRow) -> None:
        """Ask the shop, then do what is to be done."""
        context = self.context
        if row.state == INTENDED and context.tenant.erp_watched < row.told_at:
            context.tenant.watcher_bell.ring()
            await self.placements.wait(row, "the ERP's levels haven't been asked for since it told of the order")
            return
        if (row.key, row.attempts) not in self.absent and await self._asked(row):
            return
        if row.wanted == ShopStatus.CANCELLED:
            await self._conclude(row, WITHDRAWN, Result.WITHDRAWN, "cancelled in the ERP before it was placed")
            return
        try:
            resolved = await self.placements.resolve(row)
        except Unplaceable as error:
            if not self.placements.may_be_sold_soon(row, error):
                await self._refuse(row, Refusal(str(error), error.flaws), {})
            else:
                await self.placements.wait(row, f"{error}; its catalogue is read again first")
            return
        counters = await self._counters(row, resolved)
        if await self._is_early(row, counters):
            return
        if row.order.way is Way.CHECKOUT:
            await self._check_out(row, resolved, counters)
        else:
            await self._send(row, resolved, counters)

    async def _asked(self, row: PlacementRow) -> bool:
        """Ask the shop for it. Returns whether that was all that can be done now. What was surely absent after the last attempt
        stays so, since nobody else sends it: it isn't asked for again while something else is waited for."""
        found = await self.port.find(row.own_key)
        if await self._there(row, found):
            return True
        if row.stage and row.state == SENT and self.checkout is not None:
            await self.checkout.asked(row)
            return True
        dead_at = await self.placements.forgotten_dead_at()
        if row.state == SENT:
            dead_at = max(dead_at, self.placements.dead_at(row))
        if dead_at and found.began <= dead_at + self.port.traits.stale_us:
            await self.placements.wait(row, "its request may still arrive")
        elif row.state == INTENDED:
            self.absent.add((row.key, row.attempts))
            return False
        else:  # it never arrived, and can't any more: the very same is sent again
            await self.placements.change(row, state=INTENDED, retry_at=0)
        return True

    async def _there(self, row: PlacementRow, found: FoundOrders) -> bool:
        """Whether the shop has it: then it is there, by whatever hands."""
        if row.order.way is Way.CHECKOUT and all(order.status is ShopStatus.INCOMPLETE for order in found.orders):
            return False  # a draft with our key is a draft still
        if len(found.orders) > 1:
            names = ", ".join(order.order for order in found.orders)
            await self._hold(row, f"the shop has several orders with its key: {names}", TWICE_HINT)
        elif found.orders:
            reason = "found after an answer was lost" if row.state == SENT else "it was there already"
            await self._end(row, found.orders[0].order, reason)
        return bool(found.orders)

    async def _counters(self, row: PlacementRow, resolved: Resolved) -> Counters:
        """The counters that the order takes from, with its room in their targets."""
        context = self.context
        tenant, rooms = context.tenant.tenant, rooms_of(row.order, context.policy)

        def look(connection: Connection) -> tuple[bool, Counters]:
            return (
                placing.has_room(connection, tenant, context.store, row.key, rooms),
                counters_of(connection, context, resolved.items),
            )

        def unit(connection: Connection) -> Counters:
            now = context.tenant.clock.now()
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            if not self.placements.is_revised(connection, row):
                skus = placing.add_rooms(connection, tenant, context.store, row.key, rooms, now, is_open=True)
                items.make_due(connection, tenant, skus, now)
            return counters_of(connection, context, resolved.items)

        has_room, counters = await context.tenant.ledger.read(look)
        if not has_room:
            counters = await context.tenant.ledger.run(unit)
            context.bell.ring()
        return counters

    async def _is_early(self, row: PlacementRow, counters: Counters) -> bool:
        """Whether a counter must come to rest first, or is about to be given what the order takes."""
        now = self.context.tenant.clock.now()
        since = self.waited.setdefault(row.key, now)
        late = now - since > microseconds(ROOM_SECONDS)
        if not counters.writing and (counters.enough or not counters.coming or late):
            return False  # the shop decides
        await self.placements.wait(row, "its units aren't on the shop's counters yet", 1.0)
        return True

    async def _send(self, row: PlacementRow, resolved: Resolved, counters: Counters) -> None:
        """On disk as sent, then sent, once."""
        status = ShopStatus(row.wanted) if row.wanted in START else row.order.status
        order = msgspec.structs.replace(row.order, status=status)
        lines = msgspec.json.encode(resolved.lines).decode()
        sent, not_after = await self.placements.claim(row, state=SENT, lines=lines, written=status)
        if sent is None:
            return
        try:
            answer = await self.port.place(Placement(row.own_key, order, resolved.lines), not_after=not_after)
        except OutcomeUnknown as error:
            self.doubted.add(row.key)
            await self.placements.doubt(sent, str(error))
            return
        except (TransientError, MisconfiguredError) as error:  # surely nothing was made
            await self.placements.not_sent(sent, error, state=INTENDED)
            raise
        self.context.takes_no_orders = False
        if isinstance(answer, str):
            await self._end(sent, answer, "")
        elif self._is_short_for_now(sent, answer, counters):
            await self.placements.change(sent, state=INTENDED, reason=answer.reason[:REASON_CHARACTERS_MAX])
            await self.placements.later(sent, answer.reason)
        else:
            await self._refuse(sent, answer, by_shop_sku(row, resolved.lines))

    async def _check_out(self, row: PlacementRow, resolved: Resolved, counters: Counters) -> None:
        """The next step of its checkout, and what the last one brings."""
        if self.checkout is None:
            await self._refuse(row, Refusal("this store gets no orders by a checkout"), {})
            return
        ended = await self.checkout.run(row, resolved.lines)
        if isinstance(ended, str):
            await self._end(row, ended, "")
        elif isinstance(ended, Held):
            await self._hold(row, ended.reason, ended.hint)
        elif ended is not None and self._is_short_for_now(row, ended, counters):
            await self.placements.later(row, ended.reason)
        elif ended is not None:
            await self._refuse(row, ended, by_shop_sku(row, resolved.lines))

    def _is_short_for_now(self, row: PlacementRow, refusal: Refusal, counters: Counters) -> bool:
        """Whether the shop only lacks what it is about to be given."""
        only_stock = all(flaw.kind == OUT_OF_STOCK for flaw in refusal.flaws)
        return only_stock and counters.coming and not counters.enough and row.attempts < SHORT_ATTEMPTS_MAX

    # -- ends

    async def _end(self, row: PlacementRow, order: str, reason: str) -> None:
        """The shop has it. Its room ends when the order is read, or now if it was read before."""
        context = self.context
        tenant, now = context.tenant.tenant, context.tenant.clock.now()

        def unit(connection: Connection) -> bool:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            latest = placing.read_placement(connection, tenant, row.key)
            assert latest is not None
            ended = latest.state == CONFIRMED  # by the order stream, meanwhile
            if not ended:
                values = placing.confirmed(latest, order, now, reason)
                placing.conclude(connection, tenant, latest, placing.placed(latest, order), **values)
            known = orders.read_orders(connection, tenant, context.store, [order]).get(order)
            if known is not None and known.phase is not Phase.DRAFT:  # of a draft nothing was taken yet
                skus = placing.end_rooms(connection, tenant, context.store, [row.key])
                items.make_due(connection, tenant, skus, now)
            signals.note(connection, [(tenant, context.store, Kind.ORDER, order)], (), now)
            return not ended

        await context.tenant.ledger.run(unit)
        self.read_orders()
        self._made(row, order, reason)

    async def _refuse(self, row: PlacementRow, refusal: Refusal, names: Mapping[str, str]) -> None:
        """It isn't in the shop, and nothing was counted: the ERP hears why, in its own SKUs."""
        flaws = tuple(msgspec.structs.replace(flaw, sku=names.get(flaw.sku, flaw.sku)) for flaw in refusal.flaws)
        await self._conclude(row, REFUSED, Result.REFUSED, refusal.reason, flaws)
        self.placements.count("refused")
        self.context.log.emit(events.PLACEMENT_REFUSED, effect=row.key, reason=refusal.reason)

    async def _conclude(
        self, row: PlacementRow, state: str, result: Result, reason: str, flaws: tuple[Flaw, ...] = ()
    ) -> None:
        if self.checkout is not None:
            await self.checkout.drop(row)
        outcome = OrderOutcome(row.key, row.store, row.revision, result, "", "", reason, flaws)
        told = msgspec.json.encode(flaws).decode() if flaws else ""
        await self.placements.change(
            row, outcome, state=state, reason=reason[:REASON_CHARACTERS_MAX], flaws=told, confirmed_at=self.context.tenant.clock.now(),
            end_room=True,
        )  # fmt: skip
        self._forget(row)

    async def _hold(self, row: PlacementRow, reason: str, hint: str) -> None:
        """It waits for a person; others go on."""
        context = self.context
        tenant = context.tenant.tenant

        def unit(connection: Connection) -> int | None:
            now = context.tenant.clock.now()
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            placing.change(
                connection, tenant, row, state=QUARANTINED, reason=reason[:REASON_CHARACTERS_MAX], confirmed_at=now
            )
            skus = placing.end_rooms(connection, tenant, context.store, [row.key])
            items.make_due(connection, tenant, skus, now)
            return quarantine.hold(
                connection, tenant, context.store, row.key, row.name,
                reason=reason, hint=hint, raw=row.content.encode(), now=now,
            )  # fmt: skip

        number = await context.tenant.ledger.run(unit)
        self._forget(row)
        self.placements.count("held")
        context.log.emit(events.PLACEMENT_HELD, effect=row.key, reason=reason, hint=hint)
        if number is not None:
            context.log.emit(events.QUARANTINE_GREW, entries=1)

    async def _tell_arrived(self) -> None:
        """Say of an order in doubt that the order stream has settled it."""
        context = self.context
        for key in list(self.doubted):
            row = await context.tenant.ledger.read(
                lambda connection, key=key: placing.read_placement(connection, context.tenant.tenant, key)  # type: ignore[misc]
            )
            if row is not None and row.state == CONFIRMED:
                self._made(row, row.shop_order, row.reason)

    def _made(self, row: PlacementRow, order: str, reason: str) -> None:
        self._forget(row)
        self.placements.count("placed")
        details = {"reason": reason} if reason else {}
        self.context.log.emit(events.PLACEMENT_MADE, order=order, effect=row.key, key=row.own_key, **details)

    def _forget(self, row: PlacementRow) -> None:
        self.placements.failures.pop(row.key, None)
        self.waited.pop(row.key, None)
        self.doubted.discard(row.key)
        self.absent = {each for each in self.absent if each[0] != row.key}
