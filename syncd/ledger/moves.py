"""Stock moves, each its own effect on the ERP: intended, sent, confirmed, refused, void."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, func, select, update

from syncd.core.moves import CONFIRMED, INTENDED, SENT, LiveMove, NewMove, move_key
from syncd.core.quantity import Instant, Quantity
from syncd.ledger.orders import confirm_units
from syncd.ledger.rows import Among, OneRow, Rows, Statement
from syncd.ledger.schema import IS_WAITING, move

SINCE_MAX = 5_000  # moves of a SKU that are shown

_WRITE = Rows(
    move,
    [
        "tenant", "store", "order", "line", "n", "part", "sku", "location", "change", "key", "state", "seq", "reading",
        "rule", "epoch", "planned_at",
    ],
)  # fmt: skip
# The index's own condition is said first, see the schema.
_CONFIRMED_SINCE = Statement(
    "SELECT sent_at, confirmed_at, seq, change FROM move WHERE tenant = :tenant AND state = 'confirmed' AND sku = :sku "
    "AND confirmed_at > :after AND location = :location ORDER BY confirmed_at LIMIT :count"
)
_LIVE = Among(
    'SELECT "order", line, n, part, change, state FROM move '
    "WHERE tenant = :tenant AND store = :store AND state IN ('intended', 'sent') AND \"order\" IN :among"
)
_IN_DOUBT = Among(
    "SELECT DISTINCT sku FROM move WHERE tenant = :tenant AND doubt = 1 AND state = 'sent' AND sku IN :among"
)


class Counted(msgspec.Struct, frozen=True):
    """A move that the ERP has counted at some instant between these two."""

    sent_at: Instant
    confirmed_at: Instant
    seq: int
    change: Quantity


class DueMove(msgspec.Struct, frozen=True):
    """A move that the poster has to do something about."""

    store: str
    order: str
    line: str
    n: int
    part: int
    sku: str
    location: str
    change: Quantity
    key: str
    state: str
    dead_at: Instant
    attempts: int


_ROW = OneRow(move)
_DUE = ", ".join([f'move."{name}"' for name in DueMove.__struct_fields__])
# The index's own condition is said first, see the schema.
_WAITING = "FROM move WHERE move.tenant = :tenant AND move.state IN ('intended', 'sent')"
_TO_POST = Statement(
    f"SELECT {_DUE} {_WAITING} AND move.state = 'intended' AND move.retry_at <= :now "  # noqa: S608 - no values
    "AND NOT EXISTS (SELECT * FROM move AS earlier WHERE earlier.tenant = move.tenant AND earlier.store = move.store "
    'AND earlier."order" = move."order" AND earlier.seq < move.seq '
    "AND (earlier.state = 'sent' OR earlier.state = 'intended' AND earlier.retry_at > :now)) "
    "ORDER BY move.seq LIMIT :count"
)
_TO_ASK = Statement(
    f"SELECT {_DUE} {_WAITING} AND move.state = 'sent' AND move.retry_at <= :now ORDER BY move.seq LIMIT :count"
)
_NEXT = Statement(f"SELECT move.retry_at {_WAITING} ORDER BY move.retry_at LIMIT 1")
_VOID = Statement(
    "UPDATE move SET state = 'void', reason = :reason WHERE tenant = :tenant AND store = :store "
    "AND \"order\" = :order AND line = :line AND n = :n AND state = 'intended'"
)


def live_moves(connection: Connection, tenant: str, store: str, ids: Iterable[str]) -> dict[str, list[LiveMove]]:
    """The unsettled moves of these orders."""
    found: dict[str, list[LiveMove]] = {}
    for order, *values in _LIVE.read(connection, ids, tenant=tenant, store=store):
        found.setdefault(order, []).append(LiveMove(*values))
    return found


def move_row(
    tenant: str, store: str, order: str, new: NewMove, *, seq: int, reading: int, epoch: int, now: Instant
) -> tuple[object, ...]:
    """The row for `add_moves`."""
    return (
        tenant, store, order, new.line, new.n, new.part, new.sku, new.location, new.change,
        move_key(tenant, store, order, new.line, new.n), INTENDED, seq, reading, new.rule, epoch, now,
    )  # fmt: skip


def add_moves(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Plan these moves."""
    _WRITE.write(connection, rows)


