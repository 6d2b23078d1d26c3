"""Signals: orders, carts and stock items that a store has spoken of, until they have been read. Each stands there once, however
often it is spoken of. A signal is named by tenant, store, kind and name; those of one tenant, store and kind are a queue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from syncd.core.quantity import Instant
from syncd.core.signal import Kind
from syncd.ledger.rows import Rows
from syncd.ledger.schema import signal

_NOTE = Rows(signal, ("tenant", "store", "kind", "name", "first_at", "last_at"), update=("last_at",))
_MINE = (signal.c.tenant == bindparam("of"), signal.c.store == bindparam("at"), signal.c.kind == bindparam("is"))
_WAITING = select(signal.c.name, signal.c.last_at).where(*_MINE).order_by(signal.c.first_at).limit(bindparam("most"))
_DONE = delete(signal).where(*_MINE, signal.c.name == bindparam("named"), signal.c.last_at < bindparam("before"))
_LATE = select(signal.c.name).where(*_MINE, signal.c.last_at >= bindparam("since"))
_COUNT = select(func.count()).where(*_MINE)
_QUEUES = select(signal.c.tenant, signal.c.store, signal.c.kind).distinct()
_FORGET = delete(signal).where(*_MINE)


def note(
    connection: Connection,
    places: Iterable[tuple[str, str, Kind, str]],
    queues: Iterable[tuple[str, str, Kind]],
    now: Instant,
) -> dict[tuple[str, str, Kind], int]:
    """Note signals, each as (tenant, store, kind, name). Returns how many wait in each of `queues`."""
    _NOTE.write(connection, [(*place, now, now) for place in places])
    return {queue: count(connection, *queue) for queue in queues}


def count(connection: Connection, tenant: str, store: str, kind: Kind = Kind.ORDER) -> int:
    """How many of this kind wait to be read."""
    return int(connection.execute(_COUNT, {"of": tenant, "at": store, "is": kind}).scalar_one())


def forget_others(connection: Connection, known: Mapping[str, Collection[tuple[str, Kind]] | None]) -> None:
    """Drop the signals that nobody reads any more. `known`: of each tenant, which kinds of which stores are read; None if that
    can't be told."""
    for tenant, store, kind in connection.execute(_QUEUES).all():
        read = known.get(tenant, ())
        if read is not None and (store, kind) not in read:
            connection.execute(_FORGET, {"of": tenant, "at": store, "is": kind})


def waiting(connection: Connection, tenant: str, store: str, limit: int, kind: Kind = Kind.ORDER) -> dict[str, Instant]:
    """Those to be read, the longest ago first, and when the store spoke of each last."""
    rows = connection.execute(_WAITING, {"of": tenant, "at": store, "is": kind, "most": limit})
    return {name: Instant(last_at) for name, last_at in rows}


def noted_since(
    connection: Connection,
    tenant: str,
    store: str,
    names: Sequence[str],
    since: Instant,
    kind: Kind = Kind.ORDER,
) -> set[str]:
    """Those of these that were spoken of since then."""
    rows = connection.execute(_LATE, {"of": tenant, "at": store, "is": kind, "since": since}).scalars()
    return set(names) & set(rows)


def done(
    connection: Connection,
    tenant: str,
    store: str,
    names: Sequence[str],
    before: Instant,
    kind: Kind = Kind.ORDER,
) -> None:
    """These have been read by a request that began at `before`; a signal that came since then stays."""
    if names:
        place = {"of": tenant, "at": store, "is": kind, "before": before}
        connection.execute(_DONE, [{**place, "named": name} for name in names])
