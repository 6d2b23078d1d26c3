"""The order step: read what changed in a store, page by page, and take it into the ledger.

The first time it reads everything (BASELINE), afterwards from an overlap before the cursor: short on each poll, long on
each n-th and after a gap. The cursor stays behind the newest order that may still be half-written. An empty poll writes
nothing and logs nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from syncd.core import scan
from syncd.core.moves import move_key
from syncd.core.order import Order, Unreadable
from syncd.core.policy import Baseline
from syncd.core.quantity import LONG_AGO, Instant, Quantity, microseconds
from syncd.errors import StoreFault
from syncd.ledger import levels, payloads, stores, tenants
from syncd.ledger.lanes import Lane
from syncd.ledger.stores import StoreRow
from syncd.observability import events
from syncd.ports.erp import ErpMove
from syncd.ports.store import OrderPage, ScanRequest
from syncd.reconcile.context import CLOCK_STEP_US, StoreContext, Stream
from syncd.reconcile.order_page import Page, StoreFacts, Taken
from syncd.reconcile.order_unit import take_page
from syncd.reconcile.start_store import describe_store

READINGS_RESERVED = 256  # reading numbers taken at a time, so that an empty poll needs no write to have one
POLL_STRETCH = (
    2.0  # while the store calls by itself: within the freshness bound (StoreOptions.fresh_us), and belief needs polls
)
RETRY_SECONDS = 2.0  # an unsettled order is read again after this
PAGES_MAX = 100_000  # of one scan: ten million orders; more is a list that never ends
CONTENTS_REMEMBERED_MAX = 2_000  # orders of the overlap that were seen unchanged; a hint that saves a transaction
MEASURE_SECONDS = 300.0  # stamps of tomorrow have the clock measured at most so often: some plugin may write them
STEPS_MAX = 4  # measured at once in STEPS_SECONDS; a clock that seems stepped more often is of servers that differ
STEPS_SECONDS = 3_600.0
ASK_ROUNDS_MAX = 20  # moves of one line that `baseline = "ask_erp"` looks for


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order whose state is left for later: since when, and up to when *it* had been read then. The unsettled state may
    hide earlier ones, so the drain mark stays there until it has been taken."""

    since: Instant
    drained: Instant


class _ClockStepped(Exception):
    """The shop's clock was stepped since its last poll: the scan begins again, from where all was read."""


