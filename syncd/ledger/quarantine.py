"""Where what can't be processed goes: with its reason, a hint, and its raw bytes; the rest goes on."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from syncd.core.quantity import Instant
from syncd.ledger.rows import Among
from syncd.ledger.schema import quarantine
from syncd.ledger.tenants import take_numbers

HELD, COUNTED, ALREADY_COUNTED, MENDED = "held", "counted", "already_counted", "mended"
RAW_BYTES_MAX = 256 * 1024  # one order is far smaller; a shop that sends megabytes as one order is cut off, and told


class Held(msgspec.Struct, frozen=True):
    """One thing in quarantine. `line` is "" for a whole order."""

    id: int
    store: str
    order: str
    line: str
    reason: str
    hint: str
    raw: bytes
    since: Instant
    state: str
    released: Instant


_HELD_ORDERS = Among(
    'SELECT "order" FROM quarantine '
    "WHERE tenant = :tenant AND store = :store AND line = '' AND state = 'held' AND \"order\" IN :among"
)
_ALL = tuple(quarantine.c[name] for name in Held.__struct_fields__)


def hold(
    connection: Connection,
    tenant: str,
    store: str,
    order: str,
    line: str,
    *,
    reason: str,
    hint: str,
    raw: bytes,
    now: Instant,
) -> int | None:
    """Put something into quarantine, unless it is held there for the same reason. Returns its number if it is new."""
    q = quarantine.c
    same = select(q.id, q.reason).where(
        q.tenant == tenant, q.store == store, q.order == order, q.line == line, q.state == HELD
    )
    for row in connection.execute(same):
        if row[1] == reason:
            return None
        connection.execute(
            update(quarantine).where(q.tenant == tenant, q.id == row[0]).values(state=MENDED, released=now, raw=b"")
        )
    number = take_numbers(connection, tenant, 1)
    connection.execute(
        insert(quarantine).values(
            tenant=tenant, id=number, store=store, order=order, line=line, reason=reason, hint=hint,
            raw=raw[:RAW_BYTES_MAX], since=now, state=HELD,
        )
    )  # fmt: skip
    return number


def mend(connection: Connection, tenant: str, store: str, order: str, line: str | None, now: Instant) -> None:
    """What was held for this order (and line, if given) was read well now. Its raw data, which names people, goes."""
    q = quarantine.c
    where = [q.tenant == tenant, q.store == store, q.order == order, q.state == HELD]
    if line is not None:
        where.append(q.line == line)
    connection.execute(update(quarantine).where(*where).values(state=MENDED, released=now, raw=b""))


def held(connection: Connection, tenant: str, *, limit: int = 1_000, after: int = 0) -> list[Held]:
    """What is in quarantine now, oldest first, from the numbers above `after`."""
    q = quarantine.c
    query = select(*_ALL).where(q.tenant == tenant, q.state == HELD, q.id > after).order_by(q.id)
    return [Held(*row) for row in connection.execute(query.limit(limit))]


def of_order(connection: Connection, tenant: str, store: str, order: str) -> list[Held]:
    """All that was ever held of an order, oldest first."""
    q = quarantine.c
    query = select(*_ALL).where(q.tenant == tenant, q.store == store, q.order == order).order_by(q.id)
    return [Held(*row) for row in connection.execute(query)]


def held_orders(connection: Connection, tenant: str, store: str, orders: Iterable[str]) -> set[str]:
    """Those of the orders that are held as a whole."""
    return {order for (order,) in _HELD_ORDERS.read(connection, orders, tenant=tenant, store=store)}


def find(connection: Connection, tenant: str, number: int) -> Held | None:
    """One entry by its number."""
    row = connection.execute(
        select(*_ALL).where(quarantine.c.tenant == tenant, quarantine.c.id == number)
    ).one_or_none()
    return None if row is None else Held(*row)


def release(connection: Connection, tenant: str, number: int, *, state: str, now: Instant) -> None:
    """End an entry's quarantine. Its raw data, which names people, goes."""
    connection.execute(
        update(quarantine)
        .where(quarantine.c.tenant == tenant, quarantine.c.id == number)
        .values(state=state, released=now, raw=b"")
    )


def count_held(connection: Connection, tenant: str) -> int:
    """How many are held."""
    query = select(func.count()).where(quarantine.c.tenant == tenant, quarantine.c.state == HELD)
    return connection.execute(query).scalar_one()
