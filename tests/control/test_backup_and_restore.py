"""Backups: complete or not there at all, and put back so that nothing is counted twice."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import anyio
import pytest

from syncd.clock import SystemClock
from syncd.control import restore as putting
from syncd.control.backup import make_backup, prune, read_manifest
from syncd.control.failure import CommandFailed
from syncd.errors import MisconfiguredError, TransientError
from syncd.ledger import migrate
from syncd.ledger.connection import ledger_path
from syncd.ledger.ledger import RESTORING, open_ledger
from syncd.ledger.lock import ProcessLock
from tests.control.test_command_line import folder, run

__all__ = ["folder"]


class Later(SystemClock):
    """Each look is a second later: backups of one second have one name."""

    seconds = 0

    def wall(self):
        self.seconds += 1
        return super().wall() + self.seconds * 1_000_000


@pytest.fixture
def house(tmp_path):
    """A state directory with a ledger and a stock book, and a place for backups."""
    state = tmp_path / "state"
    ledger = open_ledger(state, clock=SystemClock())
    anyio.run(ledger.close)
    book = state / "erp" / "acme.sqlite3"
    book.parent.mkdir()
    connection = sqlite3.connect(book)
    connection.execute("CREATE TABLE entry (at INTEGER, kind TEXT)")
    connection.commit()
    connection.close()
    return state, {"acme": book}, tmp_path / "backups", Later()


def backed_up(house):
    state, books, folder, clock = house
    return make_backup(state, books, ("acme",), folder, clock)


def epochs(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT restored FROM clock").fetchone()
    finally:
        connection.close()


def test_a_backup_is_complete_private_and_says_what_it_is(house):
    made = backed_up(house)
    manifest = read_manifest(made)
    assert [file.name for file in manifest.files] == ["ledger.sqlite3", "book-acme.sqlite3"]
    assert manifest.files[0].at <= manifest.files[1].at, "the ledger is the older of the two"
    assert (manifest.schema, manifest.tenants) == (migrate.HEAD, ("acme",))
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.iterdir()} == {0o600}
    assert [path.name for path in house[2].iterdir()] == [made.name]


def test_without_a_ledger_nothing_is_left_behind(house):
    state, books, folder, clock = house
    ledger_path(state).unlink()
    with pytest.raises(MisconfiguredError, match="no ledger"):
        make_backup(state, books, (), folder, clock)
    assert list(folder.iterdir()) == []


def test_on_a_full_disk_nothing_half_is_left_behind(house, monkeypatch):
    def full(_source, _destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("syncd.ledger.backup._copy", full)
    with pytest.raises(TransientError, match="the disk is full"):
        backed_up(house)
    assert list(house[2].iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(house, tmp_path):
    (tmp_path / "file").write_text("")
    state, books, _, clock = house
    with pytest.raises(CommandFailed, match="can't be written"):
        make_backup(state, books, (), tmp_path / "file" / "in", clock)


def test_what_a_killed_backup_left_goes_at_the_next_but_not_that_of_one_at_work(house):
    folder = house[2]
    dead, alive = folder / ".syncd-20200101T000000Z.partial", folder / ".syncd-20200102T000000Z.partial"
    for path in (dead, alive):
        path.mkdir(parents=True)
        (path / "ledger.sqlite3.partial").write_text("half")
    descriptor = os.open(alive, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    backed_up(house)
    os.close(descriptor)
    assert not dead.exists()
    assert alive.exists()


def test_the_oldest_beyond_those_kept_go_and_nothing_else(house):
    made = [backed_up(house) for _ in range(4)]
    folder = house[2]
    foreign, torn = folder / "syncd-20200101T000000Z", folder / "syncd-20200102T000000Z"
    shutil.copytree(made[0], foreign)
    text = (foreign / "manifest.json").read_text()
    (foreign / "manifest.json").write_text(text.replace(str(house[0].resolve()), "/another/state"))
    torn.mkdir()
    (torn / "ledger.sqlite3").write_text("no manifest")
    (folder / "notes.txt").write_text("mine")
    (made[0] / "notes.txt").write_text("mine")
    assert prune(folder, house[0], 2) == [made[0].name, made[1].name]
    left = {path.name for path in folder.iterdir()}
    assert left == {made[0].name, made[2].name, made[3].name, foreign.name, torn.name, "notes.txt"}
    assert [path.name for path in made[0].iterdir()] == ["notes.txt"]


def test_a_check_finds_a_changed_byte_a_missing_file_and_a_newer_ledger(house, monkeypatch):
    state, books, _, clock = house
    made = backed_up(house)
    assert putting.inspect(made, state, books, "", clock)["ok"]
    monkeypatch.setattr(migrate, "HEAD", "0001")
    assert "install the newer one" in putting.inspect(made, state, books, "", clock)["problems"][0]
    monkeypatch.undo()
    with (made / "ledger.sqlite3").open("r+b") as stream:
        stream.seek(5_000)
        stream.write(b"\xff\xfe")
    (made / "book-acme.sqlite3").unlink()
    problems = putting.inspect(made, state, books, "", clock)["problems"]
    assert "its checksum differs" in problems[0]
    assert "can't be read" in problems[1]
    with pytest.raises(CommandFailed, match="can't be put back"):
        putting.restore(made, state, books, "", clock, lambda _: None)
    assert not (state / RESTORING).exists()
    with pytest.raises(CommandFailed, match="no complete backup"):
        putting.inspect(state, state, books, "", clock)


def test_a_restore_marks_the_ledger_renews_the_book_and_keeps_what_was_there(house):
    state, books, _, clock = house
    made = backed_up(house)
    (state / "ledger.sqlite3-wal").write_bytes(b"")
    renewed: list[Path] = []
    told = putting.restore(made, state, books, "", clock, renewed.append)
    assert told["restores"] == ["ledger", "acme"]
    assert [path.name for path in renewed] == ["acme.sqlite3.restoring"]
    assert epochs(ledger_path(state))[0] > 0
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "book-acme.sqlite3"} <= set(told["moved"])
    assert not list(state.rglob("*.restoring*"))
    assert not (state / RESTORING).exists()


def test_only_the_ledger_leaves_the_book_as_it_is(house):
    state, books, _, clock = house
    made = backed_up(house)
    before = books["acme"].stat()
    told = putting.restore(made, state, books, "ledger", clock, lambda _: pytest.fail("the book was touched"))
    assert {name.split("-")[0] for name in told["moved"]} == {"ledger.sqlite3"}
    assert books["acme"].stat() == before


def test_an_interrupted_restore_lets_no_daemon_start_and_is_finished_by_the_same_command(house, monkeypatch):
    state, books, _, clock = house
    made = backed_up(house)

    def struck(*_arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "move", struck)
    with pytest.raises(TransientError):
        putting.restore(made, state, books, "", clock, lambda _: None)
    monkeypatch.undo()
    with pytest.raises(MisconfiguredError, match="was interrupted"):
        open_ledger(state, clock=clock)
    putting.restore(made, state, books, "", clock, lambda _: None)
    assert epochs(ledger_path(state))[0] > 0


def test_the_commands_back_up_check_and_put_back(folder, tmp_path):
    (tmp_path / "s.csv").write_text("sku,quantity\nTEA,5\n")
    assert run("erp", "import", str(tmp_path / "s.csv"), folder=folder).returncode == 0
    made = json.loads(run("backup", str(tmp_path / "b"), "--keep", "1", "--json", folder=folder).stdout)
    assert [file["name"] for file in made["files"]] == ["ledger.sqlite3", "book-acme.sqlite3"]
    assert run("erp", "receive", "TEA", "7", folder=folder).returncode == 0
    checked = json.loads(run("restore", made["backup"], "--check", "--json", folder=folder).stdout)
    assert checked["ok"]
    assert checked["lost"] == {"acme: entries by hand since: book them again": 1}
    lock = ProcessLock.acquire(folder / "state")
    busy = run("restore", made["backup"], folder=folder)
    assert (busy.returncode, "is running" in busy.stderr) == (78, True)
    lock.release()
    done = run("restore", made["backup"], "--only", "books", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    levels = json.loads(run("erp", "levels", "--json", folder=folder).stdout)["levels"]
    assert [row["level"] for row in levels] == ["5"]
