"""Queries for people: what stands in the ledger about a tenant, an order, a SKU. They change nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, and_, case, exists, func, literal_column, or_, select

from syncd.core.moves import CONFIRMED, INTENDED, SENT
from syncd.core.quantity import Instant, Quantity
from syncd.ledger.schema import (
    IS_WAITING,
    drift,
    ingredient,
    item,
    level_write,
    line,
    move,
    orders,
    quarantine,
    store,
    taking,
)

TAKINGS_SHOWN_MAX = 50  # of one item: the newest; a hot item has hundreds between two readings
WRITES_SHOWN_MAX = 20


class MoveCounts(msgspec.Struct, frozen=True):
    """Moves of a tenant without an end."""

    intended: int
    sent: int
    in_doubt: int
    doubted: Instant  # when the first of those in doubt was sent


class DriftCounts(msgspec.Struct, frozen=True):
    """Drifts of a store: open ones, those found lately, and the units of the open ones, up or down."""

    open: int
    late: int
    units: Quantity


NO_DRIFT = DriftCounts(0, 0, Quantity(0))


class ItemCounts(msgspec.Struct, frozen=True):
    """Stock items of a store: sold now, never read yet, due to be looked at by the publisher."""

    active: int
    unread: int
    due: int


class OrderHead(msgspec.Struct, frozen=True):
    """An order as the ledger knows it."""

    created: Instant
    modified: Instant
    phase: str
    status: str
    cart: str
    reading: int
    read_at: Instant
    batch: int
    place: int
    baseline: int
    missing: int


class MoveRecord(msgspec.Struct, frozen=True):
    """One move with all that happened to it."""

    store: str
    order: str
    line: str
    n: int
    part: int
    sku: str
    location: str
    change: Quantity
    key: str
    state: str
    rule: str
    planned_at: Instant
    sent_at: Instant
    confirmed_at: Instant
    attempts: int
    doubt: int
    reason: str
    erp_ref: str
    seq: int


class WriteRecord(msgspec.Struct, frozen=True):
    """One write of ours to a counter."""

    seq: int
    key: str
    state: str
    change: Quantity
    level: Quantity | None
    sent_at: Instant
    target: Quantity
    low: Quantity
    high: Quantity
    why: str
    reason: str


class TakingRecord(msgspec.Struct, frozen=True):
    """One change of what a shop took from a counter."""

    order: str
    line: str
    began: Instant
    ended: Instant
    was: Quantity
    low: Quantity
    high: Quantity


class LineRecord(msgspec.Struct, frozen=True):
    """An account's sums, with those of its moves that may still count."""

    store: str
    order: str
    line: str
    part: int
    sku: str
    state: str
    commitment: Quantity
    confirmed: Quantity
    baseline: int
    pending: Quantity
    posted: Quantity


_MOVE = tuple(move.c[name] for name in MoveRecord.__struct_fields__)


def count_moves(connection: Connection, tenant: str) -> MoveCounts:
    """Moves that wait, are under way, or whose end is unknown."""
    query = select(
        func.coalesce(func.sum(case((move.c.state == INTENDED, 1), else_=0)), 0),
        func.coalesce(func.sum(case((and_(move.c.state == SENT, move.c.doubt == 0), 1), else_=0)), 0),
        func.coalesce(func.sum(case((and_(move.c.state == SENT, move.c.doubt == 1), 1), else_=0)), 0),
        func.coalesce(func.min(case((and_(move.c.state == SENT, move.c.doubt == 1), move.c.sent_at))), 0),
    ).where(move.c.tenant == tenant, IS_WAITING)
    return MoveCounts(*connection.execute(query).one())


def count_items(connection: Connection, tenant: str, name: str, now: Instant) -> ItemCounts:
    """Items of a store."""
    query = select(
        func.count(),
        func.coalesce(func.sum(case((item.c.read_at == 0, 1), else_=0)), 0),
        func.coalesce(func.sum(case((item.c.due <= now, 1), else_=0)), 0),
    ).where(item.c.tenant == tenant, item.c.store == name, item.c.active == 1)
    return ItemCounts(*connection.execute(query).one())


def count_held(connection: Connection, tenant: str) -> dict[str, int]:
    """What is in quarantine, by store."""
    query = select(quarantine.c.store, func.count()).where(quarantine.c.tenant == tenant, quarantine.c.state == "held")
    return {row[0]: row[1] for row in connection.execute(query.group_by(quarantine.c.store))}


