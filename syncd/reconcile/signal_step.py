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
IDLE_SECONDS = 3_600.0  # the bell rings when there is something


@dataclass(slots=True)
class SignalStep:
    """One store's signals."""

    context: StoreContext
    orders: OrderStep
    requests: int = field(default=0)

    async def run(self) -> float:
        """One request's worth. Returns the seconds until it is due again."""
        context = self.context
        tenant, store = context.tenant.tenant, context.store
        limit = context.port.orders.traits.page_max

        def look(connection: Connection) -> tuple[stores.StoreRow | None, list[str]]:
            names = signals.waiting(connection, tenant, store, limit)
            return (stores.read_store(connection, tenant, store) if names else None), names

        row, names = await context.tenant.ledger.read(look)
        if row is None:
            return IDLE_SECONDS
        if row.state != stores.READY:
            return context.options.poll_seconds  # the baseline reads them all
        reading = await self.orders.take_reading()
        try:
            page = await context.port.orders.by_ids(names)
        except (RefusedError, MisconfiguredError):  # if the store refuses all, the poll says so
            await context.tenant.ledger.run(partial(self._done, names=names, before=context.tenant.clock.now()))
            return 0.0
        self.requests += 1
        waits = await self.orders.take_named(page, reading, row)
        if page.missing:
            waits |= await context.tenant.ledger.read(partial(self._maybe_late, names=page.missing, now=page.began))
        ready = [name for name in names if name not in waits]
        await context.tenant.ledger.run(partial(self._done, names=ready, before=page.began), lane=Lane.LIVE)
        if waits:
            return RETRY_SECONDS
        return 0.0 if len(names) == limit else IDLE_SECONDS

    def _maybe_late(self, connection: Connection, names: Sequence[str], now: Instant) -> set[str]:
        """Missing orders that may yet appear: a store may speak of an order before it can show it."""
        context = self.context
        since = Instant(now - microseconds(APPEARS_SECONDS))
        return signals.noted_since(connection, context.tenant.tenant, context.store, names, since)

    def _done(self, connection: Connection, names: Sequence[str], before: Instant) -> None:
        tenant = self.context.tenant
        tenants.assert_epoch(connection, tenant.tenant, tenant.epoch)
        signals.done(connection, tenant.tenant, self.context.store, names, before)
