"""A ledger that was put back from a backup: what it had told the ERP since is in no book now.

An order that existed when the ledger was restored may have moves in the ERP that the ledger has forgotten. So every move of
such an order is *asked for* by its key before it is sent, and so are the keys behind it (`KEYS_ASKED`): numbers of moves that
were voided are never sent, so an absent key doesn't prove that the next one is absent too. An order that is read for the first
time since is asked for even where nothing is to be told: it may have been counted and cancelled in between.

Such a move is written as sent and in doubt, with no attempt of its own (`attempts` 0): nothing else looks like that.
Its `dead_at` is the instant of the restore: requests that left before it may still arrive for as long as the ERP is late.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, exists, select, update

from syncd.core.moves import INTENDED, SENT, move_key
from syncd.core.quantity import SECOND, Instant
from syncd.ledger.moves import DueMove
from syncd.ledger.orders import count_moves
from syncd.ledger.schema import IS_WAITING, clock, item, level_write, move, orders, reading, taking

KEYS_ASKED = (
    8  # numbers of one line in a row that may have been voided: an order edited so often between two posts is rare
)
MARGIN_US = 86_400 * SECOND  # a shop's stamps are that far ahead at most: a time zone taken for another one


def restored_at(connection: Connection) -> Instant:
    """When this ledger was put back from a backup last; 0: never."""
    return Instant(connection.execute(select(clock.c.restored)).scalar_one_or_none() or 0)


def mark(connection: Connection, now: Instant) -> None:
    """This ledger is put back from a backup at `now`.

    What waits is asked for first. What the shops were believed to show is forgotten: levels written since the backup are in
    no book, so the next readings begin anew instead of looking like drift.
    """
    if connection.execute(select(clock.c.id)).first() is None:
        connection.execute(clock.insert().values(id=1, seen=0, restored=now))
    else:
        connection.execute(update(clock).values(restored=now))
    connection.execute(update(move).where(IS_WAITING).values(state=SENT, doubt=1, attempts=0, retry_at=0, dead_at=now))
    for table in (reading, taking, level_write):
        connection.execute(delete(table))
    connection.execute(update(item).values(read_at=0, due=0, needs_absolute=0, shown=None))


def may_be_told(created: Instant, restored: Instant) -> bool:
    """Whether an order of this date may have moves in the ERP that a ledger restored then doesn't know."""
    return bool(restored) and created <= restored + MARGIN_US


def ask_first(connection: Connection, tenant: str, first: int, count: int) -> None:
    """Of the moves planned just now under these numbers of the tenant's sequence, ask for those that the ERP may have."""
    restored = restored_at(connection)
    if not restored or not count:
        return
    mine = (
        orders.c.tenant == move.c.tenant,
        orders.c.store == move.c.store,
        orders.c.order == move.c.order,
        orders.c.created <= restored + MARGIN_US,
    )
    connection.execute(
        update(move)
        .where(
            move.c.tenant == tenant,
            IS_WAITING,
            move.c.state == INTENDED,
            move.c.seq >= first,
            move.c.seq < first + count,
            exists().where(*mine),
        )
        .values(state=SENT, doubt=1, retry_at=0, dead_at=restored)
    )


def keys_behind(connection: Connection, tenant: str, due: Iterable[DueMove]) -> dict[str, dict[str, int]]:
    """Of the moves that were never sent in this ledger's life: the keys that may lie behind them, with their numbers."""
    found: dict[str, dict[str, int]] = {}
    for entry in due:
        if entry.attempts:
            continue
        first = max(entry.n + 1, count_moves(connection, tenant, entry.store, entry.order, entry.line))
        numbers = range(first, first + KEYS_ASKED)
        found[entry.key] = {move_key(tenant, entry.store, entry.order, entry.line, n): n for n in numbers}
    return found
