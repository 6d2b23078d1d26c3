from __future__ import annotations

import sqlite3

import anyio
import pytest

from syncd.errors import MisconfiguredError
from syncd.ledger.backup import back_up
from syncd.ledger.connection import ledger_path
from tests.ledger.entries import add, opened


def pair(n):
    def unit(connection):
        add(f"left {n}")(connection)
        add(f"right {n}")(connection)

    return unit


async def test_a_copy_beside_a_working_ledger_is_whole_and_is_a_ledger(folder, tmp_path):
    ledger = opened(folder)
    sizes = []

    async def write():
        for n in range(30):
            await ledger.run(pair(n))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        for n in range(5):
            await ledger.ping()
            sizes.append(back_up(folder, tmp_path / f"copy{n}"))
    await ledger.close()
    for n, size in enumerate(sizes):
        copy = tmp_path / f"copy{n}"
        assert copy.stat().st_size == size
        connection = sqlite3.connect(f"file:{copy}?mode=ro", uri=True)
        keys = {key for (key,) in connection.execute("SELECT key FROM entry")}
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        assert {key.replace("left", "right") for key in keys if "left" in key} == {
            key for key in keys if "right" in key
        }
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"copy{n}" for n in range(5)] + ["state"]

    restored = tmp_path / "restored"
    restored.mkdir()
    (tmp_path / "copy4").rename(ledger_path(restored))
    again = opened(restored)
    await again.run(pair(99))
    await again.close()


def test_a_backup_overwrites_nothing_and_needs_a_ledger(folder, tmp_path):
    back_up(folder, tmp_path / "copy")
    with pytest.raises(MisconfiguredError, match="exists"):
        back_up(folder, tmp_path / "copy")
    with pytest.raises(MisconfiguredError, match="no ledger"):
        back_up(tmp_path / "elsewhere", tmp_path / "other")
