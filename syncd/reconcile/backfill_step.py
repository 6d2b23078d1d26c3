"""The backfill: an order scan from a date of the operator's choice, beside the live one, page by page.

For orders that the ledger has missed: a shop that was configured later, a cutover moved back, a long outage with vanished
stamps. It takes in what it finds by the same unit as the live scan, so repeating it changes nothing. Where it stands is
committed with each page (`store.resume`), so that the same command goes on after an interruption.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from syncd.core import scan
from syncd.core.order import Order
from syncd.core.quantity import Instant
from syncd.errors import StoreFault
from syncd.ledger import history, payloads, stores
from syncd.ledger.lanes import Lane
from syncd.observability import events
from syncd.ports.store import OrderPage, ScanRequest
from syncd.reconcile.context import StoreContext
from syncd.reconcile.order_page import Page, Taken
from syncd.reconcile.order_step import PAGES_MAX, OrderStep
from syncd.reconcile.order_unit import take_page

FINISHED_SECONDS = 86_400.0  # a finished backfill has nothing to do any more
LATE_SECONDS = 5.0  # before orders that had to wait are read again, and then acted on


class Resume(msgspec.Struct, frozen=True):
    """Where a backfill stands: as it is kept in the ledger. Instants are the store's clock."""

    since: Instant
    position: Instant
    pages: int = 0
    orders: int = 0
    changed: int = 0


@dataclass(slots=True)
class BackfillStep:
    """One store's backfill. `orders` is the store's own order step: its reading numbers order all readings of the store."""

    context: StoreContext
    orders: OrderStep
    since: Instant
    resumed: bool = False
    done: bool = False
    at: Resume = field(init=False)
    late: list[str] = field(default_factory=list)
    _scan: scan.Scan | None = None

    def __post_init__(self) -> None:
        self.at = Resume(self.since, self.since)

    async def run(self) -> float:
        """One request's worth. Returns the seconds until it is due again."""
        if self.done:
            return FINISHED_SECONDS
        row = await self.context.tenant.ledger.read(self._row)
        if self._scan is None:
            await self._begin()
        assert self._scan is not None
        if not self._scan.done:
            ended = await self._page(row, self._scan)
            return LATE_SECONDS if ended and self.late else 0.0
        if self.late:
            await self._late(row)
            return 0.0
        await self.context.tenant.ledger.run(lambda connection: self._write_resume(connection, ""))
        self.done = True
        return FINISHED_SECONDS

    async def _begin(self) -> None:
        """Go on where the same backfill was left, or begin."""
        traits = self.context.port.orders.traits
        text = await self.context.tenant.ledger.read(
            lambda connection: history.read_resume(connection, self.context.tenant.tenant, self.context.store)
        )
        since = self.since
        if text:
            left = msgspec.json.decode(text, type=Resume)
            if left.since == self.since:
                self.at, self.resumed = left, True
                since = Instant(max(left.since, left.position - 2 * traits.grain_us))
        self._scan = scan.begin(since, grain_us=traits.grain_us, exclude_max=traits.exclude_max)

    async def _page(self, row: stores.StoreRow, state: scan.Scan) -> bool:
        """Ask for the next page and take it in. Returns whether the scan has ended."""
        context, traits = self.context, self.context.port.orders.traits
        if self.at.pages >= PAGES_MAX:
            raise StoreFault("the list of changed orders never ends", operation="orders", store=context.store)
        asked = state.request()
        facts = self.orders.facts(row, in_baseline=False)
        reading = await self.orders.take_reading()
        page = await context.port.orders.changed(ScanRequest(asked.since, asked.exclude, asked.page, traits.page_max))
        rows = [scan.Seen(entry.order, entry.modified) for entry in page.orders if entry.modified is not None]
        try:
            scan.check(rows, asked, traits.grain_us)
        except scan.FilterIgnored as error:
            context.log.emit(events.STORE_FILTER_IGNORED, order=error.order, reason=error.what)
            raise StoreFault(str(error), operation="orders", store=context.store) from error
        after = scan.after_page(state, rows, full=page.full)
        position = after.since if after.page == 1 else self.at.position
        news = Resume(self.at.since, position, self.at.pages + 1, self.at.orders + len(page.orders), self.at.changed)
        work = self._work(page, reading, frozenset())

        def unit(connection: Connection) -> tuple[Taken, Resume]:
            taken = take_page(connection, facts, work)
            at = msgspec.structs.replace(news, changed=news.changed + len(taken.applied))
            self._write_resume(connection, msgspec.json.encode(at).decode())
            return taken, at

        taken, self.at = await context.tenant.ledger.run(unit, lane=Lane.BACKFILL)
        self.late += taken.unsettled
        self.orders.after_commit(page, taken, quiet=False)
        self._scan = after
        return after.done

    async def _late(self, row: stores.StoreRow) -> None:
        """Read again what had to wait (a SKU that the ERP may know by now), and act on it; younger ones are the live scan's."""
        context = self.context
        names = self.late[: context.port.orders.traits.page_max]
        facts = self.orders.facts(row, in_baseline=False)
        reading = await self.orders.take_reading()
        page = await context.port.orders.by_ids(names)
        settled = context.settled(page.began)
        force = frozenset(o.order for o in page.orders if isinstance(o, Order) and o.modified <= settled)
        work = self._work(page, reading, force)
        taken = await context.tenant.ledger.run(
            lambda connection: take_page(connection, facts, work), lane=Lane.BACKFILL
        )
        self.orders.after_commit(page, taken, quiet=False)
        self.at = msgspec.structs.replace(self.at, changed=self.at.changed + len(taken.applied))
        self.late = self.late[len(names) :]

    def _work(self, page: OrderPage, reading: int, force: frozenset[str]) -> Page:
        context = self.context
        settled = context.settled(page.began)
        packed = payloads.compress(page.raw) if page.raw else b""
        return Page(page.orders, reading, page.began, page.ended, packed, settled, force)

    def _row(self, connection: Connection) -> stores.StoreRow:
        row = stores.read_store(connection, self.context.tenant.tenant, self.context.store)
        if row is None:
            raise StoreFault(f"store {self.context.store} has no row yet", operation="orders")
        return row

    def _write_resume(self, connection: Connection, text: str) -> None:
        stores.change_store(connection, self.context.tenant.tenant, self.context.store, resume=text)
