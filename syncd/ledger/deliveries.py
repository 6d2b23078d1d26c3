"""The way of events out of the outbox: which are tried next, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from syncd.core.quantity import NEVER, Instant
from syncd.ledger.outbox import REFUSED, WAITING
from syncd.ledger.rows import Statement

DROPPED_MAX: Final = 500  # in one transaction: others wait behind it

_FIELDS: Final = "id, seq, kind, store, stream, subject, at, data, personal, persons, put_at, due, tries, refusals"
_HEADS = Statement(
    f"SELECT {_FIELDS} FROM outbox WHERE tenant = :tenant AND sink = :sink AND state = 'waiting' AND due <= :now "  # noqa: S608 - names of ours
    "ORDER BY due, seq LIMIT :most"
)
_FIRST = Statement(
    f"SELECT {_FIELDS} FROM outbox WHERE tenant = :tenant AND sink = :sink AND state = :state ORDER BY seq LIMIT :most"  # noqa: S608
)
_SIZES = Statement(
    "SELECT LENGTH(data) FROM outbox WHERE tenant = :tenant AND sink = :sink AND state = 'waiting' ORDER BY seq LIMIT :most"
)
_DELETE = Statement("DELETE FROM outbox WHERE tenant = :tenant AND sink = :sink AND id = :id")
_PROMOTE = Statement(
    "UPDATE outbox SET due = :now WHERE tenant = :tenant AND sink = :sink AND stream = :stream AND state = 'waiting' AND "
    "due = :never AND seq = (SELECT MIN(seq) FROM outbox WHERE tenant = :tenant AND sink = :sink AND stream = :stream AND "
    "state = 'waiting')"
)
_LATER = Statement(
    "UPDATE outbox SET due = :due, tries = tries + 1, refusals = refusals + :refusals WHERE tenant = :tenant AND sink = :sink "
    "AND id = :id AND state = 'waiting' AND due < :never"  # else an earlier one of its stream has come back meanwhile
)
_REFUSE = Statement(
    "UPDATE outbox SET state = 'refused', reason = :reason, tries = tries + 1, refusals = refusals + 1 WHERE tenant = :tenant "
    "AND sink = :sink AND id = :id AND state = 'waiting'"
)
_HOLD_BACK = Statement(
    "UPDATE outbox SET due = :never WHERE tenant = :tenant AND sink = :sink AND stream = :stream AND state = 'waiting'"
)
_AGAIN = Statement(
    "UPDATE outbox SET state = 'waiting', reason = '', due = :never, tries = 0, refusals = 0, put_at = :now "
    "WHERE tenant = :tenant AND sink = :sink AND id = :id AND state = 'refused'"
)
_COUNT = Statement("SELECT COUNT(*) FROM outbox WHERE tenant = :tenant AND sink = :sink AND state = :state")
_COUNTS = Statement("SELECT sink, state, COUNT(*) FROM outbox WHERE tenant = :tenant GROUP BY sink, state")


_OLDEST = Statement(
    "SELECT put_at FROM outbox WHERE tenant = :tenant AND sink = :sink AND state = 'waiting' ORDER BY seq LIMIT 1"
)


class Waiting(msgspec.Struct, frozen=True):
    """An event on its way to one sink."""

    id: str
    seq: int
    kind: str
    store: str
    stream: str
    subject: str
    at: Instant
    data: bytes
    personal: str
    persons: str
    put_at: Instant
    due: Instant
    tries: int
    refusals: int


class Backlog(msgspec.Struct, frozen=True):
    """What waits for a sink, and what it has refused. `oldest`: since when the first one waits; 0: none does."""

    waiting: int = 0
    refused: int = 0
    oldest: Instant = Instant(0)


def heads(connection: Connection, tenant: str, sink: str, now: Instant, most: int) -> list[Waiting]:
    """The first of each stream, of those that are due."""
    return [Waiting(*row) for row in _HEADS.read(connection, tenant=tenant, sink=sink, now=now, most=most)]


def first(connection: Connection, tenant: str, sink: str, most: int, state: str = WAITING) -> list[Waiting]:
    """The oldest ones, of whatever streams."""
    return [Waiting(*row) for row in _FIRST.read(connection, tenant=tenant, sink=sink, state=state, most=most)]


def batch(
    connection: Connection, tenant: str, sink: str, *, most: int, bytes_max: int, before: Instant
) -> tuple[list[Waiting], Instant]:
    """The oldest ones that wait, as many as one batch takes; none as long as it isn't full and the first has waited since after
    `before`. Beside them since when the first waits (NEVER: nothing does)."""
    oldest = _OLDEST.scalar(connection, tenant=tenant, sink=sink)
    if oldest is None:
        return [], NEVER
    if oldest > before and count(connection, tenant, sink) < most:
        return [], Instant(oldest)
    room, fitting = bytes_max, 0
    for size in _SIZES.scalars(connection, tenant=tenant, sink=sink, most=most):
        room -= size
        if room < 0 and fitting:
            break
        fitting += 1
    return first(connection, tenant, sink, fitting), Instant(oldest)


def arrived(connection: Connection, tenant: str, sink: str, rows: Sequence[Waiting], now: Instant) -> None:
    """They have arrived: they go, and what waited behind them is next."""
    _DELETE.change_each(connection, [{"tenant": tenant, "sink": sink, "id": row.id} for row in rows])
    _promote(connection, tenant, sink, {row.stream for row in rows}, now)


def try_later(connection: Connection, tenant: str, sink: str, row: Waiting, due: Instant, *, refused: bool) -> None:
    """It did not arrive, as far as is known; its stream waits with it."""
    _LATER.change(connection, tenant=tenant, sink=sink, id=row.id, due=due, refusals=int(refused), never=NEVER)


def refuse(connection: Connection, tenant: str, sink: str, row: Waiting, reason: str, now: Instant) -> bool:
    """It is tried no more, and stays for people to see; its stream goes on. Returns whether it was still there."""
    changed = _REFUSE.change(connection, tenant=tenant, sink=sink, id=row.id, reason=reason)
    _promote(connection, tenant, sink, {row.stream}, now)
    return bool(changed)


def try_refused_again(connection: Connection, tenant: str, sink: str, now: Instant, most: int) -> int:
    """What was refused waits again, each before what waits in its stream. Returns how many."""
    rows = first(connection, tenant, sink, most, REFUSED)
    for row in rows:
        _HOLD_BACK.change(connection, tenant=tenant, sink=sink, stream=row.stream, never=NEVER)
        _AGAIN.change(connection, tenant=tenant, sink=sink, id=row.id, never=NEVER, now=now)
    _promote(connection, tenant, sink, {row.stream for row in rows}, now)
    return len(rows)


def is_too_much(
    connection: Connection, tenant: str, sink: str, *, before: Instant, keep_max: int, refused_before: Instant
) -> bool:
    """Whether `drop` would find anything."""
    oldest, refused = (first(connection, tenant, sink, 1, state) for state in (WAITING, REFUSED))
    if (oldest and oldest[0].put_at < before) or (refused and refused[0].put_at < refused_before):
        return True
    return count(connection, tenant, sink) > keep_max


def drop(
    connection: Connection,
    tenant: str,
    sink: str,
    *,
    before: Instant,
    keep_max: int,
    refused_before: Instant,
    now: Instant,
) -> tuple[int, int, int]:
    """Let go of what has waited since `before`, of the oldest where more than `keep_max` wait, and of what was refused before
    `refused_before`; of each a part at a time. Returns how many were too old, too many, and refused."""
    rows = first(connection, tenant, sink, DROPPED_MAX)
    old = [row for row in rows if row.put_at < before]
    left = [row for row in rows if row.put_at >= before]
    beyond = count(connection, tenant, sink) - len(old) - keep_max
    many = left[: max(0, beyond)]
    refused = [each for each in first(connection, tenant, sink, DROPPED_MAX, REFUSED) if each.put_at < refused_before]
    arrived(connection, tenant, sink, [*old, *many, *refused], now)
    return len(old), len(many), len(refused)


def count(connection: Connection, tenant: str, sink: str) -> int:
    """How many wait."""
    return int(_COUNT.scalar(connection, tenant=tenant, sink=sink, state=WAITING))


def backlogs(connection: Connection, tenant: str) -> dict[str, Backlog]:
    """What waits for each sink of a tenant, also for those that are not configured any more."""
    found: dict[str, Backlog] = {}
    for sink, state, count in _COUNTS.read(connection, tenant=tenant):
        known = found.get(sink, Backlog())
        if state == REFUSED:
            found[sink] = msgspec.structs.replace(known, refused=count)
        else:
            oldest = Instant(_OLDEST.scalar(connection, tenant=tenant, sink=sink))
            found[sink] = msgspec.structs.replace(known, waiting=count, oldest=oldest)
    return found


def _promote(connection: Connection, tenant: str, sink: str, streams: Iterable[str], now: Instant) -> None:
    _PROMOTE.change_each(
        connection,
        [{"tenant": tenant, "sink": sink, "stream": each, "now": now, "never": NEVER} for each in sorted(streams)],
    )
