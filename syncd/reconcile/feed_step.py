"""The feed of shipments: what the ERP says has left the house, each once, to the ledger. Stores are told by `ship_step.py`.

When a store is first told of shipments (or again, after it wasn't), what the feed holds up to its end is only noted: it was
shipped before syncd had to carry it. From then on each shipment becomes an effect, in one transaction with the feed's cursor.
A feed that begins anew (a restored ERP) brings the same keys again, and a key is one effect for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.errors import MisconfiguredError, RefusedError, SyncdError, TransientError
from syncd.ledger import shipments, tenants
from syncd.ledger.shipments import Told
from syncd.observability import events
from syncd.ports.erp import Shipment
from syncd.reconcile.context import TenantContext

PAGES_MAX = 10_000  # of one feed
FAILURES_TOLD = 10  # in a row: the watcher tells of an ERP that can't be reached, this of a list that can't be read
REFUSED_SECONDS = 300.0  # an ERP that doesn't tell shipments is asked again after this


@dataclass(slots=True)
class FeedStep:
    """One tenant's feed of shipments."""

    context: TenantContext
    failures: int = 0
    stuck: bool = False

    async def run(self) -> float:
        """Read what is new. Returns the seconds until it is due again."""
        context = self.context
        poll = context.options.poll_seconds
        if context.documents is None or not self._wanted():
            return poll
        row = await context.ledger.read(lambda connection: shipments.read_feed(connection, context.tenant))
        if row is None:
            return 1.0  # the watcher's first contact pins the ERP
        cursor, reached = row
        try:
            for _ in range(PAGES_MAX):
                page = await context.documents.shipments(cursor)
                begin = [name for name in self._wanted() if reached.get(name) is False and not page.more]
                if page.shipments or page.cursor != cursor or begin:
                    await self._take(page.shipments, page.cursor, reached, begin)
                cursor = page.cursor
                if not page.more:
                    break
        except (RefusedError, MisconfiguredError) as error:
            self._tell_stuck(error)
            return max(poll, REFUSED_SECONDS)
        except TransientError as error:
            self.failures += 1
            if self.failures == FAILURES_TOLD:
                self._tell_stuck(error)
            return poll
        self.failures, self.stuck = 0, False
        return poll

    def _tell_stuck(self, error: SyncdError) -> None:
        if not self.stuck:
            hint = "let the ERP's service answer GET /v1/shipments, or take shipments out of the stores' tables"
            self.context.log.emit(events.SHIPMENTS_STUCK, reason=str(error), hint=hint)
        self.stuck = True

    def _wanted(self) -> set[str]:
        """The stores that are told of shipments."""
        return {store.store for store in self.context.siblings() if store.shipments is not None}

    async def _take(
        self, told: Sequence[Shipment], cursor: str, reached: Mapping[str, bool], begin: Sequence[str]
    ) -> None:
        context = self.context
        wanted = self._wanted()
        entries = [Told(each, _why_not(each, wanted, reached, live=context.is_live)) for each in told]

        def unit(connection: Connection) -> list[Told]:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            return shipments.take_shipments(
                connection, context.tenant, entries, cursor, begin=begin, epoch=context.epoch, now=context.clock.now()
            )

        new = [entry.shipment for entry in await context.ledger.run(unit) if not entry.skipped]
        for each in new:
            context.log.emit(events.SHIPMENT_TOLD, store=each.store, order=each.order, effect=each.key)
        for store in context.siblings():
            if any(each.store == store.store for each in new):
                store.bell.ring()


def _why_not(shipment: Shipment, wanted: Collection[str], reached: Mapping[str, bool], *, live: bool) -> str:
    """Why a shipment isn't carried to its store; "" if it is."""
    if shipment.store not in wanted:
        return "its store isn't told of shipments"
    if not reached.get(shipment.store):
        return "shipped before its store was told of shipments"
    return "" if live else "told in shadow mode"
