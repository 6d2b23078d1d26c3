"""The ERP watcher: what the ERP has available, as the only ground on which a level may rise."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.errors import MisconfiguredError, TransientError
from syncd.ledger import documents, items, levels, moves, tenants
from syncd.observability import events
from syncd.ports.erp import ErpDescription, ErpLevels
from syncd.reconcile.context import TenantContext

PAGES_MAX = 10_000  # of one feed
DOCUMENTS_SECONDS = (
    7 * 86_400.0
)  # documents told since then are told again: each costs requests, and backups are younger
EPOCH_SECONDS = 90 * 86_400.0  # moves confirmed since then are asked for again when the book was restored
DESCRIBE_SECONDS = 300.0  # how often the ERP is asked whether it is still the same book


@dataclass(slots=True)
class WatchStep:
    """One tenant's watcher."""

    context: TenantContext
    described: Instant = LONG_AGO
    full_at: Instant = LONG_AGO
    cursor: str = ""
    held_since: Instant = LONG_AGO
    unreachable: bool = False

    async def run(self) -> float:
        """Read what changed. Returns the seconds until it is due again."""
        context = self.context
        try:
            await self._watch()
        except TransientError as error:
            if not self.unreachable:
                context.log.emit(events.ERP_UNREACHABLE, reason=str(error))
            self.unreachable = True
            return context.options.poll_seconds
        if self.unreachable:
            context.log.emit(events.ERP_RECOVERED)
            self.unreachable = False
        return context.options.poll_seconds

    async def _watch(self) -> None:
        context = self.context
        now = context.clock.now()
        if seconds(now - self.described) >= DESCRIBE_SECONDS:
            await self._describe()
        full = seconds(now - self.full_at) >= context.options.full_seconds
        cursor = "" if full else self.cursor
        began = context.clock.now()
        for _ in range(PAGES_MAX):
            answer = await context.erp.levels(cursor)
            if not cursor or answer.complete or answer.restarted:
                # A feed from the start may be a restored book's: what it has forgotten must be untold before it is believed.
                await self._describe()
            ring = await self._take(answer)
            cursor = answer.cursor
            if ring:
                context.publish()
            if not answer.more:
                break
        self.cursor = cursor
        if full:
            self.full_at = began
            await context.ledger.run(lambda connection: levels.change_erp(connection, context.tenant, watched=began))
            context.publish()
        context.erp_watched = began

    async def _describe(self) -> None:
        """Pin the ERP at the first contact; refuse another one; notice a restored book."""
        context = self.context
        told = await context.erp.describe()
        pinned = await context.ledger.read(lambda connection: levels.read_erp(connection, context.tenant))
        if pinned is not None and pinned[:2] == (told.identity, told.epoch):
            self.described = context.clock.now()
            return
        known = await context.ledger.run(lambda connection: _pin(connection, context, told))
        self.described = context.clock.now()
        if known is None or known == told.epoch:
            return
        context.log.emit(events.ERP_EPOCH_CHANGED, before=known, now=told.epoch)
        self.full_at = LONG_AGO
        context.poster_bell.ring()

    async def _take(self, answer: ErpLevels) -> bool:
        """Record an answer. Returns whether some target may have changed."""
        context = self.context

        held_since = self.held_since

        def waiting(connection: Connection) -> list[str]:
            return levels.unshown_skus(connection, context.tenant, held_since, answer.began)

        def unit(connection: Connection) -> bool:
            tenants.assert_epoch(connection, context.tenant, context.epoch)
            changed = levels.write_levels(connection, context.tenant, answer.levels, answer.began, answer.ended)
            if answer.complete:
                levels.mark_absent(connection, context.tenant, answer.began)
            open_skus = waiting(connection) if not answer.more else []
            if open_skus:
                named = {sku for sku, _ in answer.levels}
                if not answer.complete:
                    silent = [sku for sku in open_skus if sku not in named]
                    levels.reaffirm(connection, context.tenant, silent, answer.began, answer.ended)
                levels.close_accounts(connection, context.tenant, open_skus, answer.began)
            return items.make_due(connection, context.tenant, {*changed, *open_skus}, answer.ended) > 0

        if not answer.levels and not answer.complete and (answer.more or not await context.ledger.read(waiting)):
            return False
        rang = await context.ledger.run(unit)
        if not answer.more:
            self.held_since = answer.began
        return rang


def _pin(connection: Connection, context: TenantContext, told: ErpDescription) -> str | None:
    """The epoch known so far; None at the first contact. Raises MisconfiguredError for another ERP."""
    tenants.assert_epoch(connection, context.tenant, context.epoch)
    known = levels.read_erp(connection, context.tenant)
    if known is None:
        levels.add_erp(connection, context.tenant, told.identity, told.epoch)
        return None
    if known[0] != told.identity:
        raise MisconfiguredError(
            f"another ERP answers: {told.identity} instead of {known[0]}",
            tenant=context.tenant,
            operation="erp",
            hint="point the configuration back at the ERP of this ledger, or give the tenant a new state directory",
        )
    if known[1] != told.epoch:
        levels.change_erp(connection, context.tenant, epoch=told.epoch)
        now = context.clock.now()
        since = Instant(now - microseconds(EPOCH_SECONDS))
        moves.doubt_recent(connection, context.tenant, since)
        told_since = Instant(now - microseconds(DOCUMENTS_SECONDS))
        documents.tell_again(connection, context.tenant, told_since, now)
    return known[1]
