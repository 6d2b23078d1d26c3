"""The ERP's levels as last read, and the accounts that a target needs beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, insert

from syncd.core.quantity import Instant, Quantity
from syncd.core.target import ErpReading, OpenAccount, RecentMove
from syncd.ledger import level_changes
from syncd.ledger.level_changes import ERP, Place
from syncd.ledger.rows import Among, OneRow, Rows, Statement
from syncd.ledger.schema import erp, erp_level

_WRITE = Rows(erp_level, ["tenant", "sku", "location", "level", "began", "ended"])
ABSENT = Instant(0)  # as the end of a reading: a complete answer since then has not named the SKU
_ROW = OneRow(erp)
_ERP = Statement("SELECT identity, epoch, cursor, watched FROM erp WHERE tenant = :tenant")
_KNOWN = Among("SELECT sku, location, level, began FROM erp_level WHERE tenant = :tenant AND sku IN :among")
_MARK_ABSENT = Statement("UPDATE erp_level SET ended = 0 WHERE tenant = :tenant AND began < :began")
_REAFFIRM = Among(
    "UPDATE erp_level SET began = :began, ended = :ended "
    "WHERE tenant = :tenant AND began < :began AND ended > 0 AND sku IN :among"
)
_READINGS = Among(
    "SELECT sku, level, began, ended FROM erp_level WHERE tenant = :tenant AND location = :location AND sku IN :among"
)
_MOVES = (
    'move.tenant = line.tenant AND move.store = line.store AND move."order" = line."order" AND move.line = line.line '
    "AND move.part = line.part"
)
# Confirmed since the ERP's level of the line's SKU was asked for.
_UNSHOWN = (
    "move.state = 'confirmed' AND move.confirmed_at >= (SELECT erp_level.began FROM erp_level WHERE "
    "erp_level.tenant = line.tenant AND erp_level.sku = line.sku AND erp_level.location = line.location)"
)
_UNSETTLED = f"(move.state IN ('intended', 'sent') OR {_UNSHOWN})"
_UNSHOWN_SKUS = Statement(
    "SELECT DISTINCT line.sku FROM line WHERE line.tenant = :tenant AND line.open = 1 AND ("  # noqa: S608
    f"EXISTS (SELECT * FROM move WHERE {_MOVES} AND {_UNSHOWN}) "
    "OR line.hold > 0 AND line.hold_until > :held_since AND line.hold_until <= :now "
    "OR line.commitment = line.confirmed AND line.claim = 0 AND line.hold = 0)"
)
_CLOSABLE = Among(
    'SELECT line.sku, line.store, line."order", line.line, line.part FROM line '  # noqa: S608
    "WHERE line.tenant = :tenant AND line.open = 1 AND line.claim = 0 AND (line.hold = 0 OR line.hold_until <= :now) "
    f"AND line.commitment = line.confirmed AND NOT EXISTS (SELECT * FROM move WHERE {_MOVES} AND {_UNSETTLED}) "
    "AND line.sku IN :among"
)
_CLOSE = Statement(
    "UPDATE line SET open = 0 "
    'WHERE tenant = :tenant AND store = :store AND "order" = :order AND line = :line AND part = :part'
)
_RECENT = Among(
    'SELECT move.store, move."order", move.line, move.part, move.change, move.state, move.confirmed_at '  # noqa: S608
    f"FROM line JOIN move ON {_MOVES} "
    f"WHERE line.tenant = :tenant AND line.open = 1 AND line.location = :location AND {_UNSETTLED} "
    "AND line.sku IN :among"
)
_OPEN = Among(
    'SELECT sku, store, "order", line, part, commitment, confirmed, claim, hold, hold_until FROM line '
    "WHERE tenant = :tenant AND open = 1 AND location = :location AND sku IN :among"
)


def read_erp(connection: Connection, tenant: str) -> tuple[str, str, str, Instant] | None:
    """(identity, epoch, cursor, watched), or None before the first contact."""
    row = _ERP.one(connection, tenant=tenant)
    return None if row is None else (row[0], row[1], row[2], row[3])


def add_erp(connection: Connection, tenant: str, identity: str, epoch: str) -> None:
    """Pin the ERP at the first contact."""
    connection.execute(insert(erp).values(tenant=tenant, identity=identity, epoch=epoch))


def change_erp(connection: Connection, tenant: str, **values: object) -> None:
    """Set some columns of the ERP's row."""
    _ROW.change(connection, (tenant,), values)


