"""Documents to the ERP: each that was made is put until the ERP has it. One task of the tenant's own, so that an ERP which
hangs holds up no store.

Putting is idempotent: the key is the order's for ever, the document is whole, and `revision` tells an old one that comes late.
So a request whose end is unknown is simply sent again, and a kill between the put and its commit puts it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import msgspec
from sqlalchemy import Connection

from syncd.core.document import OrderDocument
from syncd.core.quantity import Instant, microseconds, seconds
from syncd.errors import MisconfiguredError, RefusedError, Throttled, TransientError
from syncd.ledger import documents, quarantine, tenants
from syncd.ledger.documents import WaitingDocument
from syncd.observability import events
from syncd.ports.erp import ErpDocuments
from syncd.reconcile.context import TenantContext
from syncd.reconcile.document_step import HELD

BATCH_MAX = 50  # read from the ledger at once
IDLE_SECONDS = 30.0  # whoever makes a document rings the bell
RETRY_SECONDS = (2.0, 5.0, 15.0, 60.0, 300.0)  # after failures in a row of one document; the last one stays
FAILURES_MAX = 3  # in a row, of different documents: then the ERP is at fault, and all wait
MISCONFIGURED_SECONDS = 300.0  # somebody has to mend it
HINT = "correct what the ERP refuses; release --count puts it again"


@dataclass(slots=True)
class PutStep:
    """One tenant's documents on their way to the ERP."""

    context: TenantContext
    erp: ErpDocuments
    stuck: bool = False

    async def run(self) -> float:
        """Put what waits. Returns the seconds until it is due again (the bell may ring before)."""
        context = self.context
        failures = 0
        while self._may_put():
            now = context.clock.now()
            rows, first = await context.ledger.read(
                partial(documents.waiting, tenant=context.tenant, now=now, limit=BATCH_MAX)
            )
            if not rows:
                return IDLE_SECONDS if first is None else min(IDLE_SECONDS, max(0.2, seconds(first - now)))
            for row in rows:
                if not self._may_put():
                    break
                try:
                    await self._put(row)
                    failures = 0
                except MisconfiguredError as error:
                    self._tell_stuck(error)
                    return MISCONFIGURED_SECONDS
                except TransientError as error:
                    failures += 1
                    await self._later(row, error)
                    if failures >= FAILURES_MAX or isinstance(error, Throttled):
                        pause = error.wait_seconds if isinstance(error, Throttled) else 0.0
                        return max(pause, RETRY_SECONDS[min(row.attempts, len(RETRY_SECONDS) - 1)])
        return IDLE_SECONDS

    def _may_put(self) -> bool:
        """Whether the tenant is live and not paused (SHADOW)."""
        return self.context.is_live and not self.context.is_paused

    async def _put(self, row: WaitingDocument) -> None:
        context = self.context
        meter = context.meters.of(context.tenant, row.store)
        try:
            await self.erp.put_order(msgspec.json.decode(row.body, type=OrderDocument))
        except RefusedError as error:
            await self._hold(row, error)
            return
        self.stuck = False

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            documents.was_put(connection, context.tenant, row, context.clock.now())

        await context.ledger.run(unit)
        meter.document("told")
        context.log.emit(events.DOCUMENT_TOLD, store=row.store, order=row.order)

    async def _hold(self, row: WaitingDocument, error: RefusedError) -> None:
        """The ERP says no to this one: it waits for a person, or for the order's next change."""
        context = self.context
        reason = f"the ERP refuses the order's document: {error}"

        def unit(connection: Connection) -> int | None:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            if not documents.put_failed(connection, context.tenant, row, reason=reason, retry_at=None):
                return None
            now = context.clock.now()
            number = quarantine.hold(
                connection, context.tenant, row.store, row.order, HELD,
                reason=reason, hint=HINT, raw=row.body, now=now,
            )  # fmt: skip
            if number is not None:
                context.alerts.note(connection, events.QUARANTINE_GREW, context.tenant, row.store, now=now, entries=1)
            return number

        number = await context.ledger.run(unit)
        context.meters.of(context.tenant, row.store).document("refused")
        context.log.emit(events.DOCUMENT_REFUSED, store=row.store, order=row.order, reason=reason, hint=HINT)
        if number is not None:
            context.log.emit(events.QUARANTINE_GREW, store=row.store, entries=1)

    async def _later(self, row: WaitingDocument, error: TransientError) -> None:
        context = self.context
        wait = RETRY_SECONDS[min(row.attempts, len(RETRY_SECONDS) - 1)]
        retry_at = Instant(context.clock.now() + microseconds(wait))

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            documents.put_failed(connection, context.tenant, row, reason=str(error), retry_at=retry_at)

        await context.ledger.run(unit)

    def _tell_stuck(self, error: MisconfiguredError) -> None:
        if not self.stuck:
            self.context.log.emit(events.DOCUMENTS_STUCK, reason=str(error), hint=error.hint)
        self.stuck = True
