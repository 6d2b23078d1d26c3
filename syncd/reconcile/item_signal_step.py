"""The item signal step: have the stock items read that the store has spoken of.

A store speaks of every change of a level, whoever made it: of our own writes too, and those are not worth a reading (an echo).
Calls are gathered for a moment, so that a sale of many items costs one reading. A signal is a hint: what is dropped here is
found by the next reading in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.core.quantity import Instant, microseconds
from syncd.core.signal import Kind
from syncd.ledger import items, signals, tenants, writes
from syncd.reconcile.context import StoreContext

GATHER_SECONDS = 5.0  # between two turns; a reading straight after the change may show the level from before it, too
SIGNALS_MAX = 2_000  # in one turn
ECHO_SECONDS = 60.0  # a call so long after an own write is about something else, surely
IDLE_SECONDS = 3_600.0  # the bell rings when there is something


@dataclass(slots=True)
class ItemSignalStep:
    """One store's signals about stock items."""

    context: StoreContext
    next_at: float = 0.0
    asked: int = 0  # items that were to be read for a signal, so far

    async def run(self) -> float:
        """One turn. Returns the seconds until it is due again; the bell may ring before."""
        clock = self.context.tenant.clock
        wait = self.next_at - clock.monotonic()
        if wait > 0:
            return wait
        taken, asked = await self.context.tenant.ledger.run(self._take)
        if not taken:
            return IDLE_SECONDS
        self.next_at = clock.monotonic() + GATHER_SECONDS
        self.asked += asked
        if asked:
            self.context.bell.ring()
        return GATHER_SECONDS

    def _take(self, connection: Connection) -> tuple[int, int]:
        """Ask for readings, and forget the signals. Returns how many signals there were, and how many items will be read."""
        context = self.context
        tenant, store, now = context.tenant.tenant, context.store, context.tenant.clock.now()
        waiting = signals.waiting(connection, tenant, store, SIGNALS_MAX, Kind.ITEM)
        if not waiting:
            return 0, 0
        tenants.assert_epoch(connection, tenant, context.tenant.epoch)
        names = [counter for name in waiting for counter in context.places.counters(name)]
        ours = writes.written_since(connection, tenant, store, names, Instant(now - microseconds(ECHO_SECONDS)))
        foreign = [row.item for row in items.some_items(connection, tenant, store, names) if row.item not in ours]
        items.read_soon(connection, tenant, store, foreign)
        signals.done(connection, tenant, store, list(waiting), Instant(now + 1), Kind.ITEM)
        return len(waiting), len(foreign)
