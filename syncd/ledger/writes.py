"""Level writes: the effects on a shop's counters. On disk as *sent* before the first byte leaves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, and_, case, func, join, or_, select, update

from syncd.core.quantity import Instant, Quantity
from syncd.ledger.rows import Among, OneRow, Rows
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
_WRITTEN_SINCE = Among(
    "SELECT DISTINCT item FROM level_write WHERE tenant = :tenant AND store = :store AND sent_at >= :since AND item IN :among"
)
_IN_ITEM = join(
    level_write,
    item,
    and_(item.c.tenant == level_write.c.tenant, item.c.store == level_write.c.store, item.c.item == level_write.c.item),
)
_OPEN = or_(
    level_write.c.state == SENT, and_(level_write.c.state == DOUBT, level_write.c.ended >= item.c.read_at)
)  # a counter that was read after the end shows what became of it


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


def written_since(connection: Connection, tenant: str, store: str, names: Sequence[str], since: Instant) -> set[str]:
    """Those of these items to which something has been written since then."""
    return {row[0] for row in _WRITTEN_SINCE.read(connection, names, tenant=tenant, store=store, since=since)}


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


def count_open_writes(connection: Connection, tenant: str) -> dict[str, int]:
    """How many writes of a tenant are under way (SENT), and in doubt (DOUBT)."""
    w = level_write.c
    query = select(w.state, func.count()).select_from(_IN_ITEM).where(w.tenant == tenant, _OPEN).group_by(w.state)
    found = [(str(state), int(count)) for state, count in connection.execute(query)]
    return {SENT: 0, DOUBT: 0} | dict(found)


def open_writes(connection: Connection, tenant: str, limit: int) -> list[OpenWrite]:
    """The writes of a tenant that are under way, or in doubt and not read over since then: those in doubt first, and of each
    the newest."""
    w = level_write.c
    columns = (w.store, w.item, item.c.sku, item.c.name, w.key, w.state, w.change, w.level, w.sent_at, w.why, w.reason)
    query = select(*columns).select_from(_IN_ITEM).where(w.tenant == tenant, _OPEN)
    query = query.order_by(w.state == SENT, w.sent_at.desc(), w.store, w.item, w.seq.desc()).limit(limit)
    return [OpenWrite(*row) for row in connection.execute(query)]