def write_levels(
    connection: Connection,
    tenant: str,
    levels: Mapping[tuple[str, str], Quantity],
    began: Instant,
    ended: Instant,
) -> list[str]:
    """Record what the ERP has shown. Returns the SKUs whose level is new or another than before."""
    rows = _KNOWN.read(connection, dict.fromkeys(sku for sku, _ in levels), tenant=tenant)
    known = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    fresh = {place: level for place, level in levels.items() if known.get(place, (None, Instant(0)))[1] < began}
    _WRITE.write(connection, [(tenant, sku, place, level, began, ended) for (sku, place), level in fresh.items()])
    changed = {place: level for place, level in fresh.items() if known.get(place, (None, 0))[0] != level}
    places = ((Place(ERP, sku, location), level) for (sku, location), level in changed.items())
    level_changes.note(connection, tenant, began, places)
    return sorted({sku for sku, _ in changed})


def mark_absent(connection: Connection, tenant: str, began: Instant) -> None:
    """A complete answer, asked for at `began`, did not name some SKUs: their levels are unknown, never 0. The last ones stay
    as lower bounds, and raise nothing."""
    _MARK_ABSENT.change(connection, tenant=tenant, began=began)


def unshown_skus(connection: Connection, tenant: str, held_since: Instant, now: Instant) -> list[str]:
    """SKUs with open accounts that another look at the ERP may close: moves confirmed since its last level was read, or a
    hold that has ended since `held_since`."""
    return _UNSHOWN_SKUS.scalars(connection, tenant=tenant, held_since=held_since, now=now)


def reaffirm(connection: Connection, tenant: str, skus: Sequence[str], began: Instant, ended: Instant) -> None:
    """The ERP's feed of changes, asked at `began`, did not name these SKUs: their levels still hold."""
    _REAFFIRM.change(connection, skus, tenant=tenant, began=began, ended=ended)


def close_accounts(connection: Connection, tenant: str, skus: Sequence[str], now: Instant) -> list[str]:
    """Close the accounts of these SKUs of which everything is told and shown by the ERP's last level.

    Returns the SKUs of which some account was closed: their targets may rise.
    """
    found = _CLOSABLE.read(connection, skus, tenant=tenant, now=now)
    places = ("store", "order", "line", "part")
    _CLOSE.change_each(connection, [{"tenant": tenant, **dict(zip(places, row[1:], strict=True))} for row in found])
    return sorted({row[0] for row in found})


def erp_readings(connection: Connection, tenant: str, location: str, skus: Iterable[str]) -> dict[str, ErpReading]:
    """The ERP's last levels of these SKUs at a location; absent ones are unknown."""
    rows = _READINGS.read(connection, skus, tenant=tenant, location=location)
    return {row[0]: ErpReading(row[1], row[2], absent=row[3] == ABSENT) for row in rows}


def open_accounts(
    connection: Connection, tenant: str, location: str, skus: Iterable[str]
) -> dict[str, list[OpenAccount]]:
    """The open accounts of these SKUs with the moves that the ERP's level may or may not show yet."""
    names = list(skus)
    recent: dict[tuple[str, str, str, int], list[RecentMove]] = {}
    for row in _RECENT.read(connection, names, tenant=tenant, location=location):
        recent.setdefault((row[0], row[1], row[2], row[3]), []).append(RecentMove(row[4], row[5], row[6]))
    found: dict[str, list[OpenAccount]] = {}
    for entry in _OPEN.read(connection, names, tenant=tenant, location=location):
        moves = recent.get((entry[1], entry[2], entry[3], entry[4]), ())
        found.setdefault(entry[0], []).append(
            OpenAccount(entry[1], entry[2], entry[3], entry[5], entry[6], entry[7], entry[8], entry[9], tuple(moves))
        )
    return found
