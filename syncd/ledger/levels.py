"""The ERP's levels as last read, and the accounts that a target needs beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, ScalarSelect, and_, bindparam, exists, insert, or_, select, update

from syncd.core.moves import CONFIRMED, INTENDED, SENT
from syncd.core.quantity import Instant, Quantity
from syncd.core.target import ErpReading, OpenAccount, RecentMove
from syncd.ledger.rows import Rows
from syncd.ledger.schema import IS_OPEN, erp, erp_level, line, move

_WRITE = Rows(erp_level, ["tenant", "sku", "location", "level", "began", "ended"])
ABSENT = Instant(0)  # as the end of a reading: a complete answer since then has not named the SKU
_PLACE = (line.c.store, line.c.order, line.c.line, line.c.part)


def read_erp(connection: Connection, tenant: str) -> tuple[str, str, str, Instant] | None:
    """(identity, epoch, cursor, watched), or None before the first contact."""
    row = connection.execute(
        select(erp.c.identity, erp.c.epoch, erp.c.cursor, erp.c.watched).where(erp.c.tenant == tenant)
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2], row[3])


def add_erp(connection: Connection, tenant: str, identity: str, epoch: str) -> None:
    """Pin the ERP at the first contact."""
    connection.execute(insert(erp).values(tenant=tenant, identity=identity, epoch=epoch))


def change_erp(connection: Connection, tenant: str, **values: object) -> None:
    """Set some columns of the ERP's row."""
    connection.execute(update(erp).where(erp.c.tenant == tenant).values(**values))


def write_levels(
    connection: Connection,
    tenant: str,
    levels: Mapping[tuple[str, str], Quantity],
    began: Instant,
    ended: Instant,
) -> list[str]:
    """Record what the ERP has shown. Returns the SKUs whose level is new or another than before."""
    known = {
        (row[0], row[1]): (row[2], row[3])
        for row in connection.execute(
            select(erp_level.c.sku, erp_level.c.location, erp_level.c.level, erp_level.c.began).where(
                erp_level.c.tenant == tenant, erp_level.c.sku.in_({sku for sku, _ in levels})
            )
        )
    }
    fresh = {place: level for place, level in levels.items() if known.get(place, (None, Instant(0)))[1] < began}
    _WRITE.write(connection, [(tenant, sku, place, level, began, ended) for (sku, place), level in fresh.items()])
    return sorted({sku for (sku, place), level in fresh.items() if known.get((sku, place), (None, 0))[0] != level})


def mark_absent(connection: Connection, tenant: str, began: Instant) -> None:
    """A complete answer, asked for at `began`, did not name some SKUs: their levels are unknown, never 0. The last ones stay
    as lower bounds, and raise nothing."""
    connection.execute(
        update(erp_level).where(erp_level.c.tenant == tenant, erp_level.c.began < began).values(ended=ABSENT)
    )


def unshown_skus(connection: Connection, tenant: str, held_since: Instant, now: Instant) -> list[str]:
    """SKUs with open accounts that another look at the ERP may close: moves confirmed since its last level was read, or a
    hold that has ended since `held_since`."""
    unshown = exists().where(
        move.c.tenant == line.c.tenant,
        move.c.store == line.c.store,
        move.c.order == line.c.order,
        move.c.line == line.c.line,
        move.c.part == line.c.part,
        move.c.state == CONFIRMED,
        move.c.confirmed_at >= _shown_at(),
    )
    ended = and_(line.c.hold > 0, line.c.hold_until > held_since, line.c.hold_until <= now)
    settled = and_(line.c.commitment == line.c.confirmed, line.c.claim == 0, line.c.hold == 0)
    query = select(line.c.sku).where(line.c.tenant == tenant, IS_OPEN, or_(unshown, ended, settled))
    return list(connection.execute(query.distinct()).scalars())


def _shown_at() -> ScalarSelect[int]:
    """When the ERP's level of a line's SKU was asked for."""
    return (
        select(erp_level.c.began)
        .where(
            erp_level.c.tenant == line.c.tenant,
            erp_level.c.sku == line.c.sku,
            erp_level.c.location == line.c.location,
        )
        # Said aloud: by itself SQLAlchemy looks for the outer table one level up alone, and would join all lines here.
        .correlate(line)
        .scalar_subquery()
    )


