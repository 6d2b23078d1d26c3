"""The row of each store: who it is, where its scan stands, whether its writes are allowed."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from syncd.core.quantity import LONG_AGO, Instant
from syncd.ledger.rows import OneRow, Statement
from syncd.ledger.schema import store

NEW, BASELINE, READY = "new", "baseline", "ready"


class StoreRow(msgspec.Struct, frozen=True):
    """A store as the ledger knows it. `cursor` and `cutover` are by the store's clock, `drained` by ours.

    `clock_ahead` is its clock less ours (microseconds) as measured at `clock_at` (0: never).
    """

    identity: str
    state: str
    mode: str
    cutover: Instant
    cursor: Instant
    drained: Instant
    behaviour: str
    approved: Instant
    brake: str
    paused: bool
    swept: Instant
    catalogued: Instant
    clock_ahead: int = 0
    clock_at: Instant = LONG_AGO


_FIELDS = StoreRow.__struct_fields__
_ROW = OneRow(store)
_READ = Statement(f"SELECT {', '.join(_FIELDS)} FROM store WHERE tenant = :tenant AND store = :store")  # noqa: S608
_NAMES = Statement("SELECT store FROM store WHERE tenant = :tenant")


def read_store(connection: Connection, tenant: str, name: str) -> StoreRow | None:
    """The store's row, or None before its first contact."""
    row = _READ.one(connection, tenant=tenant, store=name)
    if row is None:
        return None
    found = StoreRow(*row)
    return msgspec.structs.replace(found, paused=True) if found.paused else found


def store_names(connection: Connection, tenant: str) -> list[str]:
    """All stores the tenant ever had."""
    return _NAMES.scalars(connection, tenant=tenant)


def add_store(connection: Connection, tenant: str, name: str, row: StoreRow) -> None:
    """Pin a store at its first contact."""
    values = {field: getattr(row, field) for field in _FIELDS} | {"paused": int(row.paused)}
    connection.execute(insert(store).values(tenant=tenant, store=name, resume="", **values))


def change_store(connection: Connection, tenant: str, name: str, **values: Any) -> None:
    """Set some columns of a store's row."""
    _ROW.change(connection, (tenant, name), values)
