"""The ledger's only writer: it runs units of work in groups, one transaction and one sync for each group.

A *unit* is a function of a connection. It reads what it needs, decides, and writes; it awaits nothing, does no I/O of
its own and keeps no memory, because it may run twice: a group has no savepoints (they doubled its cost), so when
anything goes wrong the whole group is rolled back and each of its units runs again in a transaction of its own. A bad
unit fails alone, and the others never know.

Three ways in which a transaction can end behind the writer's back are watched for, after each unit:

- SQLite rolls back by itself on some errors (a full disk, a failing one). A unit that swallows such an error would
  otherwise report what is gone, and its next statement would be committed on the spot, outside any transaction.
- The unit rolls back through SQLAlchemy: its neighbours' work is gone too.
- The unit commits. Through SQLAlchemy that is refused; by a bare COMMIT it has made durable what was not acknowledged,
  and running the group again might do it twice: the process ends, and the next one reads what there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, RootTransaction, event
from sqlalchemy.engine import ExceptionContext, Result

from syncd.core.quantity import SECOND
from syncd.errors import BugError
from syncd.ledger import seen
from syncd.ledger.faults import BUSY, FULL, Fatal, code_of, explain, is_corruption
from syncd.ports.clock import Clock

T = TypeVar("T")
Unit: TypeAlias = Callable[[Connection], T]
"""A re-runnable piece of work in a transaction: no await, no I/O, no memory of its own."""

GROUP_SECONDS = 0.02  # a group takes no further unit after this long: what it has done waits for its commit
BUSY_TRIES_MAX = 3  # each waits the busy timeout; after that it is not a passing lock, and the callers should know


@dataclass(frozen=True, slots=True)
class Done:
    """The unit is committed; `value` is what it returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing of the unit is in the ledger."""

    error: Exception


Outcome: TypeAlias = Done | Failed


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a group: outcomes of its first units (the others were not started), and how long its commit took."""

    outcomes: list[Outcome]
    commits: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One transaction. `blame`: whether a unit may be at fault, so that running them one by one can help."""

    values: list[Any]
    started: int
    error: Exception | None = None
    blame: bool = False


class Writer:
    """Runs units on the one connection that writes. Used from one thread; opens its connection there."""

    def __init__(self, engine: Engine, *, clock: Clock, fatal: Fatal, group_seconds: float = GROUP_SECONDS) -> None:
        self._engine = engine
        self._clock = clock
        self._fatal = fatal
        self._group_seconds = group_seconds
        self._connection: Connection | None = None
        self._in_unit = False
        self._committing = False
        self._lost: BaseException | None = None  # the error with which SQLite ended the transaction by itself
        self._broken: BaseException | None = None
        self._noted = 0  # the instant of the last note of the time
        event.listen(engine, "commit", self._refuse_commit)
        event.listen(engine, "handle_error", self._note_error)

    def write(self, units: Sequence[Unit[Any]]) -> Written:
        """Run `units` and commit them. Never raises an Exception: each unit that was started has its outcome."""
        began = self._clock.monotonic()
        group = self._attempt(units)
        commits = 1
        outcomes: list[Outcome]
        if group.error is None:
            outcomes = [Done(value) for value in group.values]
        elif not group.blame or group.started == 1:
            outcomes = [Failed(group.error) for _ in range(group.started)]
        else:
            outcomes = [self._alone(unit) for unit in units[: group.started]]
            commits = sum(isinstance(outcome, Done) for outcome in outcomes)
        return Written(outcomes, commits, self._clock.monotonic() - began)

    def tidy(self, *, compact: bool) -> Outcome:
        """Bring the WAL back into the ledger and empty it, so that nothing that was overwritten is left in it; with `compact`
        write the ledger's file anew first. Between two groups. Done(False): somebody reads, and the WAL is still there."""
        try:
            if self._broken is not None:
                raise _stopped(self._broken)
            if self._connection is None:
                self._connection = self._engine.connect()
            driver = _driver(self._connection)
            if compact:
                driver.execute("VACUUM")
            return Done(driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        except Exception as error:  # noqa: BLE001 - the caller gets it
            self._end_if_corrupt(error)
            return Failed(explain(error))

    def close(self) -> None:
        """Close the connection. The last one to close checkpoints the WAL into the ledger."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _alone(self, unit: Unit[Any]) -> Outcome:
        attempt = self._attempt([unit])
        return Done(attempt.values[0]) if attempt.error is None else Failed(attempt.error)

    def _attempt(self, units: Sequence[Unit[Any]]) -> _Attempt:
        if self._broken is not None:
            return _Attempt([], len(units), _stopped(self._broken))
        try:
            connection, transaction = self._begin()
        except Exception as error:  # noqa: BLE001 - the callers get it
            self._end_if_corrupt(error)
            return _Attempt([], len(units), explain(error))
        values: list[Any] = []
        started = 0
        blame = True
        changes = _driver(connection).total_changes
        try:
            deadline = self._clock.monotonic() + self._group_seconds
            for unit in units:
                if started and self._clock.monotonic() >= deadline:
                    break
                started += 1
                values.append(self._run(unit, connection, transaction))
            blame = False
            noted = self._note_time(connection, changes)
            self._commit(connection, transaction)
            self._noted = noted
        except Exception as error:  # noqa: BLE001 - the callers get it
            self._end_if_corrupt(error)
            return _Attempt([], started, explain(error), blame=blame or code_of(error) == FULL)
        else:
            return _Attempt(values, started)
        finally:
            self._roll_back(connection)

    def _note_time(self, connection: Connection, changes: int) -> int:
        """Say in the ledger how late it is, where something is written anyway. Returns when it was said last."""
        now = self._clock.now()
        if _driver(connection).total_changes == changes or now < self._noted + seen.SEEN_SECONDS * SECOND:
            return self._noted
        seen.note(connection, now)
        return now

    def _begin(self) -> tuple[Connection, RootTransaction]:
        """A transaction that holds the write lock. Nothing has happened before it, so a lock is simply waited for again."""
        self._lost = None
        if self._connection is None:
            self._connection = self._engine.connect()
        for tries_left in reversed(range(BUSY_TRIES_MAX)):
            try:
                return self._connection, self._connection.begin()
            except Exception as error:
                self._roll_back(self._connection)
                if code_of(error) != BUSY or not tries_left:
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def _run(self, unit: Unit[Any], connection: Connection, transaction: RootTransaction) -> Any:
        self._in_unit = True
        try:
            value = unit(connection)
        finally:
            self._in_unit = False
        if self._lost is not None:
            if code_of(self._lost) is not None and isinstance(self._lost, Exception):
                raise explain(self._lost)
            raise BugError("a unit went on after an error that had ended its transaction", operation="ledger")
        if connection.get_transaction() is not transaction or not transaction.is_active:
            raise BugError("a unit ended its transaction itself", operation="ledger")
        if not _driver(connection).in_transaction:
            self._end(BugError("a unit ended its transaction behind the ledger's back", operation="ledger"))
        if isinstance(value, Result | Iterator):
            # A cursor that outlives its unit pins the WAL (8.7 MB were seen) or reads after the fact.
            raise BugError("a unit returned a cursor: fetch the rows inside it", operation="ledger")
        return value

    def _commit(self, connection: Connection, transaction: RootTransaction) -> None:
        """COMMIT. After any failure but a full disk and a lock nobody knows whether it is on disk: the process ends."""
        for tries_left in reversed(range(BUSY_TRIES_MAX)):
            try:
                _driver(connection).commit()
            except Exception as error:
                code = code_of(error)
                if code == FULL or (code == BUSY and not tries_left):
                    raise
                if code != BUSY:
                    self._end(error)
            else:
                break
        self._committing = True
        try:
            transaction.commit()  # SQLAlchemy's own bookkeeping: at the driver nothing is open any more
        finally:
            self._committing = False

    def _roll_back(self, connection: Connection) -> None:
        """Leave no transaction open, whatever state SQLAlchemy and the driver are in. A failure here ends the process."""
        try:
            if connection.get_transaction() is not None:  # in_transaction() overlooks one whose commit was refused
                connection.rollback()
            if _driver(connection).in_transaction:
                _driver(connection).rollback()
        except Exception as error:  # noqa: BLE001 - `_broken` refuses whatever comes next
            if self._broken is None:
                self._broken = error
                self._fatal(error)

    def _end(self, error: Exception) -> None:
        """End the process; where a test's `fatal` returns, nothing goes on either."""
        self._broken = error
        self._fatal(error)
        raise _stopped(error)

    def _end_if_corrupt(self, error: Exception) -> None:
        if self._broken is None and is_corruption(error):
            self._broken = error
            self._fatal(error)

    def _refuse_commit(self, _connection: Connection) -> None:
        if not self._committing:
            raise BugError("a unit may not commit: the writer does, for the whole group", operation="ledger")

    def _note_error(self, context: ExceptionContext) -> None:
        """Notice an error with which SQLite has ended the transaction, and let nothing that follows be committed by itself."""
        if not self._in_unit or context.connection is None or _driver(context.connection).in_transaction:
            return
        self._lost = context.sqlalchemy_exception or context.original_exception
        try:
            _driver(context.connection).execute("BEGIN IMMEDIATE")
        except Exception as error:  # noqa: BLE001 - `_broken` refuses whatever comes next
            self._broken = error
            self._fatal(error)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _stopped(cause: BaseException) -> BugError:
    error = BugError(f"the ledger has stopped: {cause}", operation="ledger", hint="restart syncd, and look at the disk")
    error.__cause__ = cause
    return error
