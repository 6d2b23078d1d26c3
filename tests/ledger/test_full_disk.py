from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress

import anyio
import pytest

from syncd.errors import TransientError
from syncd.ledger.connection import open_sqlite
from syncd.ledger.hop import InlineHop
from tests.ledger.entries import add, entries, on_disk, opened
from tests.ledger.stepped_hop import settle


def keeping_opener(kept):
    def opener(path, *, read_only, busy_timeout_seconds):
        connection = open_sqlite(path, read_only=read_only, busy_timeout_seconds=busy_timeout_seconds)
        if not read_only:
            kept.append(connection)
        return connection

    return opener


def fat(key):
    """A unit that needs many pages."""

    def unit(connection):
        add(key)(connection)
        connection.exec_driver_sql("INSERT INTO entry VALUES (? || hex(zeroblob(100000)), 0)", (key,))

    return unit


async def test_on_a_full_disk_units_fail_with_a_hint_and_work_again_when_there_is_room(folder):
    kept: list = []
    ends: list = []
    ledger = opened(folder, InlineHop(), fatal=ends.append, opener=keeping_opener(kept))
    await ledger.run(add("k"))
    pages = kept[-1].execute("PRAGMA page_count").fetchone()[0]
    kept[-1].execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(TransientError, match="the disk is full") as caught:
        await ledger.run(fat("x"))
    assert "free space" in caught.value.hint
    await ledger.run(add("k"))  # what needs no new page still fits
    kept[-1].execute(f"PRAGMA max_page_count={pages + 1_000}")
    await ledger.run(fat("x"))
    assert {key: value for key, value in on_disk(folder).items() if len(key) == 1} == {"k": 2, "x": 1}
    assert ends == []


async def test_a_unit_that_swallows_the_full_disk_is_not_reported_as_done(folder):
    """SQLite rolls the transaction back by itself then: what comes after would be committed on the spot."""

    def greedy(connection):
        add("before")(connection)
        with suppress(Exception):
            fat("x")(connection)
        add("after")(connection)

    kept: list = []
    ledger = opened(folder, InlineHop(), opener=keeping_opener(kept))
    await ledger.run(add("k"))
    pages = kept[-1].execute("PRAGMA page_count").fetchone()[0]
    kept[-1].execute(f"PRAGMA max_page_count={pages}")
    heard = []

    async def caller(unit):
        try:
            await ledger.run(unit)
        except TransientError as error:
            heard.append(str(error))

    async with anyio.create_task_group() as tasks:
        for unit in (add("k"), add("k"), greedy, add("k")):
            tasks.start_soon(caller, unit)
    assert heard == ["the disk is full"]
    assert on_disk(folder) == {"k": 4}
    await ledger.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode()!r}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_disk_that_is_really_full_loses_nothing_and_recovers(small_disk, template):
    folder = shutil.copytree(template, small_disk / "state")
    ends: list = []
    done: dict = {}
    refused: list = []
    ledger = opened(folder, fatal=ends.append)

    async def caller(name):
        for n in range(8):
            try:
                await ledger.run(fat(f"{name}{n}"))
                done[f"{name}{n}"] = 1
            except TransientError as error:
                refused.append(str(error))

    async with anyio.create_task_group() as tasks:
        for name in "abcd":
            tasks.start_soon(caller, name)
    assert set(refused) == {"the disk is full"}
    assert ends == []
    await settle()

    def short(connection):
        return {key: value for key, value in entries(connection).items() if len(key) == 2}

    assert await ledger.read(short) == done
    await anyio.run_process(["mount", "-o", "remount,size=8m", str(small_disk)])
    refused.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(caller, "z")
    assert refused == []
    assert await ledger.read(short) == done
    await ledger.close()
