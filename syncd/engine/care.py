"""Housekeeping of a tenant's ledger: raw payloads go after their retention, or when they take too much room, a few at a time."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.quantity import Instant, microseconds
from syncd.ledger import payloads
from syncd.ledger.lanes import Lane
from syncd.reconcile.context import TenantContext

PAGES_PER_UNIT_MAX = 50  # of raw data deleted in one transaction: others wait behind it
IDLE_SECONDS = 3_600.0


@dataclass(slots=True)
class CareStep:
    """One tenant's housekeeping."""

    context: TenantContext

    async def run(self) -> float:
        """Delete what is too old or too much. Returns the seconds until it is due again."""
        context = self.context
        before = Instant(context.clock.now() - microseconds(context.payload_days * 86_400.0))
        beyond = await context.ledger.read(
            lambda connection: payloads.beyond(connection, context.tenant, context.payload_bytes_max)
        )
        deleted = await context.ledger.run(
            lambda connection: payloads.purge(connection, context.tenant, before, PAGES_PER_UNIT_MAX, upto=beyond),
            lane=Lane.BACKFILL,
        )
        return 0.5 if deleted == PAGES_PER_UNIT_MAX else IDLE_SECONDS
