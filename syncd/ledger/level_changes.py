"""How levels went, for people: one row for each change that was seen, in the ERP and in each shop.

Written in the units that record readings, and only where the level is another than at the reading before. Nothing is
decided by these rows. They are bounded by age and by number (`syncd.engine.care`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete, select

from syncd.core.quantity import NEVER, Instant, Quantity
from syncd.ledger.rows import Rows
from syncd.ledger.schema import level_change

ERP = ""  # in the place of a store
_WRITE = Rows(level_change, ["tenant", "store", "counter", "location", "at", "level"])


class Place(msgspec.Struct, frozen=True, order=True):
    """One counter: a stock item of a store, or (store "") a SKU at a location of the ERP."""

    store: str
    counter: str
    location: str = ""


class Step(msgspec.Struct, frozen=True):
    """From `at` on the level was seen to be `level`."""

    at: Instant
    level: Quantity


def note(connection: Connection, tenant: str, at: Instant, changes: Iterable[tuple[Place, Quantity]]) -> None:
    """These levels are others than before; `at`: when the request began that showed it."""
    _WRITE.write(
        connection, [(tenant, place.store, place.counter, place.location, at, level) for place, level in changes]
    )


def read(
    connection: Connection, tenant: str, places: Sequence[Place], since: Instant, limit: int, *, until: Instant = NEVER
) -> dict[Place, list[Step]]:
    """The newest `limit` steps of each counter since an instant, and the one before them, oldest first; none from `until` on."""
    c = level_change.c
    found: dict[Place, list[Step]] = {}
    for place in places:
        mine = (
            c.tenant == tenant,
            c.store == place.store,
            c.counter == place.counter,
            c.location == place.location,
        )
        newest = select(c.at, c.level).where(*mine, c.at < until).order_by(c.at.desc())
        rows = list(connection.execute(newest.where(c.at >= since).limit(limit + 1)))
        if len(rows) <= limit:
            rows += connection.execute(newest.where(c.at < since).limit(1))
        found[place] = [Step(Instant(row[0]), Quantity(row[1])) for row in reversed(rows)]
    return found


def beyond(connection: Connection, tenant: str, rows_max: int) -> Instant:
    """The instant of the newest row that has to go so that `rows_max` are left; 0: none."""
    at = level_change.c.at
    query = select(at).where(level_change.c.tenant == tenant).order_by(at.desc()).offset(rows_max).limit(1)
    return Instant(connection.execute(query).scalar_one_or_none() or 0)


def purge(connection: Connection, tenant: str, upto: Instant, limit: int) -> int:
    """Delete up to `limit` of the oldest rows, none after `upto`; returns how many."""
    c = level_change.c
    key = (c.store, c.counter, c.location, c.at)
    old = list(connection.execute(select(*key).where(c.tenant == tenant, c.at <= upto).order_by(c.at).limit(limit)))
    for row in old:
        where = (column == value for column, value in zip(key, row, strict=True))
        connection.execute(delete(level_change).where(c.tenant == tenant, *where))
    return len(old)
