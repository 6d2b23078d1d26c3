"""The publisher: lets a shop show its targets, with as few writes as that takes.

A decision and its effect go to disk in one transaction, as *sent*, before the first byte leaves; what a crash leaves
behind as sent is in doubt, and belief is wide until readings narrow it. Shops that can add get target - hi. Others are
read first, get the reading + (target - hi) at once, and are read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from syncd.core.publish import Blocked, brake
from syncd.core.quantity import LONG_AGO, Instant, Quantity, microseconds, seconds, show
from syncd.errors import StoreFault, Throttled
from syncd.ledger import flow, items, stores, tenants, writes
from syncd.ledger.stores import StoreRow
from syncd.ledger.writes import PlannedWrite
from syncd.observability import events
from syncd.ports.store import LevelPage, LevelWrite, WriteOutcome, WriteResult
from syncd.reconcile.context import StoreContext
from syncd.reconcile.drift_unit import settle_drift
from syncd.reconcile.evaluate import Evaluation, Moment, Shop, evaluate
from syncd.reconcile.plan_write import plan_write

ITEMS_PER_STEP_MAX = 2_000  # looked at in one transaction; the brake judges them together
WRITES_PER_REQUEST_MAX = 100  # small enough that a lost answer leaves few items in doubt
RECHECK_SECONDS = 2.0  # an item whose belief is still open is looked at again after this
REFUSED_RECHECK_SECONDS = 30.0
DOUBT_RECHECK_SECONDS = (
    15.0  # a lowering that may have been lost isn't sent again before a reading can tell: it would sell out the shop
)
STALE_RECHECK_SECONDS = 10.0  # nothing changes before the ERP or the orders have been read again
AWAITING_SECONDS = (
    60.0  # of an item that waits for the orders: the step knows when they are drained so far; another life doesn't
)
IDLE_SECONDS = 3_600.0  # whatever makes an item due rings the bell
POLL_SHARE = 6  # an item whose belief waits for the next poll of the orders isn't looked at all the time
PAUSE_SECONDS_MAX = 10.0


@dataclass(slots=True)
class Round:
    """What one transaction of the publisher has decided."""

    writes: list[PlannedWrite] = field(default_factory=list)
    to_read: list[str] = field(default_factory=list)
    drifts: list[tuple[str, Quantity]] = field(default_factory=list)
    brake: str = ""
    unread: bool = False
    next_due: Instant | None = None
    looked: list[str] = field(default_factory=list)
    awaiting: dict[str, Instant] = field(default_factory=dict)  # items for which the orders must be drained up to there


@dataclass(slots=True)
class PublishStep:
    """One shop's publisher."""

    context: StoreContext
    plan_told: bool = False
    brake_told: bool = False
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
        if done.to_read:
            page = await context.port.inventory.levels(done.to_read)
            done = await self._round(page, frozenset(done.to_read))
        if done.brake or not done.writes:
            return self._wait_seconds(done.next_due)
        self.unrecorded = True
        await self._send(done.writes)
        self.unrecorded = False
        return 0.0  # what else is due goes on at once, but not before the shop's orders, if they are due

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
            context.tenant.tenant, context.store, context.policy.location, context.options.buffer, context.options.drift,
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
                    connection, shop.tenant, shop.store, name, due=_later(moment.now, REFUSED_RECHECK_SECONDS)
                )
            done = _decide(connection, context, shop, moment, page)
            left = _left(done, shop)
            if left:
                context.tenant.alerts.note(
                    connection, events.DRIFT_UNEXPLAINED, shop.tenant, shop.store, now=moment.now, items=len(left)
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
        left = _left(done, shop)
        if left:
            context.log.emit(events.DRIFT_UNEXPLAINED, items=len(left), units=show(Quantity(sum(map(abs, left)))))
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
        batch_max = min(WRITES_PER_REQUEST_MAX, context.port.inventory.traits.batch_max)
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
            for write, outcome in zip(batch, outcomes, strict=True):
                _end(connection, shop, write, outcome, now, wait_seconds)
            written = sum(outcome.result is WriteResult.APPLIED for outcome in outcomes)
            flow.count(connection, shop.tenant, flow.WRITES, now, {shop.store: written})

        await context.tenant.ledger.run(unit)
        for write, outcome in zip(batch, outcomes, strict=True):
            if outcome.result in (WriteResult.APPLIED, WriteResult.UNKNOWN):
                context.may_fall.discard(write.item)  # what was approved has happened
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


def take_levels(connection: Connection, shop: Shop, page: LevelPage, drained: Instant) -> None:
    """Record a page of levels. A reading may be older than its request by what the platform lags."""
    known = {r.item: r.level for r in page.readings if r.level is not None}
    began = Instant(page.began - shop.traits.stale_us)
    if known:
        items.add_readings(connection, shop.tenant, shop.store, known, began, page.ended, drained=drained)
        # What makes readings usable stands beside them: for `explain` without a daemon, and for the next start.
        stores.change_store(connection, shop.tenant, shop.store, drained=drained)
    missing = [r.item for r in page.readings if r.level is None]
    if missing:
        items.needs_absolute(connection, shop.tenant, shop.store, missing, page.ended)


def _left(done: Round, shop: Shop) -> list[Quantity]:
    """The drifts that nobody corrects."""
    return [units for _, units in done.drifts if units and shop.drift == "report"]


def _decide(connection: Connection, context: StoreContext, shop: Shop, moment: Moment, page: LevelPage | None) -> Round:
    """One transaction: evaluate, and put the writes on disk as sent. Shops without relative writes are read first."""
    done = Round()
    rows = items.items_due(connection, shop.tenant, shop.store, moment.now, ITEMS_PER_STEP_MAX)
    seen: Mapping[str, Quantity] = {}
    if page is not None:
        take_levels(connection, shop, page, moment.drained)
        seen = {r.item: r.level for r in page.readings if r.level is not None}
        rows = [row for row in rows if row.item in seen or row.needs_absolute]
    done.looked = [row.item for row in rows]
    results = evaluate(connection, shop, rows, moment)
    falling = sum(1 for e in results if e.falls_to_zero and e.row.item not in context.may_fall)
    total = items.count_items(connection, shop.tenant, shop.store) if falling else 0
    if falling and brake(falling, total, context.options.brake_share):
        done.brake = f"{falling} of {total} items would fall to 0 at once"
        stores.change_store(connection, shop.tenant, shop.store, brake=done.brake)
        return done
    chosen: list[tuple[Evaluation, bool]] = []
    for result in results:
        if result.belief.drift:
            units = settle_drift(connection, shop, result, moment, context.tenant.epoch)
            done.drifts.append((result.row.item, units))
            if shop.drift != "erp" and units:
                continue  # its target has changed with it: looked at again at once
        if not result.decision.change:
            until = result.awaits(moment.drained)
            if until is not None:
                done.awaiting[result.row.item] = until
            done.unread |= _put_off(connection, shop, result, moment, awaits=until is not None)
            continue
        absolute = not shop.traits.relative or result.row.needs_absolute or result.row.refused_at > 0
        if absolute and result.row.item not in seen and not result.row.needs_absolute:
            done.to_read.append(result.row.item)
        else:
            chosen.append((result, absolute))
    if done.to_read and page is None:
        done.to_read = done.to_read[: shop.traits.batch_max]
    if chosen and not (done.to_read and page is None):
        first = tenants.take_numbers(connection, shop.tenant, len(chosen))
        planned = [
            plan_write(shop, result, seen, page, moment, first + k, absolute=absolute)
            for k, (result, absolute) in enumerate(chosen)
        ]
        for write in planned:
            if page is None or not _is_needless(write, seen):
                done.writes.append(write)
            else:
                done.awaiting[write.item] = page.ended
                items.set_item(
                    connection, shop.tenant, shop.store, write.item, due=_later(moment.now, AWAITING_SECONDS)
                )
        writes.add_writes(connection, shop.tenant, shop.store, done.writes, context.tenant.epoch)
        for write in done.writes:
            items.set_item(connection, shop.tenant, shop.store, write.item, due=_later(moment.now, RECHECK_SECONDS))
    return done


def _is_needless(write: PlannedWrite, seen: Mapping[str, Quantity]) -> bool:
    """Whether the shop was just seen to show what it should. Belief differs, so the book doesn't explain it yet: the orders have to
    be drained past that reading, and no write can hasten it."""
    return write.level is not None and seen.get(write.item) == write.level


def _put_off(connection: Connection, shop: Shop, result: Evaluation, moment: Moment, *, awaits: bool) -> bool:
    """Nothing to write: either all is well, or it is looked at again. Returns whether it should be read soon."""
    if result.decision.blocked in (Blocked.NO_ERP, Blocked.BELOW_FLOOR) or result.is_settled:
        due = None
    else:
        stale = result.decision.blocked in (Blocked.ERP_STALE, Blocked.ORDERS_STALE)
        wait = AWAITING_SECONDS if awaits else STALE_RECHECK_SECONDS if stale else RECHECK_SECONDS
        due = _later(moment.now, wait)
    values: dict[str, object] = {"due": due, "shown": result.decision.shown}
    if due is not None and result.wants_reading(Instant(moment.now - shop.traits.stale_us), moment.drained):
        values["read_at"] = 0
    items.set_item(connection, shop.tenant, shop.store, result.row.item, **values)
    return "read_at" in values


def _later(now: Instant, wait_seconds: float) -> Instant:
    return Instant(now + microseconds(wait_seconds))


def _end(
    connection: Connection, shop: Shop, write: PlannedWrite, outcome: WriteOutcome, now: Instant, wait_seconds: float
) -> None:
    """Record one write's end, and when its item is looked at again."""
    soon = _later(now, RECHECK_SECONDS)
    values: dict[str, object]
    ended, state, values = now, writes.REFUSED, {"due": _later(now, wait_seconds)}
    if outcome.result is WriteResult.APPLIED:
        ended, state, values = Instant(now + shop.traits.apply_us), writes.CONFIRMED, {"due": soon, "refused_at": 0}
        if write.level is not None:
            values["needs_absolute"] = 0
            items.add_write_reading(
                connection, shop.tenant, shop.store, write.item, write.level, write.sent_at, ended, write.seq
            )
    elif outcome.result is WriteResult.UNKNOWN:
        ended, state = Instant(max(now, write.sent_at + shop.traits.late_us)), writes.DOUBT
        values = {"due": _later(now, DOUBT_RECHECK_SECONDS), "read_at": 0}
    elif outcome.result is WriteResult.NEEDS_ABSOLUTE:
        values = {"due": now, "needs_absolute": 1}
    elif outcome.result is WriteResult.NOT_SENT:
        pass
    elif outcome.result is WriteResult.IGNORED:
        values = {"due": _later(now, IDLE_SECONDS), "read_at": 0}
    elif write.level is None:
        values["refused_at"] = now
    writes.end_write(
        connection, shop.tenant, shop.store, write.item, write.seq, state=state, ended=ended, reason=outcome.reason
    )
    items.set_item(connection, shop.tenant, shop.store, write.item, **values)