@dataclass(slots=True)
class OrderStep:
    """One store's order stream. What it remembers between polls is soft: a restart only costs a little more reading."""

    context: StoreContext
    polls: int = 0
    reading: int = 0
    readings_left: int = 0
    waiting: dict[str, Waiting] = field(default_factory=dict)
    asking: dict[str, Waiting] = field(default_factory=dict)  # orders with an unknown SKU: the ERP is asked for it
    remembered: OrderedDict[str, tuple[Instant | None, bytes]] = field(default_factory=OrderedDict)
    last_complete: Instant = LONG_AGO
    complete: Instant = LONG_AGO  # up to when the last scan had read all but the orders that were waiting
    baseline_told: bool = False
    measured: Instant = LONG_AGO  # when the shop's clock was measured again, as it seemed to have been stepped
    seen_ahead_us: int | None = None  # the shop's clock, by the last page that told of it
    steps: deque[Instant] = field(default_factory=lambda: deque(maxlen=STEPS_MAX))  # when it was measured for that

    async def run(self) -> float:
        """One poll. Returns the seconds until the next is due."""
        context = self.context
        row = await context.tenant.ledger.read(self._row)
        if row.state != stores.READY and not await context.tenant.ledger.read(self._erp_is_known):
            context.stream = Stream.BASELINE
            return RETRY_SECONDS  # without the ERP's SKUs every line would look unknown
        if row.state == stores.READY:
            await self._poll(row)
            context.stream = Stream.FLOWING
            poll_seconds = context.options.poll_seconds * (POLL_STRETCH if context.hooks_alive else 1.0)
            return min(RETRY_SECONDS, poll_seconds) if self.waiting or self.asking else poll_seconds
        context.stream = Stream.BASELINE
        await self._baseline(row)
        return 0.0

    def _row(self, connection: Connection) -> StoreRow:
        row = stores.read_store(connection, self.context.tenant.tenant, self.context.store)
        if row is None:
            raise StoreFault(f"store {self.context.store} has no row yet", operation="orders")
        return row

    def _erp_is_known(self, connection: Connection) -> bool:
        known = levels.read_erp(connection, self.context.tenant.tenant)
        return known is not None and known[3] > 0

    # -- the two lanes

    async def _poll(self, row: StoreRow) -> None:
        options = self.context.options
        now = self.context.tenant.clock.now()
        gap = now - max(self.last_complete, row.drained) > options.fresh_us
        long = gap or self.polls % options.overlap_long_every == 0
        overlap = microseconds(options.overlap_long_seconds if long else options.overlap_seconds)
        try:
            began = await self._scan(row, self._since(row, overlap), lane=Lane.LIVE, in_baseline=False)
        except _ClockStepped:  # once: a shop may have servers of which each tells another time
            began = await self._scan(row, self._since(row, overlap), lane=Lane.LIVE, in_baseline=False, again=True)
        self.polls += 1
        self.last_complete = began

    def _since(self, row: StoreRow, overlap_us: int) -> Instant:
        """Where a poll begins: an overlap before the cursor. A shop whose clock was stepped back stamps below the cursor, so it is
        never later than where that clock stands now for the moment up to which all was read."""
        context = self.context
        reached = row.cursor or row.cutover
        if context.drained > LONG_AGO:
            reached = min(reached, Instant(context.drained + context.clock_span_us[0]))
        margin = overlap_us + context.port.orders.traits.settle_us + context.slack_us
        return Instant(max(LONG_AGO, reached - margin))

    async def _baseline(self, row: StoreRow) -> None:
        """Read all that there is; resumes at the cursor. Then, and only then, the store is ready to be written to."""
        context = self.context
        log = context.log
        if not self.baseline_told:
            log.emit(events.STORE_BASELINE_STARTED, cutover_us=row.cutover, resumed=bool(row.cursor))
            self.baseline_told = True
        since = Instant(max(LONG_AGO, row.cursor - 2 * context.port.orders.traits.grain_us)) if row.cursor else LONG_AGO
        began = await self._scan(row, since, lane=Lane.BACKFILL, in_baseline=True)
        if self.waiting:
            await context.tenant.clock.sleep(RETRY_SECONDS)
            return
        approved = context.tenant.clock.now() if context.tenant.approve_automatically else 0
        tenant, store = context.tenant.tenant, context.store
        drained = context.drained

        def done(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            stores.change_store(connection, tenant, store, state=stores.READY, drained=drained)
            if approved and row.approved == 0:
                stores.change_store(connection, tenant, store, approved=approved)

        await context.tenant.ledger.run(done)
        self.last_complete = began
        log.emit(events.STORE_BASELINE_DONE)

    # -- one scan

    async def _scan(
        self, row: StoreRow, since: Instant, *, lane: Lane, in_baseline: bool, again: bool = False
    ) -> Instant:
        """One complete scan from `since`. Returns when it began; raises whatever the store or the ledger raises."""
        context = self.context
        traits = context.port.orders.traits
        state = scan.begin(since, grain_us=traits.grain_us, exclude_max=traits.exclude_max)
        began = context.tenant.clock.now()
        drained = began - traits.settle_us
        cursor = row.cursor
        waited: set[str] = set()
        asking: set[str] = set()
        read: set[str] = set()
        for _ in range(PAGES_MAX):
            asked = state.request()
            reading = await self.take_reading()
            page = await context.port.orders.changed(
                ScanRequest(asked.since, asked.exclude, asked.page, traits.page_max)
            )
            rows = [scan.Seen(e.order, e.modified) for e in page.orders if e.modified is not None]
            try:
                scan.check(rows, asked, traits.grain_us)
            except scan.FilterIgnored as error:
                context.log.emit(events.STORE_FILTER_IGNORED, order=error.order, reason=error.what)
                raise StoreFault(str(error), operation="orders", store=context.store) from error
            if await self._measure_clock(page) and lane is Lane.LIVE and not again:
                raise _ClockStepped
            settled = context.settled(page.began)
            state = scan.after_page(state, rows, full=page.full)
            # Not past the bound that is still being read: rows may have slipped past its pages, and a crash would skip them.
            reached = max((r.modified for r in rows), default=cursor) if state.done else state.since
            cursor = max(cursor, min(reached, settled))
            taken = await self._take(page, reading, row, cursor, settled, lane=lane, in_baseline=in_baseline)
            if taken is not None:
                waited |= set(taken.unsettled)
                asking |= set(taken.asking)
            read |= {entry.order for entry in page.orders} & self.asking.keys()
            if state.done:
                break
        else:
            raise StoreFault("the list of changed orders never ends", operation="orders", store=context.store)
        asking |= await self._ask_again(row, sorted(self.asking.keys() - read), cursor, lane=lane)
        now = context.tenant.clock.now()
        # Not where the others hold the mark: where orders wait all the time, one after the other, it would never move again.
        before = Instant(max(context.drained, self.complete))
        self.waiting = {order: self.waiting.get(order, Waiting(now, before)) for order in waited}
        self.complete = Instant(drained)
        self.asking = {order: self.asking.get(order, Waiting(now, before)) for order in asking}
        drained = min([drained, *(entry.drained for entry in self.waiting.values())])
        context.drained = Instant(max(context.drained, drained))
        if context.drained > context.clock_stepped:
            context.clock_was_ahead_us = None  # every order of before has been read
        return began

    async def take_named(self, page: OrderPage, reading: int, row: StoreRow) -> set[str]:
        """Take orders that were read by their ids, beside the scan: they move neither its cursor nor the drain mark. Returns
        those whose state can't be acted on yet."""
        await self._measure_clock(page)
        settled = self.context.settled(page.began)
        taken = await self._take(page, reading, row, row.cursor, settled, lane=Lane.LIVE, in_baseline=False)
        return set() if taken is None else {*taken.unsettled, *taken.asking}

    async def _measure_clock(self, page: OrderPage) -> bool:
        """Measure the shop's clock again where it seems to have been stepped: its answers tell another time than before, or an
        order was changed later than it was read. Returns whether it was. Dated by the old measure, what an order took would
        seem to lie on the other side of a reading, and orders of a clock that went back would lie below the cursor.
        """
        context = self.context
        seen, self.seen_ahead_us = self.seen_ahead_us, page.clock_ahead_us
        stepped = False
        if seen is not None and page.clock_ahead_us is not None:
            stepped = abs(page.clock_ahead_us - seen) > CLOCK_STEP_US + page.clock_error_us
        newest = max((e.modified for e in page.orders if e.modified is not None), default=LONG_AGO)
        if not stepped and newest - context.clock_ahead_us - context.slack_us <= page.ended:
            return False
        now = context.tenant.clock.now()
        if stepped and (len(self.steps) < STEPS_MAX or now - self.steps[0] > microseconds(STEPS_SECONDS)):
            self.steps.append(now)
        elif now - self.measured < microseconds(MEASURE_SECONDS):
            return False
        self.measured = now
        return await describe_store(context)

    async def _ask_again(self, row: StoreRow, names: list[str], cursor: Instant, *, lane: Lane) -> set[str]:
        """Read by their ids the orders with an unknown SKU that the scan doesn't reach any more: after a long pause the
        cursor is past them at once. Returns those for which the ERP is still asked."""
        context = self.context
        limit = context.port.orders.traits.page_max
        asking: set[str] = set()
        for start in range(0, len(names), limit):
            reading = await self.take_reading()
            page = await context.port.orders.by_ids(names[start : start + limit])
            settled = context.settled(page.began)
            taken = await self._take(page, reading, row, cursor, settled, lane=lane, in_baseline=False)
            asking |= set(taken.asking) if taken is not None else set()
        return asking

    async def _take(
        self,
        page: OrderPage,
        reading: int,
        row: StoreRow,
        cursor: Instant,
        settled: Instant,
        *,
        lane: Lane,
        in_baseline: bool,
    ) -> Taken | None:
        """Take a page into the ledger; None if all of it is known by heart."""
        context = self.context
        places = [place for place, entry in enumerate(page.orders) if not self._remembers(entry)]
        if not places:
            return None
        if len(places) < len(page.orders):
            page = _only(page, places)
        facts = self.facts(row, in_baseline=in_baseline)
        now = page.ended
        patience = context.port.orders.traits.settle_wait_max_us
        force = frozenset(order for order, entry in self.waiting.items() if now - entry.since > patience)
        force |= {order for order, entry in self.asking.items() if now - entry.since > patience}
        packed = payloads.compress(page.raw) if page.raw else b""
        asked = await self._ask(page, row, in_baseline=in_baseline)
        work = Page(
            page.orders, reading, page.began, page.ended, packed, settled, force, may_ask=not in_baseline, asked=asked,
            drained_at={order: entry.drained for order, entry in self.asking.items()},
        )  # fmt: skip
        drained = context.drained

        def unit(connection: Connection) -> Taken:
            return take_page(connection, facts, work, cursor=cursor, drained=drained)

        taken = await context.tenant.ledger.run(unit, lane=lane)
        self.after_commit(page, taken, quiet=in_baseline)
        return taken

    def facts(self, row: StoreRow, *, in_baseline: bool) -> StoreFacts:
        """The store's facts for a unit of work."""
        context = self.context
        return StoreFacts(
            tenant=context.tenant.tenant,
            store=context.store,
            epoch=context.tenant.epoch,
            policy=context.policy,
            rule=context.rule,
            cutover=row.cutover,
            in_baseline=in_baseline,
            clock_span_us=context.clock_span_us,
            slack_us=context.slack_us,
            drained=context.drained,
            places=context.places,
            alerts=context.tenant.alerts,
            carts=context.carts is not None and not in_baseline,
            documents=context.documents is not None,
        )

    def after_commit(self, page: OrderPage, taken: Taken, *, quiet: bool) -> None:
        """What a committed page means for the log and for the other steps."""
        context = self.context
        if context.carts is not None and taken.applied:
            context.cart_bell.ring()
        for entry in page.orders:
            if isinstance(entry, Unreadable) or taken.contents.get(entry.order) == entry.content:
                self.remembered[_name(entry)] = _mark(entry)
                self.remembered.move_to_end(_name(entry))
        while len(self.remembered) > CONTENTS_REMEMBERED_MAX:
            self.remembered.popitem(last=False)
        if not quiet:
            for order, status, count in taken.applied:
                context.log.emit(events.ORDER_APPLIED, order=order, status=status, moves=count)
        for order, line, reason in taken.quarantined:
            context.log.emit(events.ORDER_QUARANTINED, order=order, line=line, reason=reason)
        if taken.quarantined:
            context.log.emit(events.QUARANTINE_GREW, entries=len(taken.quarantined))
        if taken.moves:
            context.tenant.poster_bell.ring()
        if taken.skus or taken.items:
            context.tenant.publish()
        if taken.asking:
            context.tenant.watcher_bell.ring()
        if taken.unknown_products:
            context.unknown_products = True  # the catalogue is read again at the next opportunity

    def _remembers(self, entry: Order | Unreadable) -> bool:
        return self.remembered.get(_name(entry)) == _mark(entry)

    async def take_reading(self) -> int:
        """A reading number, taken when the request starts: later readings have higher ones."""
        if self.readings_left == 0:
            tenant = self.context.tenant.tenant
            self.reading = await self.context.tenant.ledger.run(
                lambda connection: tenants.take_readings(connection, tenant, READINGS_RESERVED)
            )
            self.readings_left = READINGS_RESERVED
        self.readings_left -= 1
        self.reading += 1
        return self.reading - 1

    async def _ask(self, page: OrderPage, row: StoreRow, *, in_baseline: bool) -> dict[tuple[str, str, int], Quantity]:
        """What the ERP has counted for the old orders of this page (`baseline = "ask_erp"`), by our own keys."""
        context = self.context
        if not in_baseline or context.policy.baseline is not Baseline.ASK_ERP:
            return {}
        old = [o for o in page.orders if isinstance(o, Order) and o.created < row.cutover]
        lines = [(order.order, line.line, line.sku) for order in old for line in order.lines]
        found: dict[tuple[str, str, int], Quantity] = {}
        for n in range(ASK_ROUNDS_MAX):
            keys = {
                move_key(context.tenant.tenant, context.store, o, line, n): (o, line, sku) for o, line, sku in lines
            }
            known: dict[str, ErpMove] = {}
            names = list(keys)
            for start in range(0, len(names), context.tenant.erp.traits.batch_max):
                known |= await context.tenant.erp.find(names[start : start + context.tenant.erp.traits.batch_max])
            for key, move in known.items():
                order, line, sku = keys[key]
                parts = [name for name, _ in context.policy.recipe(sku)]
                part = parts.index(move.sku) if move.sku in parts else 0
                place = (order, line, part)
                found[place] = Quantity(found.get(place, Quantity(0)) - move.change)
            lines = [keys[key] for key in known]
            if not lines:
                break
        return found


def _name(entry: Order | Unreadable) -> str:
    """Under what an entry is remembered."""
    return entry.order if isinstance(entry, Order) else f"unreadable {entry.order}"


def _mark(entry: Order | Unreadable) -> tuple[Instant | None, bytes]:
    """What tells one state of an entry from another."""
    return (entry.modified, entry.content if isinstance(entry, Order) else entry.raw)


def _only(page: OrderPage, places: list[int]) -> OrderPage:
    """The page with these rows alone, so that what is known isn't kept again and again."""
    raw = page.raw
    if raw:
        rows = msgspec.json.decode(raw, type=list[msgspec.Raw])
        raw = msgspec.json.encode([rows[place] for place in places]) if len(rows) == len(page.orders) else raw
    return msgspec.structs.replace(page, orders=tuple(page.orders[place] for place in places), raw=raw)
