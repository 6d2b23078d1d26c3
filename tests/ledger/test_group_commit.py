from __future__ import annotations

import sqlite3
from contextlib import suppress

import anyio
import pytest
import sqlalchemy as sa

from syncd.errors import BugError, TransientError
from syncd.ledger.connection import open_sqlite
from syncd.ledger.hop import InlineHop
from tests.ledger.entries import Stopped, add, bad, claim, entries, entry, on_disk, opened
from tests.ledger.stepped_hop import SteppedHop, settle


async def submit(tasks, ledger, *units, results=None):
    """Start a task for each unit; each ends with its result, or its error, in `results`."""

    async def one(place, unit):
        try:
            results[place] = await ledger.run(unit)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[place] = error

    results = {} if results is None else results
    for place, unit in enumerate(units):
        tasks.start_soon(one, place, unit)
    await settle()
    return results


async def test_units_that_wait_together_share_one_commit(folder):
    hop = SteppedHop()
    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, *[add(f"k{n}") for n in range(30)])
        hop.step()  # the first unit went alone: nothing else was there when it came
        hop.step()
        await settle()
    assert ledger.state().commits == 2
    assert ledger.state().units == 30
    assert results == dict.fromkeys(range(30), 1)
    assert on_disk(folder) == {f"k{n}": 1 for n in range(30)}


async def test_no_caller_hears_of_a_unit_before_its_commit(folder):
    hop = SteppedHop()
    seen = []

    def look(connection):
        add("second")(connection)
        seen.append(on_disk(folder))

    ledger = opened(folder, hop)
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("first"), add("group"), look)
        assert on_disk(folder) == {}
        hop.work()
        await settle()
        assert results == {}, "committed, and not delivered yet"
        assert on_disk(folder) == {"first": 1}
        hop.deliver()
        await settle()
        assert results == {0: 1}
        hop.step()
    assert seen == [{"first": 1}], "while the group runs, nobody else sees any of it"
    assert on_disk(folder) == {"first": 1, "group": 1, "second": 1}


async def test_the_writer_thread_serves_many_callers_at_once(folder):
    ledger = opened(folder)
    heard = []

    async def caller(name):
        for _ in range(10):
            value = await ledger.run(add(name))
            heard.append(value <= on_disk(folder)[name])

    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(caller, f"k{n}")
    assert heard == [True] * 200
    assert await ledger.read(entries) == {f"k{n}": 10 for n in range(20)}
    assert ledger.state().commits < 200
    await ledger.close()


async def test_a_bad_unit_fails_alone(folder):
    ledger = opened(folder, InlineHop())
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("a"), add("b"), bad("x"), add("c"), claim("a"), add("b"))
    assert isinstance(results.pop(2), Stopped)
    assert isinstance(results.pop(4), sa.exc.IntegrityError)
    assert results == {0: 1, 1: 1, 3: 1, 5: 2}
    assert on_disk(folder) == {"a": 1, "b": 2, "c": 1}
    assert ledger.state().units_failed == 2


async def test_a_group_stops_when_its_time_is_used_up_and_the_rest_comes_next(folder):
    ledger = opened(folder, InlineHop(), group_seconds=0.0)
    async with anyio.create_task_group() as tasks:
        await submit(tasks, ledger, *[add("k") for _ in range(5)])
    assert ledger.state().groups == 5
    assert on_disk(folder) == {"k": 5}


async def test_a_unit_may_handle_a_violated_constraint(folder):
    def unit(connection):
        add("taken")(connection)
        try:
            claim("taken")(connection)
        except sa.exc.IntegrityError:
            return add("handled")(connection)
        return None

    ledger = opened(folder, InlineHop())
    assert await ledger.run(unit) == 1
    assert on_disk(folder) == {"taken": 1, "handled": 1}


def swallow(statement, error):
    """A unit that goes on after an error with which SQLite rolled back, and writes more."""

    def unit(connection):
        add("before")(connection)
        with suppress(error):
            connection.exec_driver_sql(statement)
        return add("after")(connection)

    return unit


async def test_a_unit_that_swallows_the_end_of_its_transaction_is_noticed_and_leaves_nothing(folder):
    rolls_back = swallow("INSERT OR ROLLBACK INTO entry VALUES ('good', 1)", sa.exc.IntegrityError)
    ledger = opened(folder, InlineHop())
    await ledger.run(add("good"))
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("first"), add("good"), rolls_back, add("good"))
    assert isinstance(results[2], Exception)
    assert (results[1], results[3]) == (2, 3)
    assert on_disk(folder) == {"first": 1, "good": 3}


