"""What becomes of a placement in the ledger: one transaction for each change, with all that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from syncd.core.placing import UNKNOWN_SKU, PlacedLine, Resolved, Unplaceable, check, resolve, shop_skus
from syncd.core.quantity import LONG_AGO, Instant, microseconds
from syncd.core.signal import Kind
from syncd.ledger import items, placing, restored, signals, tenants
from syncd.ledger.placing import INTENDED, PlacementRow
from syncd.observability import events
from syncd.ports.placing import OrderOutcome, PlacingPort
from syncd.reconcile.context import StoreContext

SENDING_SECONDS = 120.0  # a request waits for its turn and for its answer no longer than this
ASK_SECONDS = 5.0  # between two questions about a request whose end is unknown, or about what must come first
RETRY_SECONDS = (5.0, 15.0, 60.0, 300.0)  # after failures in a row of one order; the last one stays
CATALOGUE_SECONDS = 600.0  # a SKU that the shop doesn't seem to sell is refused after this, read again or not
REASON_CHARACTERS_MAX = 500


@dataclass(slots=True)
class Placements:
    """One store's, while they are worked on. `began`: when this life first looked."""

    context: StoreContext
    port: PlacingPort
    began: Instant
    restored: Instant | None = None  # when the ledger was put back from a backup last; 0: never; None: not looked yet
    failures: dict[str, int] = field(default_factory=dict)  # soft, of those that wait: in a row, by key

    def sending(self) -> tuple[Instant, Instant, Instant]:
        """Now, until when a request may leave, and when it surely has no effect any more."""
        now = self.context.tenant.clock.now()
        not_after = Instant(now + microseconds(SENDING_SECONDS))
        return now, not_after, Instant(not_after + self.port.traits.late_us)

    def dead_at(self, row: PlacementRow) -> Instant:
        """When the request surely has no effect any more. One of an earlier process left before this one began."""
        if row.epoch == self.context.tenant.epoch:
            return row.dead_at
        return min(row.dead_at, Instant(self.began + self.port.traits.late_us))

    def is_revised(self, connection: Connection, row: PlacementRow) -> bool:
        """Whether the ERP has told something else of the order since the row was read: then it is looked at anew first."""
        latest = placing.read_placement(connection, self.context.tenant.tenant, row.key)
        return latest is None or latest.revision != row.revision

    async def claim(self, row: PlacementRow, **values: object) -> tuple[PlacementRow | None, Instant]:
        """On disk as sent, before it is; and until when it may leave. None: the ERP has told something else since."""
        context = self.context
        tenant = context.tenant.tenant
        now, not_after, dead_at = self.sending()

        def unit(connection: Connection) -> PlacementRow | None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            if self.is_revised(connection, row):
                return None
            placing.change(
                connection, tenant, row, sent_at=now, dead_at=dead_at, retry_at=now, attempts=row.attempts + 1, reason="",
                epoch=context.tenant.epoch, **values,
            )  # fmt: skip
            return placing.read_placement(connection, tenant, row.key)

        return await context.tenant.ledger.run(unit), not_after

    async def not_sent(self, sent: PlacementRow, error: Exception, **values: Any) -> None:
        """It surely had no effect, for no fault of its own."""
        await self.change(sent, reason=str(error)[:REASON_CHARACTERS_MAX], **values)
        self.count("not_sent")

    async def forgotten_dead_at(self) -> Instant:
        """When requests that a ledger put back from a backup has forgotten have no effect any more: whatever it says of an order,
        one may have left before."""
        if self.restored is None:
            self.restored = await self.context.tenant.ledger.read(restored.restored_at)
        return Instant(self.restored + self.port.traits.late_us) if self.restored else LONG_AGO

    async def resolve(self, row: PlacementRow) -> Resolved:
        """The order in the shop's terms; what was sent once is sent the same. Raises Unplaceable."""
        context, order = self.context, row.order
        check(order)
        wanted = shop_skus([line.sku for line in order.lines if line.sku], context.policy)
        known = await context.tenant.ledger.read(
            lambda connection: placing.offers(connection, context.tenant.tenant, context.store, wanted)
        )
        resolved = resolve(order, known, context.policy)
        return Resolved(row.placed, resolved.items) if row.lines else resolved

    def may_be_sold_soon(self, row: PlacementRow, error: Unplaceable) -> bool:
        """Whether the catalogue may know better once it is read again."""
        context = self.context
        unknown = any(flaw.kind == UNKNOWN_SKU for flaw in error.flaws)
        late = context.tenant.clock.now() - row.told_at > microseconds(CATALOGUE_SECONDS)
        if not unknown or context.catalogued > row.told_at or late:
            return False
        context.unknown_products = True
        return True

    async def doubt(self, row: PlacementRow, reason: str) -> None:
        """Nobody knows: the shop is asked soon, and it is sent again only when the request is surely dead."""
        now = self.context.tenant.clock.now()
        dead_at = Instant(now + self.port.traits.late_us)
        await self.change(row, retry_at=now, dead_at=dead_at, reason=reason[:REASON_CHARACTERS_MAX])
        self.count("in_doubt")
        self.context.log.emit(events.PLACEMENT_DOUBT, effect=row.key, order=row.shop_order, reason=reason)

    async def wait(self, row: PlacementRow, reason: str, wait_seconds: float = ASK_SECONDS) -> None:
        """Something must come first."""
        retry_at = Instant(self.context.tenant.clock.now() + microseconds(wait_seconds))
        await self.change(row, retry_at=retry_at, reason=reason[:REASON_CHARACTERS_MAX])

    async def later(self, row: PlacementRow, reason: str, wait_seconds: float = 0.0) -> None:
        """It failed for now: others of the store go first."""
        failures = self.failures[row.key] = self.failures.get(row.key, 0) + 1
        wait = max(wait_seconds, RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
        await self.wait(row, reason, wait)

    async def change(
        self,
        row: PlacementRow,
        outcome: OrderOutcome | None = None,
        *,
        signal: bool = False,
        end_room: bool = False,
        **values: object,
    ) -> None:
        """Set columns, and what goes with them in one transaction: what the ERP is to hear; `signal`: the order is to be read;
        `end_room`: nothing is shown for it any more. Where the ERP has changed its mind about a status that is done with now, that
        isn't done with."""
        context = self.context
        tenant = context.tenant.tenant

        def unit(connection: Connection) -> None:
            now = context.tenant.clock.now()
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            latest = placing.read_placement(connection, tenant, row.key)
            assert latest is not None
            if outcome is not None and "following" in values and latest.revision != row.revision:
                values["following"] = INTENDED
            if outcome is not None:
                placing.conclude(connection, tenant, latest, outcome, **values)
            elif values:
                placing.change(connection, tenant, latest, **values)
            if end_room:
                skus = placing.end_rooms(connection, tenant, context.store, [row.key])
                items.make_due(connection, tenant, skus, now)
            if signal:
                signals.note(connection, [(tenant, context.store, Kind.ORDER, row.shop_order)], (), now)

        await context.tenant.ledger.run(unit)

    async def end_rooms(self) -> None:
        """The store takes no order from us, perhaps for long: meanwhile nothing is shown for any that waits."""
        context = self.context
        tenant = context.tenant.tenant

        def unit(connection: Connection) -> None:
            tenants.assert_epoch(connection, tenant, context.tenant.epoch)
            skus = placing.end_waiting_rooms(connection, tenant, context.store)
            items.make_due(connection, tenant, skus, context.tenant.clock.now())

        await context.tenant.ledger.run(unit)
        context.bell.ring()

    def count(self, outcome: str) -> None:
        """One more that ended so."""
        self.context.tenant.meters.of(self.context.tenant.tenant, self.context.store).placement(outcome)


def by_shop_sku(row: PlacementRow, lines: tuple[PlacedLine, ...]) -> dict[str, str]:
    """The ERP's SKUs by the shop's: the lines stand in the same order."""
    return {line.sku: wanted.sku for line, wanted in zip(lines, row.order.lines, strict=True) if line.sku}
