"""From shadow to live: what was computed while another process did the counting is taken as counted."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from syncd.core.moves import INTENDED, VOID
from syncd.core.quantity import NEVER
from syncd.ledger.schema import line, move, store


def hold_back(connection: Connection, tenant: str, mode: str) -> None:
    """Unsent moves of stores that were last run in this mode don't leave: the poster begins before the first contact with a
    store, which is when `count_all` decides about them."""
    theirs = select(store.c.store).where(store.c.tenant == tenant, store.c.mode == mode)
    connection.execute(
        update(move)
        .where(move.c.tenant == tenant, move.c.state == INTENDED, move.c.store.in_(theirs))
        .values(retry_at=NEVER)
    )


def count_all(connection: Connection, tenant: str, name: str) -> None:
    """A new cutover for the store `name`: unsent moves are void, every commitment is told."""
    connection.execute(
        update(move)
        .where(move.c.tenant == tenant, move.c.store == name, move.c.state == INTENDED)
        .values(state=VOID, reason="computed in shadow mode; the old process counted it")
    )
    connection.execute(
        update(line)
        .where(line.c.tenant == tenant, line.c.store == name, line.c.commitment != line.c.confirmed)
        .values(confirmed=line.c.commitment, open=1)
    )