def count_drift(connection: Connection, tenant: str, since: Instant) -> dict[str, DriftCounts]:
    """By store."""
    query = (
        select(
            drift.c.store,
            func.sum(case((drift.c.state == "open", 1), else_=0)),
            func.sum(case((drift.c.since >= since, 1), else_=0)),
            func.sum(case((drift.c.state == "open", func.abs(drift.c.units)), else_=0)),
        )
        .where(drift.c.tenant == tenant)
        .group_by(drift.c.store)
    )
    return {row[0]: DriftCounts(*row[1:]) for row in connection.execute(query)}


def item_names(connection: Connection, tenant: str, name: str, only: Sequence[str] | None = None) -> dict[str, str]:
    """The product's name for each stock item of a store, or for `only` these."""
    query = select(item.c.item, item.c.name).where(item.c.tenant == tenant, item.c.store == name)
    if only is not None:
        query = query.where(item.c.item.in_(only))
    return {row[0]: row[1] for row in connection.execute(query)}


def items_with_sku(connection: Connection, tenant: str, sku: str) -> list[tuple[str, str]]:
    """(store, item) of all active counters that draw on an ERP SKU."""
    i = ingredient.c
    is_active = exists().where(
        item.c.tenant == i.tenant, item.c.store == i.store, item.c.item == i.item, item.c.active == 1
    )  # no join: that may walk through all items
    query = select(i.store, i.item).where(i.tenant == tenant, i.sku == sku, is_active).order_by(i.store, i.item)
    return [(row[0], row[1]) for row in connection.execute(query)]


def read_order_head(connection: Connection, tenant: str, name: str, order: str) -> OrderHead | None:
    """One order, or None where the ledger doesn't know it."""
    columns = (orders.c[field] for field in OrderHead.__struct_fields__)
    row = connection.execute(
        select(*columns).where(orders.c.tenant == tenant, orders.c.store == name, orders.c.order == order)
    ).one_or_none()
    return None if row is None else OrderHead(*row)


def moves_of_order(connection: Connection, tenant: str, name: str, order: str) -> list[MoveRecord]:
    """All moves of an order, in sequence."""
    query = select(*_MOVE).where(move.c.tenant == tenant, move.c.store == name, move.c.order == order)
    return [MoveRecord(*row) for row in connection.execute(query.order_by(move.c.seq))]


def waiting_moves(connection: Connection, tenant: str, sku: str, limit: int) -> list[MoveRecord]:
    """The moves of a SKU that have no end yet, in sequence."""
    query = select(*_MOVE).where(move.c.tenant == tenant, IS_WAITING, move.c.sku == sku)
    return [MoveRecord(*row) for row in connection.execute(query.order_by(move.c.seq).limit(limit))]


def open_moves(connection: Connection, tenant: str, limit: int) -> list[MoveRecord]:
    """The moves without an end, those in doubt first, then in sequence."""
    query = select(*_MOVE).where(move.c.tenant == tenant, IS_WAITING)
    return [
        MoveRecord(*row) for row in connection.execute(query.order_by(move.c.doubt.desc(), move.c.seq).limit(limit))
    ]


def latest_moves(
    connection: Connection, tenant: str, limit: int, *, sku: str | None = None, before: tuple[int, int] | None = None
) -> list[MoveRecord]:
    """The moves that were confirmed last, of one SKU or of all, newest first; `before`: (confirmed_at, seq) of a later one."""
    query = select(*_MOVE).where(move.c.tenant == tenant, move.c.state == literal_column(f"'{CONFIRMED}'"))
    if sku is not None:
        query = query.where(move.c.sku == sku)
    if before is not None:
        at, seq = before
        earlier = or_(move.c.confirmed_at < at, and_(move.c.confirmed_at == at, move.c.seq < seq))
        query = query.where(move.c.confirmed_at <= at, earlier)
    query = query.order_by(move.c.confirmed_at.desc(), move.c.seq.desc())
    return [MoveRecord(*row) for row in connection.execute(query.limit(limit))]


