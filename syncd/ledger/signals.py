"""Signals: orders that a store has spoken of, until they have been read. Each order stands there once, however often it is
spoken of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from syncd.core.quantity import Instant
from syncd.ledger.rows import Rows
from syncd.ledger.schema import signal

_NOTE = Rows(signal, ("tenant", "store", "order", "first_at", "last_at"), update=("last_at",))
_MINE = (signal.c.tenant == bindparam("of"), signal.c.store == bindparam("at"))
_WAITING = select(signal.c.order, signal.c.last_at).where(*_MINE).order_by(signal.c.first_at).limit(bindparam("most"))
_DONE = delete(signal).where(*_MINE, signal.c.order == bindparam("named"), signal.c.last_at < bindparam("before"))
_LATE = select(signal.c.order).where(*_MINE, signal.c.last_at >= bindparam("since"))
_COUNT = select(func.count()).where(*_MINE)
_STORES = select(signal.c.tenant, signal.c.store).distinct()
_FORGET = delete(signal).where(*_MINE)


def note(
    connection: Connection, places: Iterable[tuple[str, str, str]], shops: Iterable[tuple[str, str]], now: Instant
) -> dict[tuple[str, str], int]:
    """Note signals, each as (tenant, store, order). Returns for each of `shops` how many orders wait to be read."""
    _NOTE.write(connection, [(*place, now, now) for place in places])
    return {(tenant, store): count(connection, tenant, store) for tenant, store in shops}


def count(connection: Connection, tenant: str, store: str) -> int:
    """How many orders of a store wait to be read."""
    return int(connection.execute(_COUNT, {"of": tenant, "at": store}).scalar_one())


def forget_others(connection: Connection, known: Mapping[str, Collection[str] | None]) -> None:
    """Drop the signals of stores that aren't there any more. `known`: the stores of each tenant, None if they can't be told."""
    for tenant, store in connection.execute(_STORES).all():
        stores = known.get(tenant, ())
        if stores is not None and store not in stores:
            connection.execute(_FORGET, {"of": tenant, "at": store})


def waiting(connection: Connection, tenant: str, store: str, limit: int) -> dict[str, Instant]:
    """Orders to be read, the longest ago first, and when the store spoke of each last."""
    rows = connection.execute(_WAITING, {"of": tenant, "at": store, "most": limit})
    return {order: Instant(last_at) for order, last_at in rows}


def noted_since(connection: Connection, tenant: str, store: str, names: Sequence[str], since: Instant) -> set[str]:
    """Those of these orders that were spoken of since then."""
    rows = connection.execute(_LATE, {"of": tenant, "at": store, "since": since}).scalars()
    return set(names) & set(rows)


def done(connection: Connection, tenant: str, store: str, names: Sequence[str], before: Instant) -> None:
    """These orders have been read by a request that began at `before`; a signal that came since then stays."""
    if names:
        connection.execute(_DONE, [{"of": tenant, "at": store, "named": name, "before": before} for name in names])
