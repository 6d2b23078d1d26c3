"""Reading beside the writer: one connection that cannot write, one query at a time, each with a time limit.

A query sees one snapshot. It must end soon: while it runs, the WAL behind its snapshot cannot be written back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import Result

from syncd.errors import BugError, TransientError
from syncd.ledger.faults import INTERRUPTED, code_of, explain
from syncd.ledger.writer import Done, Failed, Outcome, Unit
from syncd.ports.clock import Clock

PROGRESS_INSTRUCTIONS = 1_000  # of SQLite's machine between two looks at the clock: well below a millisecond


class Query:
    """One query with its limit; `abandon` ends it early, from any thread."""

    __slots__ = ("abandoned", "limit_seconds", "unit")

    def __init__(self, unit: Unit[Any], limit_seconds: float) -> None:
        self.unit = unit
        self.limit_seconds = limit_seconds
        self.abandoned = False

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        self.abandoned = True


class Reader:
    """Runs queries on the read-only connection. Used from one thread; opens its connection there."""

    def __init__(self, engine: Engine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._connection: Connection | None = None

    def read(self, query: Query) -> Outcome:
        """Run one query. Never raises an Exception: the outcome carries it."""
        if query.abandoned:
            return Failed(TransientError("the query was given up before it began", operation="ledger"))
        try:
            return Done(self._read(query))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            if code_of(error) == INTERRUPTED:
                slow = TransientError(
                    f"a query took longer than {query.limit_seconds} s",
                    operation="ledger",
                    hint="ask for less: one order, one SKU, a shorter time",
                )
                slow.__cause__ = error
                return Failed(slow)
            return Failed(explain(error))

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._engine.dispose()

    def _read(self, query: Query) -> Any:
        if self._connection is None:
            self._connection = self._engine.connect()
        connection = self._connection
        driver: Any = connection.connection.driver_connection
        deadline = self._clock.monotonic() + query.limit_seconds
        driver.set_progress_handler(
            lambda: query.abandoned or self._clock.monotonic() >= deadline, PROGRESS_INSTRUCTIONS
        )
        try:
            with connection.begin():
                value = query.unit(connection)
            if isinstance(value, Result | Iterator):
                raise BugError("a query returned a cursor: fetch the rows inside it", operation="ledger")
        except BaseException:
            self._drop()  # whatever is left half-read goes with the connection
            raise
        driver.set_progress_handler(None, PROGRESS_INSTRUCTIONS)
        return value

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