def writes_of_item(connection: Connection, tenant: str, name: str, counter: str) -> list[WriteRecord]:
    """The last writes to a counter, newest first."""
    columns = (level_write.c[field] for field in WriteRecord.__struct_fields__)
    query = select(*columns).where(
        level_write.c.tenant == tenant, level_write.c.store == name, level_write.c.item == counter
    )
    return [
        WriteRecord(*row)
        for row in connection.execute(query.order_by(level_write.c.seq.desc()).limit(WRITES_SHOWN_MAX))
    ]


def takings_of_item(connection: Connection, tenant: str, name: str, counter: str) -> list[TakingRecord]:
    """The last changes of what the shop took from a counter, newest first."""
    columns = (taking.c[field] for field in TakingRecord.__struct_fields__)
    query = select(*columns).where(taking.c.tenant == tenant, taking.c.store == name, taking.c.item == counter)
    return [
        TakingRecord(*row) for row in connection.execute(query.order_by(taking.c.seq.desc()).limit(TAKINGS_SHOWN_MAX))
    ]


def lines_after(
    connection: Connection, tenant: str, after: tuple[str, str], limit: int
) -> tuple[list[LineRecord], tuple[str, str] | None]:
    """Accounts of up to `limit` orders after (store, order), with the sums of their moves; and where to go on, or None."""
    key = (orders.c.store, orders.c.order)
    behind = or_(key[0] > after[0], and_(key[0] == after[0], key[1] > after[1]))
    names = [
        (row[0], row[1], row[2])
        for row in connection.execute(
            select(*key, orders.c.baseline).where(orders.c.tenant == tenant, behind).order_by(*key).limit(limit)
        )
    ]
    if not names:
        return [], None
    last = (names[-1][0], names[-1][1])
    baseline = {(name[0], name[1]): name[2] for name in names}
    found: list[LineRecord] = []
    for shop in dict.fromkeys(name[0] for name in names):
        ids = [name[1] for name in names if name[0] == shop]
        found += _lines(connection, tenant, shop, ids, baseline)
    return found, last if len(names) == limit else None


def _lines(
    connection: Connection, tenant: str, shop: str, ids: Sequence[str], baseline: dict[tuple[str, str], int]
) -> list[LineRecord]:
    sums: dict[tuple[str, str, int], tuple[int, int]] = {}
    waiting = func.sum(case((move.c.state.in_((INTENDED, SENT)), -move.c.change), else_=0))
    posted = func.sum(case((move.c.state == CONFIRMED, -move.c.change), else_=0))
    for row in connection.execute(
        select(move.c.order, move.c.line, move.c.part, waiting, posted)
        .where(move.c.tenant == tenant, move.c.store == shop, move.c.order.in_(ids))
        .group_by(move.c.order, move.c.line, move.c.part)
    ):
        sums[row[0], row[1], row[2]] = (row[3], row[4])
    columns = (line.c.order, line.c.line, line.c.part, line.c.sku, line.c.state, line.c.commitment, line.c.confirmed)
    rows = connection.execute(
        select(*columns).where(line.c.tenant == tenant, line.c.store == shop, line.c.order.in_(ids))
    ).all()
    return [
        LineRecord(
            shop, row[0], row[1], row[2], row[3], row[4], row[5], row[6], baseline[shop, row[0]],
            *(Quantity(units) for units in sums.get((row[0], row[1], row[2]), (0, 0))),
        )
        for row in rows
    ]  # fmt: skip


def released_as_booked(connection: Connection, tenant: str) -> set[tuple[str, str, str]]:
    """(store, order, line) of what an operator released as counted already; line "" stands for the whole order."""
    query = select(quarantine.c.store, quarantine.c.order, quarantine.c.line).where(
        quarantine.c.tenant == tenant, quarantine.c.state == "already_counted"
    )
    return {(row[0], row[1], row[2]) for row in connection.execute(query)}


def switched_stores(connection: Connection, tenant: str) -> set[str]:
    """Stores that went from shadow to live: what had been computed before is taken as counted, without moves."""
    query = select(move.c.store).where(
        move.c.tenant == tenant, move.c.state == "void", move.c.reason.startswith("computed in shadow mode")
    )
    return set(connection.execute(query.distinct()).scalars())


def read_resume(connection: Connection, tenant: str, name: str) -> str:
    """Where a backfill of a store was left, or ""."""
    query = select(store.c.resume).where(store.c.tenant == tenant, store.c.store == name)
    return connection.execute(query).scalar_one_or_none() or ""
