"""How far time has come, as the ledger saw it: the next life's clock doesn't begin earlier (SEEN_SECONDS).

Everything that is due, fresh or late lies on one time line in the ledger. A machine that comes back with an earlier wall
clock would put new readings before old ones; its time goes on from here instead.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from syncd.core.quantity import SECOND, Instant
from syncd.ledger.rows import Statement
from syncd.ledger.schema import clock

SEEN_SECONDS = 1  # between two notes of it: one more row a second at most
_NOTE = Statement(
    "INSERT INTO clock (id, seen) VALUES (1, :now) "
    "ON CONFLICT (id) DO UPDATE SET seen = excluded.seen WHERE excluded.seen > clock.seen"
)


def note(connection: Connection, now: Instant) -> None:
    """It is `now`. Part of a transaction that writes anyway."""
    _NOTE.change(connection, now=now)


def seen(connection: Connection) -> Instant:
    """No instant in the ledger at which something had happened is later than this."""
    noted = connection.execute(select(clock.c.seen)).scalar_one_or_none()
    return Instant(0 if noted is None else noted + SEEN_SECONDS * SECOND)
