"""A consistent copy of the ledger, by SQLite's backup API, while the daemon goes on writing."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from syncd.errors import BugError, MisconfiguredError
from syncd.ledger.connection import BUSY_TIMEOUT_SECONDS, ledger_path, open_sqlite


def back_up(folder: Path, destination: Path) -> int:
    """Copy the ledger of the state directory `folder` to the new file `destination`; return its size in bytes.

    The copy is one snapshot, checked, in a single file without a WAL, and appears under its name only when it is
    complete and on disk. Takes as long as reading the whole file: call it from a process (or a thread) of its own.
    Raises MisconfiguredError when there is no ledger, or something lies at `destination`.
    """
    source = ledger_path(folder)
    if not source.exists():
        raise MisconfiguredError(
            f"there is no ledger in {folder}", operation="backup", hint="is this the state directory?"
        )
    if destination.exists():
        raise MisconfiguredError(f"{destination} exists", operation="backup", hint="backups are never overwritten")
    partial = destination.with_name(destination.name + ".partial")
    partial.unlink(missing_ok=True)
    with (
        closing(open_sqlite(source, read_only=True, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as original,
        closing(open_sqlite(partial, read_only=False, busy_timeout_seconds=BUSY_TIMEOUT_SECONDS)) as copy,
    ):
        original.backup(copy)  # all pages in one read transaction: it blocks no writer
        copy.execute("PRAGMA journal_mode=DELETE")
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        partial.unlink()
        raise BugError(f"the copy of the ledger is damaged: {verdict}", operation="backup", hint="check the disk")
    _sync(partial)  # closed by SQLite: opening it ourselves takes no lock away
    partial.rename(destination)
    _sync(destination.parent)
    return destination.stat().st_size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
