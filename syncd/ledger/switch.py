"""From shadow to live: what was computed while another process did the counting is taken as counted."""

from __future__ import annotations

from sqlalchemy import Connection, update

from syncd.core.moves import INTENDED, VOID
from syncd.ledger.schema import line, move


def count_all(connection: Connection, tenant: str, store: str) -> None:
    """A new cutover for a store: unsent moves are void, every commitment is told."""
    connection.execute(
        update(move)
        .where(move.c.tenant == tenant, move.c.store == store, move.c.state == INTENDED)
        .values(state=VOID, reason="computed in shadow mode; the old process counted it")
    )
    connection.execute(
        update(line)
        .where(line.c.tenant == tenant, line.c.store == store, line.c.commitment != line.c.confirmed)
        .values(confirmed=line.c.commitment, open=1)
    )
