"""The sweep: read slowly again what no stamp tells of, e.g. edits that don't touch the date, deleted refunds, orders that are
gone.

It reads the orders that may still change, and those changed lately, by their ids. An order is *gone* only when the store
says so explicitly, twice, while its neighbours can be read; and when too many are gone at once, somebody must look first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection

from syncd.core.order import Order, Phase
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.ledger import orders, payloads, stores
from syncd.ledger.lanes import Lane
from syncd.observability import events
from syncd.ports.store import OrderPage
from syncd.reconcile.context import StoreContext
from syncd.reconcile.order_page import Page, Taken
from syncd.reconcile.order_step import OrderStep
from syncd.reconcile.order_unit import take_page

LATELY_SECONDS = 30 * 86_400.0  # orders changed since then are swept though they are final: refunds get deleted
PAUSE_SECONDS = 1.0  # between two requests of a sweep: it is never urgent
CONFIRM_SECONDS = 60.0  # after which an order that was not found is asked for again


@dataclass(slots=True)
class SweepStep:
    """One store's sweep. Where it stands is soft: a restart sweeps from the beginning at the usual time."""

    context: StoreContext
    orders: OrderStep
    position: str = ""
    started: Instant = LONG_AGO
    missing: list[str] = field(default_factory=list)
    braked: frozenset[str] = frozenset()  # the gone orders for which the brake was pulled; a person has seen them since
    bury_at: Instant = LONG_AGO  # when the missing ones are asked for again; the store's other steps go on meanwhile

    async def run(self) -> float:
        """One request's worth. Returns the seconds until it is due again."""
        context = self.context
        row = await context.tenant.ledger.read(
            lambda connection: stores.read_store(connection, context.tenant.tenant, context.store)
        )
        if row is None or row.state != stores.READY:
            return context.options.poll_seconds
        now = context.tenant.clock.now()
        if not self.position:
            wait = seconds(row.swept - now) + context.options.sweep_seconds
            if row.swept and wait > 0:
                return wait
            self.started = now
        since = Instant(now - microseconds(LATELY_SECONDS))
        limit = context.port.orders.traits.page_max
        names = await context.tenant.ledger.read(
            lambda connection: orders.living_orders(
                connection, context.tenant.tenant, context.store, self.position, limit, since
            )
        )
        if names:
            self.missing += (await self._read(row, names)).missing
            self.position = names[-1]
            return PAUSE_SECONDS
        if self.missing:
            if not self.bury_at:
                self.bury_at = Instant(now + microseconds(CONFIRM_SECONDS))
            if now < self.bury_at:
                return seconds(self.bury_at - now)
            await self._bury(row, self.missing)
        self.position, self.missing, self.bury_at = "", [], LONG_AGO
        swept = self.started
        await context.tenant.ledger.run(
            lambda connection: stores.change_store(connection, context.tenant.tenant, context.store, swept=swept)
        )
        return context.options.sweep_seconds

    async def _read(self, row: stores.StoreRow, names: Sequence[str]) -> OrderPage:
        """Read these orders and take them in."""
        context = self.context
        reading = await self.orders.take_reading()
        page = await context.port.orders.by_ids(names)
        taken = await self._take(row, page, reading)
        self.orders.after_commit(page, taken, quiet=False)
        return page

    async def _take(self, row: stores.StoreRow, page: OrderPage, reading: int) -> Taken:
        facts = self.orders.facts(row, in_baseline=False)
        settled = self.context.settled(page.began)
        packed = payloads.compress(page.raw) if page.raw else b""
        work = Page(page.orders, reading, page.began, page.ended, packed, settled)

        def unit(connection: Connection) -> Taken:
            return take_page(connection, facts, work)

        return await self.context.tenant.ledger.run(unit, lane=Lane.BACKFILL)

    async def _bury(self, row: stores.StoreRow, missing: Sequence[str]) -> None:
        """Ask once more, with neighbours that should be readable; then believe it."""
        context = self.context
        tenant, store = context.tenant.tenant, context.store
        neighbours = await context.tenant.ledger.read(
            lambda connection: orders.living_orders(connection, tenant, store, "", len(missing) + 1, LONG_AGO)
        )
        limit = context.port.orders.traits.page_max
        gone: list[str] = []
        readable = len(neighbours) <= len(missing)  # a shop whose every order is gone has no neighbours to show
        asked = list(dict.fromkeys([*missing, *neighbours]))
        for start in range(0, len(asked), limit):
            page = await self._read(row, asked[start : start + limit])
            gone += [name for name in page.missing if name in missing]
            readable = readable or bool(page.orders)
        if not gone or not readable:
            return
        seen = not row.brake and self.braked.issuperset(gone)  # only a person's approval releases a brake
        if len(gone) > context.options.brake_gone_orders and not seen:
            self.braked = frozenset(gone)
            reason = f"{len(gone)} known orders are gone from the store at once"
            await context.tenant.ledger.run(
                lambda connection: stores.change_store(connection, tenant, store, brake=reason)
            )
            context.log.emit(events.STORE_BRAKE, reason=reason)
            return
        reading = await self.orders.take_reading()
        now = context.tenant.clock.now()
        known = await context.tenant.ledger.read(lambda connection: orders.read_orders(connection, tenant, store, gone))
        page = OrderPage(tuple(_gone(entry) for entry in known.values()), b"", now, now, full=False)
        taken = await self._take(row, page, reading)
        self.orders.after_commit(page, taken, quiet=False)
        for name in gone:
            context.log.emit(events.ORDER_GONE, order=name)


def _gone(row: orders.OrderRow) -> Order:
    """The last state of an order that exists no more."""
    return Order(
        row.order, row.created, row.modified, Phase.GONE, "gone", (), msgspec.msgpack.encode("gone"), key=row.key
    )
