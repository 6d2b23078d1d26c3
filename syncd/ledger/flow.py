"""The flow for people: how many orders were taken in, moves confirmed and levels written, by quarters of an hour.

Counted in the units that write those very rows, so that a unit that is rolled back has counted nothing, and an empty poll
writes nothing here either.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from syncd.core.quantity import SECOND, Instant
from syncd.ledger.rows import Statement
from syncd.ledger.schema import flow

ORDERS, MOVES, WRITES = "orders", "moves", "writes"
BUCKET_US = 900 * SECOND
_COUNT = Statement(
    "INSERT INTO flow (tenant, since, store, kind, times) VALUES (:tenant, :since, :store, :kind, :times) "
    "ON CONFLICT (tenant, since, store, kind) DO UPDATE SET times = flow.times + excluded.times"
)


def bucket(instant: Instant) -> Instant:
    """When the quarter of an hour began in which this instant lies."""
    return Instant(instant // BUCKET_US * BUCKET_US)


def count(connection: Connection, tenant: str, kind: str, now: Instant, times: Mapping[str, int]) -> None:
    """So many of a kind just now, by store."""
    _COUNT.change_each(
        connection,
        [
            {"tenant": tenant, "since": bucket(now), "store": store, "kind": kind, "times": number}
            for store, number in times.items()
            if number
        ],
    )


def read(connection: Connection, tenant: str, since: Instant) -> list[tuple[Instant, str, str, int]]:
    """(bucket, store, kind, times) from the bucket of `since` on, oldest first."""
    columns = (flow.c.since, flow.c.store, flow.c.kind, flow.c.times)
    query = select(*columns).where(flow.c.tenant == tenant, flow.c.since >= bucket(since))
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query.order_by(flow.c.since))]


def purge(connection: Connection, tenant: str, before: Instant) -> int:
    """Delete what lies before this instant; returns how many rows."""
    return connection.execute(delete(flow).where(flow.c.tenant == tenant, flow.c.since < bucket(before))).rowcount
