"""Consistent copies of SQLite files in use, by SQLite's backup API alone, while the daemon goes on writing."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from syncd.errors import BugError, MisconfiguredError, TransientError
from syncd.ledger.connection import BUSY_TIMEOUT_SECONDS, ledger_path, open_sqlite

FILE_MODE = 0o600
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def back_up(folder: Path, destination: Path) -> int:
    """Copy the ledger of the state directory `folder` to the new file `destination`; return its size in bytes. As
    `copy_database`. Raises MisconfiguredError when there is no ledger."""
    source = ledger_path(folder)
    if not source.exists():
        raise MisconfiguredError(
            f"there is no ledger in {folder}", operation="backup", hint="is this the state directory?"
        )
    return copy_database(source, destination)


def copy_database(source: Path, destination: Path) -> int:
    """Copy a SQLite file that may be in use to the new file `destination` (mode 0600); return its size in bytes.

    The copy is one snapshot, checked, in a single file without a WAL, and appears under its name only when it is
    complete and on disk. Takes as long as reading the whole file: call it from a process (or a thread) of its own.
    Raises MisconfiguredError when something lies at `destination` or the source is damaged, TransientError when the disk is
    full or the file can't be written; nothing half is left behind then.
    """
    if destination.exists():
        raise MisconfiguredError(f"{destination} exists", operation="backup", hint="backups are never overwritten")
    partial = destination.with_name(destination.name + ".partial")
    forget(partial)
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        _copy(source, partial)
        sync(partial)  # closed by SQLite: opening it ourselves takes no lock away
        partial.rename(destination)
        sync(destination.parent)
    except (sqlite3.Error, OSError) as error:
        raise told(error, destination) from error
    finally:
        forget(partial)
    return destination.stat().st_size


def _copy(source: Path, partial: Path) -> None:
    with (
        closing(open_sqlite(source, read_only=True, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as original,
        closing(open_sqlite(partial, read_only=False, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as copy,
    ):
        original.backup(copy)  # all pages in one read transaction: it blocks no writer
        copy.execute("PRAGMA journal_mode=DELETE")
    if verdict := damage(partial):
        raise BugError(f"the copy of {source.name} is damaged: {verdict}", operation="backup", hint="check the disk")


def damage(path: Path, *, thorough: bool = False) -> str:
    """What is wrong with a SQLite file that nobody uses; "" where nothing is. `thorough`: the indexes too."""
    check = "integrity_check" if thorough else "quick_check"
    try:
        with closing(open_sqlite(path, read_only=True, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as connection:
            verdict = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    return "" if verdict == "ok" else str(verdict)


def told(error: sqlite3.Error | OSError, where: Path) -> TransientError:
    """The error for an operator."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in FULL:
        return TransientError(
            f"the disk is full: {where.parent}", operation="backup", hint="free some space; nothing half is left behind"
        )
    return TransientError(
        f"{where} can't be written: {error}", operation="backup", hint="look at its permissions and its disk"
    )


def forget(path: Path) -> None:
    """Delete a database that is being made, with what SQLite puts beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
