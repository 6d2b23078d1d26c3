"""The real ledger, on a disk that loses power at every single write.

Three callers write through the real `Ledger`; each unit writes two rows that belong together. Then for every recorded
operation of the disk the file is put together as a power cut there could have left it, opened with production's SQLite,
and asked: is each unit there that a caller was told of, is none there by half, is the file sound?
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from random import Random

import anyio
import pytest
import sqlalchemy as sa

from syncd.ledger.connection import CHECKPOINT_PAGES, ledger_path
from syncd.ledger.hop import InlineHop
from tests.ledger.entries import add, entry, opened
from tests.ledger.recording_disk import Acknowledged, Disk, RecordingVFS, all_of_them, none, some_of_them

apsw_driver = pytest.importorskip("tests.ledger.apsw_driver", reason="apsw plays the disk", exc_type=ImportError)

CALLERS = 3
UNITS_EACH = 8
# A checkpoint every few commits instead of every thousand pages, so that cuts fall into checkpoints and WAL restarts too.
EARLY_CHECKPOINTS = {f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}": "PRAGMA wal_autocheckpoint=12"}


def sale(key: str, size: int):
    """Two rows that belong together, over some pages, and a sum that all units share."""

    def unit(connection: sa.Connection) -> None:
        connection.execute(sa.insert(entry), [{"key": f"{key}:{'x' * size}", "value": 1}, {"key": key, "value": 1}])
        add("sum")(connection)

    return unit


async def record(folder: Path, replaced: dict[str, str]) -> Disk:
    """Run the callers on a recording disk; give back what it recorded."""
    disk = Disk({ledger_path(folder).name: bytearray(ledger_path(folder).read_bytes())})
    name = f"recording-{folder.parent.name}-{len(replaced)}"
    vfs = RecordingVFS(name, disk)
    ledger = opened(folder, InlineHop(), opener=apsw_driver.apsw_opener(name, replaced))

    async def caller(number: int) -> None:
        for n in range(UNITS_EACH):
            key = f"k{number}.{n}"
            await ledger.run(sale(key, size=n * 700))
            disk.log.append(Acknowledged(key))

    async with anyio.create_task_group() as tasks:
        for number in range(CALLERS):
            tasks.start_soon(caller, number)
    assert ledger.state().commits < CALLERS * UNITS_EACH, "some units should have shared a commit"
    await ledger.close()  # which checkpoints and deletes the WAL: the power may fail there too
    vfs.unregister()
    return disk


def look(folder: Path) -> tuple[bool, set[str], set[str], int]:
    """After the power came back: is the file sound; the units that are there whole, in part; the sum."""
    connection = sqlite3.connect(ledger_path(folder))
    try:
        sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        keys = [key for (key,) in connection.execute("SELECT key FROM entry WHERE key <> 'sum'")]
        total = connection.execute("SELECT coalesce(sum(value), 0) FROM entry WHERE key = 'sum'").fetchone()[0]
    finally:
        connection.close()
    plain = {key for key in keys if ":" not in key}
    fat = {key.partition(":")[0] for key in keys if ":" in key}
    return sound, plain & fat, plain ^ fat, total


def cut_everywhere(disk: Disk, chance: Random) -> dict[str, int]:
    """Cut the power before each operation, in three ways; count what is wrong."""
    found = {"cuts": 0, "damaged": 0, "units lost": 0, "halves": 0, "wrong sums": 0}
    shared_memory = Path("/dev/shm")
    place = shared_memory if shared_memory.is_dir() else None
    for _, cut in disk.cuts():
        for survives in (none, all_of_them, some_of_them(chance)):
            with tempfile.TemporaryDirectory(dir=place) as folder:
                cut.write_to(Path(folder), survives)
                sound, whole, halves, total = look(Path(folder))
            found["cuts"] += 1
            found["damaged"] += not sound
            found["units lost"] += bool(cut.acknowledged - whole)
            found["halves"] += bool(halves)
            found["wrong sums"] += total != len(whole)
    return found


async def test_a_power_cut_at_any_write_loses_no_acknowledged_unit_and_leaves_no_half(folder):
    disk = await record(folder, EARLY_CHECKPOINTS)
    assert sum(isinstance(operation, Acknowledged) for operation in disk.log) == CALLERS * UNITS_EACH
    assert {operation.name for operation in disk.log if not isinstance(operation, Acknowledged)} >= {
        "ledger.sqlite3",
        "ledger.sqlite3-wal",
    }, "no checkpoint took place"
    found = cut_everywhere(disk, Random(1))
    print(found)
    assert found.pop("cuts") > 300
    assert set(found.values()) == {0}, found


async def test_the_harness_sees_the_loss_when_commits_are_not_synced(folder):
    """synchronous=NORMAL is SQLite's common advice for WAL, and loses what was acknowledged since the last checkpoint."""
    disk = await record(folder, EARLY_CHECKPOINTS | {"PRAGMA synchronous=FULL": "PRAGMA synchronous=NORMAL"})
    found = cut_everywhere(disk, Random(1))
    print(found)
    assert found["units lost"] > 0
    assert found["halves"] == found["damaged"] == 0


async def test_the_ledger_itself_opens_what_a_power_cut_has_left(folder, tmp_path):
    disk = await record(folder, EARLY_CHECKPOINTS)
    for number, cut in disk.cuts():
        if number % 40 == 0:
            after = tmp_path / f"after{number}"
            after.mkdir()
            cut.write_to(after, some_of_them(Random(number)))
            ledger = opened(after, InlineHop())
            for key in cut.acknowledged:
                assert await ledger.run(add(key, 0)) == 1
            assert await ledger.run(add("new")) == 1
            await ledger.close()
            shutil.rmtree(after)
