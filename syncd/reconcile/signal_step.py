"""The signal step: read the orders that the store has spoken of, many in one request. However often an order was spoken of,
it is read once; a signal that comes while it is read stays for the next turn.

Signals are hints, and may be dropped at any time: polling finds the orders. So nothing that is wrong with one ends the store's
work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from syncd.core.quantity import Instant, microseconds
from syncd.errors import MisconfiguredError, RefusedError
from syncd.ledger import signals, stores, tenants
from syncd.ledger.lanes import Lane
from syncd.reconcile.context import StoreContext
from syncd.reconcile.order_step import RETRY_SECONDS, OrderStep

APPEARS_SECONDS = 20.0  # an order that can't be found so long after it was spoken of is left to the polls
RETRY_SECONDS_MAX = 8.0  # each pause is twice the one before: what is torn is whole within seconds, the rest has time
IDLE_SECONDS = 3_600.0  # the bell rings when there is something


@dataclass(frozen=True, slots=True)
class _Again:
    """An order that has to wait: when the request that read it began, when it is read again by the monotonic clock (`soonest`
    if the store speaks of it anew), and how long that pause is."""

    read: Instant
    soonest: float
    at: float
    pause_seconds: float

    def due(self, spoken: Instant) -> float:
        """When to read it, if the store spoke of it last at `spoken`."""
        return self.soonest if spoken >= self.read else self.at


@dataclass(slots=True)
class SignalStep:
    """One store's signals."""

    context: StoreContext
    orders: OrderStep
    requests: int = field(default=0)
    again: dict[str, _Again] = field(default_factory=dict)  # soft: orders that can't be acted on yet

    async def run(self) -> float:
        """One request's worth. Returns the seconds until it is due again.

        The bell may ring before, for this store's levels too: an order that waits is not read sooner for that.
        """
        context = self.context
        tenant, store = context.tenant.tenant, context.store
        limit = context.port.orders.traits.page_max

        def look(connection: Connection) -> tuple[stores.StoreRow | None, dict[str, Instant]]:
            waiting = signals.waiting(connection, tenant, store, limit + len(self.again))
            return (stores.read_store(connection, tenant, store) if waiting else None), waiting

        row, waiting = await context.tenant.ledger.read(look)
        now = context.tenant.clock.monotonic()
        due = {name: self.again[name].due(at) if name in self.again else now for name, at in waiting.items()}
        names = [name for name, at in due.items() if at <= now][:limit]
        if row is None or not names:
            return min([IDLE_SECONDS, *(at - now for at in due.values())])
        if row.state != stores.READY:
            return context.options.poll_seconds  # the baseline reads them all
        reading = await self.orders.take_reading()
        try:
            page = await context.port.orders.by_ids(names)
        except (RefusedError, MisconfiguredError):  # if the store refuses all, the poll says so
            await context.tenant.ledger.run(partial(self._done, names=names, before=context.tenant.clock.now()))
            for name in names:
                self.again.pop(name, None)
            return 0.0
        self.requests += 1
        waits = await self.orders.take_named(page, reading, row)
        if page.missing:
            waits |= await context.tenant.ledger.read(partial(self._maybe_late, names=page.missing, now=page.began))
        ready = [name for name in names if name not in waits]
        await context.tenant.ledger.run(partial(self._done, names=ready, before=page.began), lane=Lane.LIVE)
        for name in names:
            before = self.again.pop(name, None)
            if name in waits:
                self.again[name] = _after(before, page.began, context.tenant.clock.monotonic())
        if len(names) == limit:
            return 0.0
        now = context.tenant.clock.monotonic()
        return min([IDLE_SECONDS, *(max(0.0, again.at - now) for again in self.again.values())])

    def _maybe_late(self, connection: Connection, names: Sequence[str], now: Instant) -> set[str]:
        """Missing orders that may yet appear: a store may speak of an order before it can show it."""
        context = self.context
        since = Instant(now - microseconds(APPEARS_SECONDS))
        return signals.noted_since(connection, context.tenant.tenant, context.store, names, since)

    def _done(self, connection: Connection, names: Sequence[str], before: Instant) -> None:
        tenant = self.context.tenant
        tenants.assert_epoch(connection, tenant.tenant, tenant.epoch)
        signals.done(connection, tenant.tenant, self.context.store, names, before)


def _after(before: _Again | None, read: Instant, now: float) -> _Again:
    """The pause of an order that was read, and has to wait (still)."""
    wait = RETRY_SECONDS
    if before is not None and now >= before.at:  # else the store spoke of it anew
        wait = min(2 * before.pause_seconds, RETRY_SECONDS_MAX)
    return _Again(read, now + RETRY_SECONDS, now + wait, wait)