def reaffirm(connection: Connection, tenant: str, skus: Sequence[str], began: Instant, ended: Instant) -> None:
    """The ERP's feed of changes, asked at `began`, did not name these SKUs: their levels still hold."""
    connection.execute(
        update(erp_level)
        .where(
            erp_level.c.tenant == tenant,
            erp_level.c.sku.in_(skus),
            erp_level.c.began < began,
            erp_level.c.ended > ABSENT,
        )
        .values(began=began, ended=ended)
    )


def close_accounts(connection: Connection, tenant: str, skus: Sequence[str], now: Instant) -> list[str]:
    """Close the accounts of these SKUs of which everything is told and shown by the ERP's last level.

    Returns the SKUs of which some account was closed: their targets may rise.
    """
    unsettled = exists().where(
        move.c.tenant == line.c.tenant,
        move.c.store == line.c.store,
        move.c.order == line.c.order,
        move.c.line == line.c.line,
        move.c.part == line.c.part,
        or_(
            move.c.state.in_((INTENDED, SENT)),
            and_(
                move.c.state == CONFIRMED,
                move.c.confirmed_at >= _shown_at(),
            ),
        ),
    )
    where = and_(
        line.c.tenant == tenant,
        line.c.sku.in_(skus),
        IS_OPEN,
        line.c.claim == 0,
        or_(line.c.hold == 0, line.c.hold_until <= now),
        line.c.commitment == line.c.confirmed,
        ~unsettled,
    )
    found = connection.execute(select(line.c.sku, *_PLACE).where(where)).all()
    if found:
        same = [column == bindparam(f"of_{column.name}") for column in _PLACE]
        connection.execute(
            update(line).where(line.c.tenant == tenant, *same).values(open=0),
            [{f"of_{column.name}": value for column, value in zip(_PLACE, row[1:], strict=True)} for row in found],
        )
    return sorted({row[0] for row in found})


def erp_readings(connection: Connection, tenant: str, location: str, skus: Iterable[str]) -> dict[str, ErpReading]:
    """The ERP's last levels of these SKUs at a location; absent ones are unknown."""
    query = select(erp_level.c.sku, erp_level.c.level, erp_level.c.began, erp_level.c.ended).where(
        erp_level.c.tenant == tenant, erp_level.c.location == location, erp_level.c.sku.in_(list(skus))
    )
    return {row[0]: ErpReading(row[1], row[2], absent=row[3] == ABSENT) for row in connection.execute(query)}


def open_accounts(
    connection: Connection, tenant: str, location: str, skus: Iterable[str]
) -> dict[str, list[OpenAccount]]:
    """The open accounts of these SKUs with the moves that the ERP's level may or may not show yet."""
    names = list(skus)
    recent: dict[tuple[str, str, str, int], list[RecentMove]] = {}
    joined = line.join(
        move,
        and_(
            move.c.tenant == line.c.tenant,
            move.c.store == line.c.store,
            move.c.order == line.c.order,
            move.c.line == line.c.line,
            move.c.part == line.c.part,
        ),
    )
    mine = and_(line.c.tenant == tenant, IS_OPEN, line.c.sku.in_(names), line.c.location == location)
    for row in connection.execute(
        select(move.c.store, move.c.order, move.c.line, move.c.part, move.c.change, move.c.state, move.c.confirmed_at)
        .select_from(joined)
        .where(
            mine,
            or_(
                move.c.state.in_((INTENDED, SENT)), and_(move.c.state == CONFIRMED, move.c.confirmed_at >= _shown_at())
            ),
        )
    ):
        recent.setdefault((row[0], row[1], row[2], row[3]), []).append(RecentMove(row[4], row[5], row[6]))
    found: dict[str, list[OpenAccount]] = {}
    columns = (
        line.c.sku, line.c.store, line.c.order, line.c.line, line.c.part, line.c.commitment, line.c.confirmed,
        line.c.claim, line.c.hold, line.c.hold_until,
    )  # fmt: skip
    for entry in connection.execute(select(*columns).where(mine)):
        moves = recent.get((entry[1], entry[2], entry[3], entry[4]), ())
        found.setdefault(entry[0], []).append(
            OpenAccount(entry[1], entry[2], entry[3], entry[5], entry[6], entry[7], entry[8], entry[9], tuple(moves))
        )
    return found
