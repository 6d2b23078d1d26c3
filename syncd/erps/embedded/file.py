"""The book's SQLite file: who may open it, how a transaction begins and ends, and what its failures mean.

Two processes use the file at once: the daemon, and a command beside it. So every write begins with BEGIN IMMEDIATE (a
deferred transaction that wants to write later can fail with BUSY for good), and waits for the other for a bounded time.
The file is in WAL mode with synchronous=FULL: with NORMAL, acknowledged commits are lost in a power cut.

Only the daemon checkpoints the WAL (`checkpoints`): SQLite before 3.51.3 has a bug with two checkpointing connections.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.errors import BugError, MisconfiguredError, OutcomeUnknown, StoreFault, SyncdError

APPLICATION_ID = 0x53594E43  # "SYNC": tells a book from any other SQLite file
SCHEMA_VERSION = 2
CHECKPOINT_PAGES = 1_000  # SQLite's default: a WAL of about 4 MB

BUSY_SECONDS_DAEMON = 0.25  # it waits in the event loop: short, the step is repeated anyway
BUSY_SECONDS_COMMAND = 15.0  # a person waits: longer than the longest import takes

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

SCHEMA = """
CREATE TABLE book (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL,
    epoch TEXT NOT NULL,
    name TEXT NOT NULL
) STRICT;
CREATE TABLE sku (sku TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE location (location TEXT NOT NULL PRIMARY KEY) STRICT;
INSERT INTO location VALUES ('');
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('opening', 'opening_change', 'receipt', 'adjustment', 'move')),
    sku TEXT NOT NULL REFERENCES sku,
    location TEXT NOT NULL REFERENCES location,
    change INTEGER NOT NULL,
    level INTEGER NOT NULL,
    key TEXT UNIQUE,
    reference TEXT NOT NULL,
    at INTEGER NOT NULL,
    CHECK ((kind = 'move') = (key IS NOT NULL))
) STRICT;
CREATE INDEX entry_by_sku ON entry (sku, id);
CREATE UNIQUE INDEX entry_one_opening ON entry (sku, location) WHERE kind = 'opening';
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE level (
    sku TEXT NOT NULL REFERENCES sku,
    location TEXT NOT NULL REFERENCES location,
    quantity INTEGER NOT NULL,
    revision INTEGER NOT NULL REFERENCES entry,
    PRIMARY KEY (sku, location)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX level_by_revision ON level (revision);
CREATE TABLE document (
    key TEXT NOT NULL PRIMARY KEY,
    store TEXT NOT NULL,
    store_order TEXT NOT NULL,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    content TEXT NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
CREATE TABLE shipment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    store TEXT NOT NULL,
    store_order TEXT NOT NULL,
    lines TEXT NOT NULL,
    carrier TEXT NOT NULL,
    tracking TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
"""
UPGRADES = {1: "ALTER TABLE document RENAME COLUMN lines TO content"}
"""From each earlier version to this one. No version 1 ever held a document."""


class BookFile:
    """One process's connection to the file. Not to be shared between threads."""

    def __init__(
        self, path: Path, *, busy_seconds: float = BUSY_SECONDS_DAEMON, checkpoints: bool = True, create: bool = False
    ) -> None:
        """Open the file. With `create` it may be missing or empty; without, a missing file is MisconfiguredError."""
        if not create and not path.is_file():
            raise MisconfiguredError(
                f"there is no stock book at {path}",
                operation="erp.open",
                hint="create it with the command that makes a new stock book, or mount the disk that holds it",
            )
        self.path = path
        self._busy_seconds = busy_seconds
        self._checkpoints = checkpoints
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int] | None = None
        try:
            self._open()
        except SyncdError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; harmless when repeated."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def prepare(self, first_rows: Callable[[sqlite3.Connection], None]) -> None:
        """Make the tables and the first rows if the file is empty; check that it is a book of a version we know."""
        with self.read() as connection:  # a book that is there opens while another process writes to it
            told = (_pragma(connection, "user_version"), _pragma(connection, "application_id"))
        if told == (SCHEMA_VERSION, APPLICATION_ID):
            return
        with self.write() as connection:
            version = _pragma(connection, "user_version")
            foreign = _pragma(connection, "application_id") != APPLICATION_ID
            if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                for statement in _statements(SCHEMA):
                    connection.execute(statement)
                first_rows(connection)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif not foreign and version in UPGRADES:
                connection.execute(UPGRADES[version])
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif foreign or version != SCHEMA_VERSION:
                raise MisconfiguredError(
                    f"{self.path} is no stock book of version {SCHEMA_VERSION} (it says {version})",
                    operation="erp.open",
                    hint="a newer syncd made it, or the path names another file",
                )

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction. All or nothing; on StoreFault surely nothing, on OutcomeUnknown it may be either."""
        connection = self._current()
        with _translated("erp.write"):
            connection.execute("BEGIN IMMEDIATE")
        try:
            with _translated("erp.write"):
                yield connection
            if not connection.in_transaction:  # a full disk can roll a transaction back by itself
                raise StoreFault("the stock book's transaction was rolled back by SQLite", operation="erp.write")
            self._commit(connection)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One read transaction: all its answers are of one instant."""
        connection = self._current()
        with _translated("erp.read"):
            connection.execute("BEGIN")
        try:
            with _translated("erp.read"):
                yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def tidy(self) -> bool:
        """Bring the WAL back into the file and empty it, so that nothing that was overwritten is left. False: somebody reads."""
        connection = self._current()
        with _translated("erp.tidy"):
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if _code(error) in BUSY | {sqlite3.SQLITE_FULL}:
                raise StoreFault(f"the stock book could not commit: {error}", operation="erp.write") from error
            raise OutcomeUnknown(
                f"the stock book's commit failed: {error}", operation="erp.write", hint="look at the disk"
            ) from error

    def _current(self) -> sqlite3.Connection:
        """The connection, opened anew when the path names another file by now: a restored book, not the deleted one."""
        if self._connection is None or _inode(self.path) != self._seen:
            self.close()
            self._open()
        assert self._connection is not None
        return self._connection

    def _open(self) -> None:
        with _translated("erp.open"):
            connection = sqlite3.connect(
                self.path, timeout=self._busy_seconds, isolation_level=None, cached_statements=64
            )
            self._connection = connection
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")  # documents name people: what is erased is overwritten
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES if self._checkpoints else 0}")
            self._seen = _inode(self.path)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one: executescript would commit the transaction that is open."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""


def _inode(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise StoreFault(
            f"the stock book has gone: {error}",
            operation="erp.open",
            hint="mount its disk, or restore it from a backup",
        ) from error
    return status.st_dev, status.st_ino


def _code(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the driver's error carries none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _translated(operation: str) -> Iterator[None]:
    """The driver's errors as ours. Before COMMIT nothing is written, so all but damage is a fault that may pass."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise BugError(f"the stock book's own rules were broken: {error}", operation=operation) from error
    except sqlite3.DatabaseError as error:
        if _code(error) in DAMAGED:
            raise MisconfiguredError(
                f"the stock book is damaged: {error}",
                operation=operation,
                hint="stop syncd, restore the book from a backup and give it a new epoch",
            ) from error
        raise StoreFault(f"the stock book can't be used: {error}", operation=operation) from error
