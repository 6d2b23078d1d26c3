"""Level writes: the effects on a shop's counters. On disk as *sent* before the first byte leaves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, and_, case, or_, select, update

from syncd.core.quantity import Instant, Quantity
from syncd.ledger.rows import OneRow, Rows
from syncd.ledger.schema import item, level_write

SENT, CONFIRMED, REFUSED, DOUBT = "sent", "confirmed", "refused", "doubt"

_WRITE = Rows(
    level_write,
    [
        "tenant", "store", "item", "seq", "key", "state", "change", "level", "blind_from", "sent_at", "not_after", "ended",
        "target", "low", "high", "why", "epoch",
    ],
)  # fmt: skip
_ROW = OneRow(level_write)


class PlannedWrite(msgspec.Struct, frozen=True):
    """A write that was decided: what it should do to the level, and from which numbers it follows."""

    item: str
    seq: int
    key: str
    change: Quantity
    level: Quantity | None
    blind_from: Instant
    sent_at: Instant
    not_after: Instant
    ended: Instant
    target: Quantity
    low: Quantity
    high: Quantity
    why: str


def add_writes(connection: Connection, tenant: str, store: str, writes: Sequence[PlannedWrite], epoch: int) -> None:
    """Put these effects on disk as sent: they leave right after the commit, or are in doubt for ever."""
    _WRITE.write(
        connection,
        [
            (
                tenant, store, w.item, w.seq, w.key, SENT, w.change, w.level, w.blind_from, w.sent_at, w.not_after, w.ended,
                w.target, w.low, w.high, w.why, epoch,
            )
            for w in writes
        ],
    )  # fmt: skip


def end_write(
    connection: Connection,
    tenant: str,
    store: str,
    item: str,
    seq: int,
    *,
    state: str,
    ended: Instant,
    reason: str = "",
) -> None:
    """How a write ended, and until when its effect may fall."""
    _ROW.change(connection, (tenant, store, item, seq), {"state": state, "ended": ended, "reason": reason})


def orphans_in_doubt(connection: Connection, tenant: str, store: str, now: Instant, late_us: int) -> list[str]:
    """Writes that an earlier process left as sent: nobody knows their end. They left before `now`, because that process is
    dead, and not after their `not_after`; so they are surely dead `late_us` after the earlier of the two.

    Returns the items concerned.
    """
    where = (level_write.c.tenant == tenant, level_write.c.store == store, level_write.c.state == SENT)
    names = list(connection.execute(select(level_write.c.item).where(*where).distinct()).scalars())
    left = case((level_write.c.not_after < now, level_write.c.not_after), else_=now)
    connection.execute(
        update(level_write)
        .where(*where)
        .values(state=DOUBT, ended=left + late_us, reason="the process ended before the answer")
    )
    return names


class OpenWrite(msgspec.Struct, frozen=True):
    """A level write whose end isn't known, or not yet."""

    store: str
    item: str
    sku: str
    name: str
    key: str
    state: str
    change: Quantity
    level: Quantity | None
    sent_at: Instant
    why: str
    reason: str


def open_writes(connection: Connection, tenant: str, limit: int) -> list[OpenWrite]:
    """The writes of a tenant that are under way, or in doubt and not read over since then, newest first."""
    w = level_write.c
    mine = (item.c.tenant == w.tenant, item.c.store == w.store, item.c.item == w.item)
    columns = (w.store, w.item, item.c.sku, item.c.name, w.key, w.state, w.change, w.level, w.sent_at, w.why, w.reason)
    query = select(*columns).join_from(level_write, item, and_(*mine))
    unclear = or_(w.state == SENT, and_(w.state == DOUBT, w.ended >= item.c.read_at))
    query = query.where(w.tenant == tenant, unclear).order_by(w.seq.desc()).limit(limit)
    return [OpenWrite(*row) for row in connection.execute(query)]
