"""The ledger's driver on apsw instead of the standard library, because apsw lets Python play the disk.

apsw carries a newer SQLite than production's Python does. So what a power cut test proves is proved of our own code and
of that SQLite; the files that it leaves are read back with production's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from syncd.ledger.connection import Opener


def _translate(error: apsw.Error) -> sqlite3.Error:
    kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
    translated = kind(str(error))
    translated.sqlite_errorcode = getattr(error, "extendedresult", getattr(error, "result", 1))
    return translated


class Cursor:
    arraysize = 1

    def __init__(self, connection: apsw.Connection, replaced: Mapping[str, str]) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._replaced = replaced
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        try:
            self._cursor.execute(self._replaced.get(statement, statement), tuple(parameters))
        except apsw.Error as error:
            raise _translate(error) from error
        try:
            self.description = [(name, *[None] * 6) for name, *_ in self._cursor.getdescription()]
        except apsw.ExecutionCompleteError:
            self.description = None
        self.rowcount = self._connection.changes()
        self.lastrowid = self._connection.last_insert_rowid()
        return self

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        for row in rows:
            self.execute(statement, row)
        return self

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchmany(self, size: int = 1) -> list[Any]:
        rows = (self._cursor.fetchone() for _ in range(size))
        return [row for row in rows if row is not None]

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def close(self) -> None:
        self._cursor.close()


class Connection:
    isolation_level = None

    def __init__(self, path: Path, *, read_only: bool, vfs: str, replaced: Mapping[str, str]) -> None:
        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self.apsw = apsw.Connection(str(path), flags=flags, vfs=vfs)
        self._replaced = replaced

    @property
    def in_transaction(self) -> bool:
        return self.apsw.in_transaction

    @property
    def total_changes(self) -> int:
        return self.apsw.total_changes()

    def cursor(self) -> Cursor:
        return Cursor(self.apsw, self._replaced)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self.cursor().execute(statement, parameters)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, *_: Any, **__: Any) -> None:
        """SQLAlchemy registers functions that the ledger doesn't use."""

    def set_progress_handler(self, handler: Callable[[], bool] | None, instructions: int) -> None:
        self.apsw.set_progress_handler(handler, instructions)

    def close(self) -> None:
        self.apsw.close()


def apsw_opener(vfs: str, replaced: Mapping[str, str] | None = None) -> Opener:
    """Open the ledger's connections on apsw's `vfs`; `replaced`: statements to be run instead of others."""

    def opener(path: Path, *, read_only: bool, busy_timeout_seconds: float) -> Connection:
        connection = Connection(path, read_only=read_only, vfs=vfs, replaced=replaced or {})
        connection.apsw.set_busy_timeout(int(busy_timeout_seconds * 1_000))
        return connection

    return opener
