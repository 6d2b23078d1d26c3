from __future__ import annotations

import sqlite3

import anyio
import pytest
import sqlalchemy as sa

from syncd.clock import SystemClock
from syncd.errors import TransientError
from syncd.ledger.connection import ledger_path, read_engine, write_engine
from syncd.ledger.hop import InlineHop
from syncd.ledger.ledger import READS_WAITING_MAX, open_ledger
from tests.ledger.entries import add, entries, opened
from tests.ledger.stepped_hop import SteppedHop, settle

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def endless(connection):
    return connection.exec_driver_sql(ENDLESS).scalar()


async def test_a_query_that_takes_too_long_is_ended(folder):
    ledger = opened(folder)
    with pytest.raises(TransientError, match=r"longer than 0\.01 s"):
        await ledger.read(endless, limit_seconds=0.01)
    await ledger.run(add("k"))
    assert await ledger.read(entries) == {"k": 1}
    await ledger.close()


class LookCountingClock(SystemClock):
    """Each look at it is a second later, so that a limit is a number of looks."""

    looks = 0

    def monotonic(self):
        self.looks += 1
        return float(self.looks)


async def test_a_cancelled_query_ends_before_its_limit_and_its_cancellation_is_not_swallowed(folder):
    clock = LookCountingClock()
    ledger = open_ledger(folder, clock=clock)
    with anyio.move_on_after(0.01) as waiting:
        await ledger.read(endless, limit_seconds=200_000.0)
    assert waiting.cancelled_caught
    assert clock.looks < 200_000
    assert await ledger.read(entries) == {}
    await ledger.close()


async def test_a_slow_query_delays_no_unit(folder):
    ledger = opened(folder)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: ledger.read(endless, limit_seconds=1_000_000.0))
        await settle()
        for _ in range(5):
            await ledger.run(add("k"))
        tasks.cancel_scope.cancel()
    assert await ledger.read(entries) == {"k": 5}
    await ledger.close()


async def test_a_query_cannot_write(folder):
    ledger = opened(folder, InlineHop())
    with pytest.raises(TransientError, match="readonly"):
        await ledger.read(add("k"))
    assert await ledger.read(entries) == {}


async def test_a_query_sees_one_snapshot(folder):
    ledger = opened(folder, InlineHop())
    other = sqlite3.connect(ledger_path(folder), isolation_level=None)

    def query(connection):
        before = entries(connection)
        other.execute("INSERT INTO entry VALUES ('meanwhile', 1)")
        return before, entries(connection)

    assert await ledger.read(query) == ({}, {})
    assert await ledger.read(entries) == {"meanwhile": 1}
    other.close()


async def test_the_readers_that_wait_are_bounded(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    answers = []

    async def ask():
        answers.append(await ledger.read(entries))

    async with anyio.create_task_group() as tasks:
        for _ in range(READS_WAITING_MAX):
            tasks.start_soon(ask)
        await settle()
        with pytest.raises(TransientError, match="too many"):
            await ledger.read(entries)
        while hop.jobs:
            hop.step()
            await settle()
    assert len(answers) == READS_WAITING_MAX


def pragma(engine, name):
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_the_writer_syncs_each_commit_and_only_it_checkpoints(folder):
    writer, reader = write_engine(ledger_path(folder)), read_engine(ledger_path(folder))
    assert pragma(writer, "journal_mode") == "wal"
    assert pragma(writer, "synchronous") == 2  # FULL
    assert pragma(writer, "foreign_keys") == 1
    assert pragma(writer, "wal_autocheckpoint") > 0
    assert pragma(writer, "journal_size_limit") > 0
    assert pragma(writer, "locking_mode") == "normal"
    assert pragma(reader, "wal_autocheckpoint") == 0
    with reader.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
        connection.exec_driver_sql("INSERT INTO entry VALUES ('k', 1)")
    with reader.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=OFF")  # even then: the file itself is opened for reading
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("INSERT INTO entry VALUES ('k', 1)")


def test_a_rollback_leaves_no_row_behind(folder):
    """The driver's own transactions did: a savepoint without a BEGIN survived the outer rollback."""
    engine = write_engine(ledger_path(folder))
    with engine.connect() as connection:
        with connection.begin() as transaction:
            with connection.begin_nested():
                add("k")(connection)
            transaction.rollback()
        assert entries(connection) == {}