async def test_a_unit_that_rolls_back_by_itself_fails_alone(folder):
    def unit(connection):
        connection.rollback()
        return add("after")(connection)

    ledger = opened(folder, InlineHop())
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("a"), add("b"), unit, add("c"))
    assert isinstance(results[2], BugError)
    assert on_disk(folder) == {"a": 1, "b": 1, "c": 1}


async def test_a_unit_may_not_commit(folder):
    def unit(connection):
        add("early")(connection)
        connection.commit()

    ledger = opened(folder, InlineHop())
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("a"), add("b"), unit, add("c"))
    assert isinstance(results[2], BugError)
    assert on_disk(folder) == {"a": 1, "b": 1, "c": 1}


async def test_a_bare_commit_inside_a_unit_ends_the_process(folder):
    ends: list = []
    ledger = opened(folder, InlineHop(), fatal=ends.append)
    with pytest.raises(BugError):
        await ledger.run(lambda connection: connection.exec_driver_sql("COMMIT").close())
    assert len(ends) == 1
    with pytest.raises(BugError, match="has stopped"):
        await ledger.run(add("later"))


async def test_a_unit_that_returns_a_cursor_is_a_bug(folder):
    ledger = opened(folder, InlineHop())
    await ledger.run(add("a"))
    with pytest.raises(BugError, match="cursor"):
        await ledger.run(lambda connection: connection.execute(sa.select(entry)))
    with pytest.raises(BugError, match="cursor"):
        await ledger.read(lambda connection: connection.execute(sa.select(entry)))
    assert await ledger.read(entries) == {"a": 1}


class Failing(sqlite3.Connection):
    """A connection whose next commits fail with these result codes."""

    codes: tuple[int, ...] = ()

    def commit(self):
        if self.codes:
            code, *rest = self.codes
            self.codes = tuple(rest)
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = code
            raise error
        super().commit()


def failing_opener(kept):
    def opener(path, *, read_only, busy_timeout_seconds):
        if read_only:
            return open_sqlite(path, read_only=True, busy_timeout_seconds=busy_timeout_seconds)
        kept.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Failing, timeout=0))
        return kept[-1]

    return opener


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT])
async def test_a_commit_that_fails_with_anything_else_ends_the_process(folder, code):
    kept: list = []
    ends: list = []
    ledger = opened(folder, InlineHop(), fatal=ends.append, opener=failing_opener(kept))
    await ledger.run(add("k"))
    kept[-1].codes = (code,)
    with pytest.raises(BugError, match="has stopped"):
        await ledger.run(add("k"))
    assert [error.sqlite_errorcode for error in ends] == [code]
    with pytest.raises(BugError, match="has stopped"):
        await ledger.run(add("k"))


async def test_a_busy_commit_is_tried_again_within_a_bound(folder):
    kept: list = []
    ends: list = []
    ledger = opened(folder, InlineHop(), fatal=ends.append, opener=failing_opener(kept))
    await ledger.run(add("k"))
    kept[-1].codes = (sqlite3.SQLITE_BUSY,) * 2
    assert await ledger.run(add("k")) == 2
    kept[-1].codes = (sqlite3.SQLITE_BUSY,) * 3
    with pytest.raises(TransientError, match="locked"):
        await ledger.run(add("k"))
    assert await ledger.run(add("k")) == 3
    assert ends == []


async def test_a_lock_held_by_another_is_told_and_the_ledger_goes_on_after_it(folder):
    kept: list = []
    ledger = opened(folder, InlineHop(), opener=failing_opener(kept))
    other = sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("a"), add("b"), add("c"))
    assert all(isinstance(result, TransientError) and result.hint for result in results.values())
    other.execute("ROLLBACK")
    other.close()
    assert await ledger.run(add("a")) == 1


async def test_a_full_disk_at_the_commit_fails_the_units_and_spares_the_process(folder):
    kept: list = []
    ends: list = []
    ledger = opened(folder, InlineHop(), fatal=ends.append, opener=failing_opener(kept))
    await ledger.run(add("k"))
    kept[-1].codes = (sqlite3.SQLITE_FULL,) * 4
    async with anyio.create_task_group() as tasks:
        results = await submit(tasks, ledger, add("a"), add("b"), add("c"))
    # The first unit goes alone (one failure); the group of two fails, and so does each of its units alone.
    assert all("the disk is full" in str(result) for result in results.values())
    assert await ledger.run(add("k")) == 2
    assert on_disk(folder) == {"k": 2}
    assert ends == []
