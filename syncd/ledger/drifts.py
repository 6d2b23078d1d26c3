"""Drift: what moved a counter and is in no book. Noted once, with what the tenant's policy makes of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from syncd.core.quantity import Instant, Quantity
from syncd.ledger.items import set_item
from syncd.ledger.rows import Among
from syncd.ledger.schema import drift, reading
from syncd.ledger.tenants import take_numbers

OPEN, CORRECTED, ACCEPTED = "open", "corrected", "accepted"
OF_ITEMS_MAX = 50  # drifts of some items that are shown


class Drift(msgspec.Struct, frozen=True):
    """One contradiction. `units`: positive if the shop had more than the book said."""

    id: int
    store: str
    item: str
    since: Instant
    units: Quantity
    reason: str
    state: str


_OF_ITEMS = Among(
    f"SELECT {', '.join(Drift.__struct_fields__)} FROM drift "  # noqa: S608
    "WHERE tenant = :tenant AND store = :store AND item IN :among"
)


def note_drift(
    connection: Connection, tenant: str, store: str, item: str, *, units: Quantity, policy: str, keep_since: Instant,
    now: Instant, accepted: Quantity,
) -> None:  # fmt: skip
    """Record a drift; the readings before `keep_since` are forgotten, they contradict what is.

    `policy` "erp" corrects the shop; "report" lets it be, as an accepted offset of the item that blocks raises.
    """
    connection.execute(
        delete(reading).where(
            reading.c.tenant == tenant, reading.c.store == store, reading.c.item == item, reading.c.began < keep_since
        )
    )
    state = OPEN if policy == "report" else CORRECTED
    number = take_numbers(connection, tenant, 1)
    reason = "the shop's counter was changed by something that is in no book"
    connection.execute(
        insert(drift).values(
            tenant=tenant, id=number, store=store, item=item, since=now, units=units, reason=reason, state=state
        )
    )
    if policy == "report":
        set_item(connection, tenant, store, item, accepted=accepted + units)


def drifts(connection: Connection, tenant: str, *, limit: int = 200) -> list[Drift]:
    """The latest drifts, newest first."""
    columns = (drift.c[name] for name in Drift.__struct_fields__)
    query = select(*columns).where(drift.c.tenant == tenant).order_by(drift.c.id.desc()).limit(limit)
    return [Drift(*row) for row in connection.execute(query)]


def drifts_of(connection: Connection, tenant: str, store: str, items: Iterable[str]) -> list[Drift]:
    """The last drifts of these items of a shop, newest first."""
    rows = [Drift(*row) for row in _OF_ITEMS.read(connection, items, tenant=tenant, store=store)]
    return sorted(rows, key=lambda row: row.since, reverse=True)[:OF_ITEMS_MAX]


def accept(connection: Connection, tenant: str, store: str, item: str) -> None:
    """End the open drifts of an item."""
    connection.execute(
        update(drift)
        .where(drift.c.tenant == tenant, drift.c.store == store, drift.c.item == item, drift.c.state == OPEN)
        .values(state=ACCEPTED)
    )
