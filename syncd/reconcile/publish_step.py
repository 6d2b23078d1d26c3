"""The publisher: lets a shop show its targets, with as few writes as that takes.

A decision and its effect go to disk in one transaction, as *sent*, before the first byte leaves; what a crash leaves
behind as sent is in doubt, and belief is wide until readings narrow it. Shops that can add get target - hi. Others are
read first, get the reading + (target - hi) at once, and are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from syncd.core.quantity import LONG_AGO, Instant, Quantity, microseconds, seconds, show
from syncd.errors import StoreFault, Throttled
from syncd.ledger import flow, items, stores, tenants, writes
from syncd.ledger.stores import StoreRow
from syncd.ledger.writes import PlannedWrite
from syncd.observability import events
from syncd.ports.store import LevelPage, LevelWrite, WriteOutcome, WriteResult
from syncd.reconcile.context import StoreContext
from syncd.reconcile.end_write import end_writes
from syncd.reconcile.evaluate import Moment, Shop
from syncd.reconcile.publish_round import RECHECK_SECONDS, Round, decide_round, later, left
from syncd.reconcile.take_levels import take_levels

REFUSED_RECHECK_SECONDS = 30.0
IDLE_SECONDS = 3_600.0  # whatever makes an item due rings the bell
POLL_SHARE = 6  # an item whose belief waits for the next poll of the orders isn't looked at all the time
PAUSE_SECONDS_MAX = 10.0


@dataclass(slots=True)
class PublishStep:
    """One shop's publisher."""

    context: StoreContext
    plan_told: bool = False
    brake_told: bool = False
    ignored: set[str] = field(default_factory=set)  # soft, at most all items: those whose last write the shop ignored
    unrecorded: bool = False  # writes have left whose ends are not in the ledger
    awaiting: dict[str, Instant] = field(default_factory=dict)  # soft, at most all items: see Round

    async def run(self) -> float:
        """Publish what is due, one round of it: a shop that answers slowly must not keep its orders waiting. Returns the seconds
        until it should look again (the bell may ring before)."""
        context = self.context
        if self.unrecorded:
            await context.tenant.ledger.run(self._doubt_unrecorded)
            self.unrecorded = False
        row, due = await context.tenant.ledger.read(self._look)
        if row is not None and row.state == stores.READY and not row.approved and not self.plan_told:
            self.plan_told = await context.tenant.ledger.read(self._tell_plan)
        if row is None or row.state != stores.READY or not self._may_write(row):
            return context.options.poll_seconds
        if not self.is_ripe and (due is None or due > context.tenant.clock.now()):
            return self._wait_seconds(due)
        done = await self._round(None)
        wrote = await self._write(done)
        if done.to_read:
            page = await context.port.inventory.levels(done.to_read)
            done = await self._round(page, frozenset(done.to_read))
            wrote |= await self._write(done)
        # What else is due goes on at once, but not before the shop's orders, if they are due.
        return 0.0 if wrote else self._wait_seconds(done.next_due)

    async def _write(self, done: Round) -> bool:
        """Send what a round has decided. Returns whether there was anything."""
        if not done.writes:
            return False
        self.unrecorded = True
        await self._send(done.writes)
        self.unrecorded = False
        return True

    @property
    def is_ripe(self) -> bool:
        """Whether the orders are drained as far as some item has waited for."""
        return any(until <= self.context.drained for until in self.awaiting.values())

    def _look(self, connection: Connection) -> tuple[StoreRow | None, Instant | None]:
        """The store's row, and when the next item is due."""
        tenant, store = self.context.tenant.tenant, self.context.store
        return stores.read_store(connection, tenant, store), items.next_due(connection, tenant, store)

    def _tell_plan(self, connection: Connection) -> bool:
        """Say that the plan can be looked at, once every item was read and the orders have caught up with it."""
        context = self.context
        read_at = items.read_between(connection, context.tenant.tenant, context.store)
        if read_at is None or not LONG_AGO < read_at[0] <= read_at[1] <= context.drained or not context.tenant.is_live:
            return False
        context.log.emit(events.STORE_PLAN_READY)
        return True

    def _doubt_unrecorded(self, connection: Connection) -> None:
        """The ledger failed when it should take how writes ended: nobody will ever know, so readings must tell."""
        tenant, store, now = self.context.tenant.tenant, self.context.store, self.context.tenant.clock.now()
        late_us = self.context.port.inventory.traits.late_us
        items.read_soon(connection, tenant, store, writes.orphans_in_doubt(connection, tenant, store, now, late_us))

    def _may_write(self, row: StoreRow) -> bool:
        """SHADOW, the first plan's approval, the brake and an operator's pause."""
        context = self.context
        if not context.may_write:
            return False
        if row.brake:
            if not self.brake_told:
                context.log.emit(events.STORE_BRAKE, reason=row.brake)
            self.brake_told = True
            return False
        self.brake_told = False
        if not row.approved:
            return False
        self.plan_told = False
        return True

    def _wait_seconds(self, due: Instant | None) -> float:
        if due is None:
            return IDLE_SECONDS
        wait = seconds(due - self.context.tenant.clock.now())
        poll = self.context.options.poll_seconds
        return min(max(wait, 0.2, min(poll / POLL_SHARE, PAUSE_SECONDS_MAX)), poll)

    # -- deciding

    def shop(self) -> Shop:
        """The shop as plain values."""
        context = self.context
        return Shop(
            context.tenant.tenant, context.store, context.places, context.options.buffer, context.options.drift,
            context.port.inventory.traits,
        )  # fmt: skip

    def moment(self) -> Moment:
        """What holds now."""
        context = self.context
        now = context.tenant.clock.now()
        return Moment(
            now=now,
            drained=context.drained,
            erp_fresh=now - context.tenant.erp_watched <= microseconds(context.tenant.options.fresh_seconds),
            orders_fresh=context.is_fresh(now)
            and not any(store.may_hide_sales(now) for store in context.tenant.siblings()),
        )

    async def _round(self, page: LevelPage | None, asked: frozenset[str] = frozenset()) -> Round:
        """Look at what is due, or (with a page of fresh levels) at the items that were read for writing."""
        shop, moment = self.shop(), self.moment()
        context = self.context
        ripe = [name for name, until in self.awaiting.items() if until <= moment.drained]

        def unit(connection: Connection) -> Round:
            tenants.assert_epoch(connection, shop.tenant, context.tenant.epoch)
            items.make_items_due(connection, shop.tenant, shop.store, ripe, moment.now)
            for name in asked - {reading.item for reading in page.readings} if page else ():
                items.set_item(
                    connection, shop.tenant, shop.store, name, due=later(moment.now, REFUSED_RECHECK_SECONDS)
                )
            done = decide_round(connection, context, shop, moment, page)
            if stays := left(done, shop):
                context.tenant.alerts.note(
                    connection, events.DRIFT_UNEXPLAINED, shop.tenant, shop.store, now=moment.now, items=len(stays)
                )
            done.next_due = items.next_due(connection, shop.tenant, shop.store)
            return done

        done = await context.tenant.ledger.run(unit)
        for name in (*ripe, *done.looked):
            self.awaiting.pop(name, None)
        self.awaiting |= done.awaiting
        for name, units in done.drifts:
            if not units:
                continue  # an older reading is contradicted, not the newest: nothing is off (a decrease that BigCommerce dropped)
            context.tenant.meters.of(shop.tenant, shop.store).drifts += 1
            context.log.emit(events.DRIFT_FOUND, item=name, units=show(units), policy=shop.drift)
        if stays := left(done, shop):
            context.log.emit(events.DRIFT_UNEXPLAINED, items=len(stays), units=show(Quantity(sum(map(abs, stays)))))
        if done.unread:
            context.bell.ring()
        if done.drifts:
            context.tenant.poster_bell.ring()
        if done.brake:
            context.log.emit(events.STORE_BRAKE, reason=done.brake)
            self.brake_told = True
        return done

    # -- writing

    async def _send(self, planned: Sequence[PlannedWrite]) -> None:
        context = self.context
        batch_max = context.port.inventory.traits.writes_max or context.port.inventory.traits.batch_max
        for start in range(0, len(planned), batch_max):
            batch = planned[start : start + batch_max]
            out = [
                LevelWrite(w.key, w.item, None, w.level) if w.level is not None else LevelWrite(w.key, w.item, w.change)
                for w in batch
            ]
            wait = REFUSED_RECHECK_SECONDS
            try:
                outcomes = await context.port.inventory.write(out, not_after=batch[0].not_after)
            except (StoreFault, Throttled) as error:
                outcomes = tuple(WriteOutcome(w.key, WriteResult.NOT_SENT, str(error)) for w in out)
                wait = max(RECHECK_SECONDS, error.wait_seconds) if isinstance(error, Throttled) else wait
            await self._record(batch, outcomes, wait)
        if not context.port.inventory.traits.relative:
            await self._read_again(planned)

    async def _record(
        self, batch: Sequence[PlannedWrite], outcomes: Sequence[WriteOutcome], wait_seconds: float
    ) -> None:
        """How the writes ended, in one transaction."""
        context = self.context
        now = context.tenant.clock.now()
        shop = self.shop()

        def unit(connection: Connection) -> None:
            end_writes(connection, shop, batch, outcomes, now, wait_seconds, context.tenant.epoch)
            written = sum(outcome.result is WriteResult.APPLIED for outcome in outcomes)
            flow.count(connection, shop.tenant, flow.WRITES, now, {shop.store: written})

        await context.tenant.ledger.run(unit)
        for write, outcome in zip(batch, outcomes, strict=True):
            if outcome.result in (WriteResult.APPLIED, WriteResult.UNKNOWN):
                context.may_fall.discard(write.item)  # what was approved has happened
            if outcome.result is WriteResult.IGNORED and write.item not in self.ignored:
                context.unknown_products = True  # it isn't counted so any more: the catalogue tells how
                self.ignored.add(write.item)  # or it doesn't: each change of the item must not have it read again
            elif outcome.result is WriteResult.APPLIED:
                self.ignored.discard(write.item)
            told, event = {
                WriteResult.APPLIED: ("written", events.LEVEL_WRITTEN),
                WriteResult.UNKNOWN: ("in_doubt", events.LEVEL_DOUBT),
                WriteResult.NOT_SENT: ("not_sent", events.LEVEL_NOT_SENT),
            }.get(outcome.result, ("refused", events.LEVEL_REFUSED))
            context.tenant.meters.of(shop.tenant, shop.store).level(told)
            context.log.emit(
                event, item=write.item, effect=write.key, change=show(write.change), target=show(write.target),
                why=write.why, **({"reason": outcome.reason} if outcome.reason else {}),
            )  # fmt: skip

    async def _read_again(self, planned: Sequence[PlannedWrite]) -> None:
        """After absolute writes the shop is read again: sales that came in between show."""
        context = self.context
        names = [write.item for write in planned]
        batch_max = context.port.inventory.traits.batch_max
        for start in range(0, len(names), batch_max):
            page = await context.port.inventory.levels(names[start : start + batch_max])
            await context.tenant.ledger.run(partial(take_levels, shop=self.shop(), page=page, drained=context.drained))
