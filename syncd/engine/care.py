"""Housekeeping of a tenant's ledger: raw payloads go after their retention, or when they take too much room, a few at a time;
and what is kept for people alone (how levels went, the flow) after some weeks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from syncd.core.quantity import Instant, microseconds
from syncd.ledger import carts, deliveries, flow, level_changes, payloads
from syncd.ledger.lanes import Lane
from syncd.observability import events
from syncd.reconcile.context import TenantContext

PAGES_PER_UNIT_MAX = 50  # of raw data deleted in one transaction: others wait behind it
IDLE_SECONDS = 3_600.0
HISTORY_SECONDS = 31 * 86_400.0  # of levels, for their picture: a month of it can be seen
HISTORY_ROWS_MAX = 500_000  # of one tenant, some 40 MB: the oldest go first
HISTORY_ROWS_PER_UNIT_MAX = 500
STRAY_SECONDS = 7 * 86_400.0  # for a sink that comes back under its name
STRAYS_MAX = 1_000_000  # what a sink may have had waiting
FLOW_SECONDS = 8 * 86_400.0
CART_SECONDS = 30 * 86_400.0  # of a cart that is no more
LOST_CART_SECONDS = 62 * 86_400.0  # of one that nobody looks at any more: twice its life


@dataclass(slots=True)
class CareStep:
    """One tenant's housekeeping."""

    context: TenantContext

    async def run(self) -> float:
        """Delete what is too old or too much. Returns the seconds until it is due again."""
        context = self.context
        tenant, now = context.tenant, context.clock.now()
        before = Instant(now - microseconds(context.payload_days * 86_400.0))
        cart_before = Instant(now - microseconds(CART_SECONDS))
        lost_before = Instant(now - microseconds(LOST_CART_SECONDS))
        month_ago = Instant(now - microseconds(HISTORY_SECONDS))

        def look(connection: Connection) -> tuple[int, Instant]:
            upto = payloads.beyond(connection, tenant, context.payload_bytes_max)
            return upto, max(month_ago, level_changes.beyond(connection, tenant, HISTORY_ROWS_MAX))

        beyond, forgotten = await context.ledger.read(look)
        strays = await self._drop_strays(now)

        def unit(connection: Connection) -> bool:
            pages = payloads.purge(connection, tenant, before, PAGES_PER_UNIT_MAX, upto=beyond)
            changes = level_changes.purge(connection, tenant, forgotten, HISTORY_ROWS_PER_UNIT_MAX)
            flow.purge(connection, tenant, Instant(now - microseconds(FLOW_SECONDS)))
            ended = carts.purge(connection, tenant, cart_before, lost_before)
            return (
                pages == PAGES_PER_UNIT_MAX
                or changes == HISTORY_ROWS_PER_UNIT_MAX
                or ended == carts.PURGED_PER_UNIT_MAX
            )

        return 0.5 if await context.ledger.run(unit, lane=Lane.BACKFILL) or strays else IDLE_SECONDS

    async def _drop_strays(self, now: Instant) -> int:
        """Let go of what has waited for a week for sinks that aren't configured any more. Returns how many events went."""
        context = self.context
        before = Instant(now - microseconds(STRAY_SECONDS))
        backlogs = await context.ledger.read(partial(deliveries.backlogs, tenant=context.tenant))
        total = 0
        for name in sorted(backlogs.keys() - context.outbox.names):
            drop = partial(
                deliveries.drop, tenant=context.tenant, sink=name, before=before, keep_max=STRAYS_MAX, refused_before=before,
                now=now,
            )  # fmt: skip
            old, many, refused = await context.ledger.run(drop, lane=Lane.BACKFILL)
            total += old + many + refused
            if old or many or refused:
                context.log.emit(
                    events.SINK_DROPPED, sink=name, events=old + many + refused, too_old=old, too_many=many,
                    refused_long_ago=refused, reason="the sink is not configured any more",
                )  # fmt: skip
        return total
