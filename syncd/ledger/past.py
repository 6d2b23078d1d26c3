"""What moved a SKU, for people: its confirmed moves in a span of time, and its drifts. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection

from syncd.core.quantity import Instant, Quantity
from syncd.ledger.rows import Among, Statement

MOVES_MAX = 5_000  # of one span
DRIFTS_MAX = 50
# The index's own condition is said first, see the schema.
_MOVES = Statement(
    "SELECT sent_at, confirmed_at, seq, change FROM move WHERE tenant = :tenant AND state = 'confirmed' AND sku = :sku "
    "AND confirmed_at > :after AND location = :location ORDER BY confirmed_at LIMIT :count"
)
_DRIFTS = Among(
    "SELECT store, item, since, units, reason, state FROM drift WHERE tenant = :tenant AND store = :store AND item IN :among"
)


class Counted(msgspec.Struct, frozen=True):
    """A move that the ERP has counted at some instant between these two."""

    sent_at: Instant
    confirmed_at: Instant
    seq: int
    change: Quantity


class Drifted(msgspec.Struct, frozen=True):
    """One drift of a shop's counter."""

    store: str
    item: str
    since: Instant
    units: Quantity
    reason: str
    state: str


def moves_since(connection: Connection, tenant: str, sku: str, location: str, after: Instant) -> list[Counted]:
    """The moves of a SKU that were confirmed after an instant, oldest first."""
    rows = _MOVES.read(connection, tenant=tenant, sku=sku, location=location, after=after, count=MOVES_MAX)
    return [Counted(*row) for row in rows]


def drifts_of(connection: Connection, tenant: str, store: str, items: Iterable[str]) -> list[Drifted]:
    """The last drifts of these items of a shop, newest first."""
    rows = [Drifted(*row) for row in _DRIFTS.read(connection, items, tenant=tenant, store=store)]
    return sorted(rows, key=lambda row: row.since, reverse=True)[:DRIFTS_MAX]
