"""Run as a process of its own: migrate a ledger again and again, each time killed (SIGKILL) before another statement.

Arguments: the state directory to start from (it is copied each time), a folder to work in, the head, the folder of
the migration scripts, and how many statements lie between two kills. Prints a JSON list: for each kill what the next opening finds. Each attempt is a forked child, so that the
imports are paid once; this process itself has one thread and never opens the file while a child has it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import event

from syncd.ledger import migrate
from syncd.ledger.connection import ledger_path, write_engine

STATEMENTS_MAX = 500  # no migration has more; a loop that never ends would


def attempt(folder: Path, head: str, scripts: Path, fuse: int) -> None:
    """In the child: migrate, and die before statement number `fuse` (or after the last)."""
    engine = write_engine(ledger_path(folder))
    left = fuse

    def burn(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", burn)
    event.listen(engine, "commit", burn)
    migrate.upgrade(engine, head=head, scripts=scripts)


def tables(folder: Path) -> list[list[str]]:
    with closing(sqlite3.connect(ledger_path(folder))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [list(row) for row in connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]


def main(start: Path, work: Path, head: str, scripts: Path, stride: int) -> None:
    found = []
    for fuse in range(0, STATEMENTS_MAX, stride):
        folder = work / str(fuse)
        if start.is_dir():
            shutil.copytree(start, folder)
        else:
            folder.mkdir(parents=True)
        child = os.fork()
        if child == 0:
            try:
                attempt(folder, head, scripts, fuse)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        left = tables(folder)
        engine = write_engine(ledger_path(folder))
        migrate.upgrade(engine, head=head, scripts=scripts)
        found.append({"killed": killed, "left": left, "then": tables(folder), "head": migrate.current(engine)})
        shutil.rmtree(folder)
        if not killed:
            break
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
