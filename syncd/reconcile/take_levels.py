"""A page of levels that a shop has shown, into the ledger."""

from __future__ import annotations

from sqlalchemy import Connection

from syncd.core.quantity import Instant
from syncd.ledger import items, stores
from syncd.ports.store import LevelPage
from syncd.reconcile.evaluate import Shop


def take_levels(connection: Connection, shop: Shop, page: LevelPage, drained: Instant) -> None:
    """Record a page of levels. A reading may be older than its request by what the platform lags."""
    known = {r.item: r.level for r in page.readings if r.level is not None}
    began = Instant(page.began - shop.traits.stale_us)
    if known:
        items.add_readings(
            connection, shop.tenant, shop.store, known, began, page.ended, drained=drained, floor=shop.traits.floor
        )
        # What makes readings usable stands beside them: for `explain` without a daemon, and for the next start.
        stores.change_store(connection, shop.tenant, shop.store, drained=drained)
    warnings = {r.item: r.warning for r in page.readings if r.warning is not None}
    items.note_warnings(connection, shop.tenant, shop.store, warnings)
    missing = [r.item for r in page.readings if r.level is None]
    if missing:
        items.needs_absolute(connection, shop.tenant, shop.store, missing, page.ended)
