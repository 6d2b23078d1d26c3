"""A table of the tests' own in the real ledger: entries that add up, and units of work over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.clock import SystemClock
from syncd.ledger.connection import ledger_path, open_sqlite, write_engine
from syncd.ledger.hop import Hop
from syncd.ledger.ledger import Ledger, open_ledger

metadata = sa.MetaData()
entry = sa.Table(
    "entry", metadata, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.BigInteger, nullable=False)
)


class Stopped(Exception):
    """What a bad unit raises."""


def prepare(folder: Path) -> Path:
    """Make a ledger with the test's table in `folder`."""
    from syncd.ledger import migrate

    folder.mkdir(parents=True, exist_ok=True)
    engine = write_engine(ledger_path(folder))
    migrate.upgrade(engine)
    metadata.create_all(engine)
    return folder


GROUP_SECONDS = 60.0  # a slow machine cuts no group short: what is asserted is who shares a commit with whom


def opened(folder: Path, hop: Hop | None = None, *, group_seconds: float = GROUP_SECONDS, **options) -> Ledger:
    return open_ledger(folder, clock=SystemClock(), hop=hop, group_seconds=group_seconds, **options)


def add(key: str, value: int = 1) -> Callable[[Connection], int]:
    """Add `value` to the entry; it returns the new value."""

    def unit(connection: Connection) -> int:
        now = connection.execute(sa.select(entry.c.value).where(entry.c.key == key)).scalar()
        if now is None:
            connection.execute(sa.insert(entry).values(key=key, value=value))
            return value
        connection.execute(sa.update(entry).where(entry.c.key == key).values(value=now + value))
        return now + value

    return unit


def claim(key: str) -> Callable[[Connection], None]:
    """Insert the entry; an IntegrityError where it exists."""

    def unit(connection: Connection) -> None:
        connection.execute(sa.insert(entry).values(key=key, value=0))

    return unit


def bad(key: str) -> Callable[[Connection], None]:
    """Write, and fail."""

    def unit(connection: Connection) -> None:
        add(key)(connection)
        raise Stopped(key)

    return unit


def entries(connection: Connection) -> dict[str, int]:
    """All of them."""
    return {row.key: row.value for row in connection.execute(sa.select(entry.c.key, entry.c.value))}


def on_disk(folder: Path) -> dict[str, int]:
    """What another connection sees: what is committed."""
    connection = open_sqlite(ledger_path(folder), read_only=True, busy_timeout_seconds=5.0)
    try:
        return dict(connection.execute("SELECT key, value FROM entry").fetchall())
    finally:
        connection.close()