def void_move(connection: Connection, tenant: str, store: str, order: str, line: str, n: int, reason: str) -> None:
    """A move that was never sent is not needed any more."""
    _VOID.change(connection, tenant=tenant, store=store, order=order, line=line, n=n, reason=reason)


def moves_to_post(connection: Connection, tenant: str, now: Instant, limit: int) -> list[DueMove]:
    """Intended moves that may be sent now, in sequence: none whose order has an earlier one without an end."""
    return [DueMove(*row) for row in _TO_POST.read(connection, tenant=tenant, now=now, count=limit)]


def moves_in_doubt(connection: Connection, tenant: str, now: Instant, limit: int) -> list[DueMove]:
    """Sent moves without a known end that should be asked for now."""
    return [DueMove(*row) for row in _TO_ASK.read(connection, tenant=tenant, now=now, count=limit)]


def next_move_due(connection: Connection, tenant: str) -> Instant | None:
    """When the next waiting move may be worked on; None if none waits."""
    due: Instant | None = _NEXT.scalar(connection, tenant=tenant)
    return due


def set_move(connection: Connection, tenant: str, due: DueMove, **values: object) -> None:
    """Change some columns of a move."""
    _ROW.change(connection, (tenant, due.store, due.order, due.line, due.n), values)


def mark_sent(connection: Connection, tenant: str, due: Sequence[DueMove], now: Instant, dead_at: Instant) -> None:
    """These moves leave now; until `dead_at` their request may still take effect."""
    for entry in due:
        set_move(
            connection,
            tenant,
            entry,
            state=SENT,
            sent_at=now,
            dead_at=dead_at,
            retry_at=dead_at,
            attempts=entry.attempts + 1,
            doubt=0,
        )


def doubt_sent(connection: Connection, tenant: str, dead_at: Instant) -> None:
    """A process ended while these were under way: they are asked for before anything else. They left before it ended, so
    they are surely dead at `dead_at`, counted from now."""
    sent = (move.c.tenant == tenant, IS_WAITING, move.c.state == SENT)
    connection.execute(update(move).where(*sent).values(doubt=1, retry_at=0, dead_at=dead_at))


def doubt_recent(connection: Connection, tenant: str, since: Instant) -> int:
    """The ERP's book was replaced or restored: moves confirmed since `since` are asked for again, absent ones posted again.

    Until then they count as untold. Returns how many.
    """
    recent = (move.c.tenant == tenant, move.c.state == CONFIRMED, move.c.confirmed_at >= since)
    query = select(move.c.store, move.c.order, move.c.line, move.c.part, func.sum(move.c.change)).where(*recent)
    sums = connection.execute(query.group_by(move.c.store, move.c.order, move.c.line, move.c.part)).all()
    for store, order, name, part, change in sums:
        confirm_units(connection, tenant, store, order, name, part, change)
    return connection.execute(
        update(move)
        .where(*recent)
        .values(state=SENT, doubt=1, retry_at=0, dead_at=0, reason="asked again: the ERP's book was restored")
    ).rowcount


def sku_in_doubt(connection: Connection, tenant: str, skus: Iterable[str]) -> frozenset[str]:
    """Those of the SKUs that have a move whose end is unknown."""
    return frozenset([sku for (sku,) in _IN_DOUBT.read(connection, skus, tenant=tenant)])


def moves_since(connection: Connection, tenant: str, sku: str, location: str, after: Instant) -> list[Counted]:
    """The moves of a SKU that were confirmed after an instant, oldest first."""
    rows = _CONFIRMED_SINCE.read(connection, tenant=tenant, sku=sku, location=location, after=after, count=SINCE_MAX)
    return [Counted(*row) for row in rows]
