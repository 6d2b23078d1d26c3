"""Connections to the ledger's file: one engine that writes, one that can't.

Only SQLite may open the ledger's files: closing any other descriptor of the file inside this process would drop
SQLite's POSIX locks. SQLite before 3.51.3 has a bug with two connections that checkpoint the same WAL at once, so only
the writer checkpoints, and every other connection is opened with `mode=ro`.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from syncd.errors import MisconfiguredError

BUSY_TIMEOUT_SECONDS = 5.0  # longer than any honest lock beside the writer's: a backup's or a reader's recovery
CHECKPOINT_PAGES = 1_000  # 4 MB of WAL between checkpoints: SQLite's own default, said aloud
WAL_BYTES_KEPT_MAX = 64 * 1024 * 1024  # a WAL that grew beside a long reader is cut back to this after its checkpoint
STATEMENTS_CACHED_MAX = 256  # prepared statements a connection keeps; the ledger has fewer


class Opener(Protocol):
    """Opens the driver's connection. Another one puts the real ledger on another SQLite (the power-cut test's)."""

    def __call__(self, path: Path, *, read_only: bool, busy_timeout_seconds: float) -> Any:
        """A DB-API connection without implicit transactions, with `in_transaction`, `total_changes` and `set_progress_handler`."""


def ledger_path(folder: Path) -> Path:
    """Where the ledger lies in the state directory `folder`."""
    return folder / "ledger.sqlite3"


def open_sqlite(path: Path, *, read_only: bool, busy_timeout_seconds: float) -> sqlite3.Connection:
    """The standard library's SQLite. `isolation_level=None`: the driver begins nothing by itself, the engine does."""
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rwc'}",
        uri=True,
        isolation_level=None,
        timeout=busy_timeout_seconds,
        check_same_thread=False,  # each connection has one thread for life; a simulated crash drops it from another
        cached_statements=STATEMENTS_CACHED_MAX,
    )


def write_engine(
    path: Path, *, opener: Opener = open_sqlite, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
) -> Engine:
    """The engine of the ledger's only writer (and of the migration before it): WAL, synchronous=FULL, BEGIN IMMEDIATE.

    By default the driver begins a transaction only before the first change, and SQLAlchemy's rollback then left a row
    behind; here the begin event begins it, with the write lock taken at once.
    """
    engine = _engine(partial(opener, path, read_only=False, busy_timeout_seconds=busy_timeout_seconds))
    event.listen(engine, "connect", _prepare_writing)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def read_engine(
    path: Path, *, opener: Opener = open_sqlite, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
) -> Engine:
    """An engine that cannot write: `mode=ro`, one snapshot for each transaction, never a checkpoint. The file must exist."""
    engine = _engine(partial(opener, path, read_only=True, busy_timeout_seconds=busy_timeout_seconds))
    event.listen(engine, "connect", _prepare_reading)
    event.listen(engine, "begin", _begin_deferred)
    return engine


def _engine(creator: Any) -> Engine:
    # No pool: who opens a connection keeps it for life, in one thread.
    return create_engine("sqlite://", creator=creator, poolclass=NullPool, pool_reset_on_return=None)


def _prepare_writing(driver: Any, _record: object) -> None:
    cursor = driver.cursor()
    mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise MisconfiguredError(
            f"the ledger cannot use write-ahead logging here (journal mode {mode})",
            operation="ledger",
            hint="put the state directory on a local file system: network file systems lack the shared memory it needs",
        )
    cursor.execute("PRAGMA synchronous=FULL")  # NORMAL loses acknowledged commits when the power fails
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(
        "PRAGMA secure_delete=ON"
    )  # what is deleted is overwritten: people's data doesn't stay in free pages
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA journal_size_limit={WAL_BYTES_KEPT_MAX}")
    cursor.close()


def _prepare_reading(driver: Any, _record: object) -> None:
    cursor = driver.cursor()
    cursor.execute("PRAGMA wal_autocheckpoint=0")
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN")  # by the driver itself: it touches no file, and each look at the ledger begins so
