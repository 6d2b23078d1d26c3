"""Refunds by the store's own list: a refund need not move the stamp of its order, so the order's own stream may not show it.

Read by date, with an overlap and the numbers of what was seen in it. Each new refund makes its order's document due, in one
transaction with the list's cursor. The first reading only says where the list stands: orders of before are told when they change.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.core.quantity import SECOND, Instant
from syncd.errors import StoreFault
from syncd.ledger import documents, tenants
from syncd.observability import events
from syncd.ports.documents import DocumentsPort
from syncd.reconcile.context import StoreContext

REFUNDS = "refunds"  # among the parts that are wanted
FAILED_SECONDS = 60.0
FAILURES_TOLD = 3  # in a row: one may be the store's restart
POLL_SECONDS = 300.0  # a refund's way to the ERP is as long at the most
OVERLAP_US = (
    900 * SECOND
)  # a refund that shows later in the list than it was made; and the shop's clock, which isn't ours


@dataclass(slots=True)
class RefundPoll:
    """One store's list of refunds."""

    context: StoreContext
    port: DocumentsPort
    next_at: float = 0.0  # soft, monotonic
    failures: int = 0  # in a row

    async def run(self) -> float:
        """Read what is new, if it is time to. Returns the seconds until it is due again. A list that the store can't show is tried
        again: nothing of it is passed by, and no document waits for it."""
        try:
            wait = await self._run()
        except StoreFault as error:
            self.failures += 1
            if self.failures == FAILURES_TOLD:
                hint = error.hint or "refunds that leave their order as it was aren't told meanwhile"
                self.context.log.emit(events.DOCUMENTS_STUCK, reason=str(error), hint=hint)
            self.next_at = self.context.tenant.clock.monotonic() + FAILED_SECONDS
            return FAILED_SECONDS
        return wait

    async def _run(self) -> float:
        context = self.context
        now = context.tenant.clock.monotonic()
        if REFUNDS not in self.port.wanted:
            return POLL_SECONDS
        if now < self.next_at:
            return self.next_at - now
        tenant, store = context.tenant.tenant, context.store
        cursor = await context.tenant.ledger.read(lambda connection: documents.refund_cursor(connection, tenant, store))
        if cursor is None:
            begun = Instant(context.tenant.clock.now() + context.clock_ahead_us)
            await self._take([], begun)
        else:
            page = await self.port.refunded(Instant(max(0, cursor - OVERLAP_US)))
            reached = max([cursor, *(refund.created for refund in page.refunds)])
            await self._take([(one.refund, one.order, one.created) for one in page.refunds], Instant(reached))
        self.failures = 0
        self.next_at = context.tenant.clock.monotonic() + POLL_SECONDS
        return POLL_SECONDS

    async def _take(self, refunds: list[tuple[str, str, Instant]], cursor: Instant) -> None:
        context = self.context
        tenant, store = context.tenant.tenant, context.store
        forget = Instant(max(0, cursor - 2 * OVERLAP_US))

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            now = context.tenant.clock.now()
            documents.take_refunds(connection, tenant, store, refunds, cursor, forget, now)

        await context.tenant.ledger.run(unit)
