"""The statements of the daemon's steps: written once, run by the driver.

SQLAlchemy builds, hashes and expands a statement anew for each execution; for a page of a hundred orders that was more
work than SQLite's own, and for a question of one row five times as much. The SQL is the same for SQLite and PostgreSQL but
for the placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Table

from syncd.errors import BugError

_PLACEHOLDERS = {"qmark": "?", "format": "%s", "pyformat": "%s"}
_NAMES_MAX = 512  # values in one IN list: SQLite allows 32,766, and a prepared statement this long is still small
_NAMES_MIN = 8  # lists are filled up to a power of two from here, so that few statements have to be prepared


class Rows:
    """Inserts or upserts tuples of `columns` into a table. On a conflict with the primary key, `update` columns change
    (default: all that aren't in the key; none: the row stays as it is)."""

    def __init__(self, table: Table, columns: Sequence[str], *, update: Sequence[str] | None = None) -> None:
        keys = [column.name for column in table.primary_key.columns]
        unknown = set(columns) - set(table.columns.keys())
        if unknown or not set(keys) <= set(columns):
            raise BugError(f"rows of {table.name}: unknown {unknown}, keys {keys}")
        changing = [name for name in columns if name not in keys] if update is None else list(update)
        names = ", ".join(f'"{name}"' for name in columns)
        conflict = ", ".join(f'"{name}"' for name in keys)
        setting = ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
        action = f"DO UPDATE SET {setting}" if changing else "DO NOTHING"
        head = f'INSERT INTO "{table.name}" ({names}) VALUES '  # noqa: S608 - names from the schema, no values
        self._statements = {
            style: f"{head}({', '.join([mark] * len(columns))}) ON CONFLICT ({conflict}) {action}"
            for style, mark in _PLACEHOLDERS.items()
        }

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write the rows; nothing happens for none."""
        if rows:
            connection.exec_driver_sql(self._statements[connection.dialect.paramstyle], list(rows))


class OneRow:
    """Changes columns of the row with this primary key."""

    def __init__(self, table: Table) -> None:
        keys = " AND ".join([f'"{column.name}" = :key' for column in table.primary_key.columns])
        self._head = f'UPDATE "{table.name}" SET '  # noqa: S608 - names from the schema, no values
        self._tail = f" WHERE {keys}"
        self._columns = frozenset(table.columns.keys())

    def change(self, connection: Connection, key: Sequence[object], values: Mapping[str, object]) -> None:
        """Set these columns. `key` in the order of the primary key's columns. Raises BugError for an unknown column."""
        if not values.keys() <= self._columns:
            raise BugError(f"{self._head} unknown columns: {values.keys() - self._columns}")
        mark = _PLACEHOLDERS[connection.dialect.paramstyle]
        setting = ", ".join([f'"{name}" = {mark}' for name in values])
        connection.exec_driver_sql(f"{self._head}{setting}{self._tail.replace(':key', mark)}", (*values.values(), *key))


class Statement:
    """One statement: `sql` has `:name` for its values."""

    def __init__(self, sql: str) -> None:
        parts = re.split(r":([a-z_]+)", sql)
        self._names = parts[1::2]
        self._texts = {style: mark.join(parts[::2]) for style, mark in _PLACEHOLDERS.items()}

    def read(self, connection: Connection, **values: object) -> Sequence[Any]:
        """The rows."""
        return self._run(connection, values).all()

    def one(self, connection: Connection, **values: object) -> Any:
        """The only row, or None without one."""
        return self._run(connection, values).one_or_none()

    def scalars(self, connection: Connection, **values: object) -> list[Any]:
        """The rows' only column."""
        return [value for (value,) in self._run(connection, values).all()]

    def scalar(self, connection: Connection, **values: object) -> Any:
        """The only row's only column, or None without a row."""
        row = self._run(connection, values).one_or_none()
        return None if row is None else row[0]

    def change(self, connection: Connection, **values: object) -> int:
        """Run it; returns how many rows it changed."""
        return self._run(connection, values).rowcount

    def change_each(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
        """Run it for each of these values; nothing happens for none."""
        given = [tuple([row[name] for name in self._names]) for row in rows]
        if given:
            connection.exec_driver_sql(self._texts[connection.dialect.paramstyle], given)

    def _run(self, connection: Connection, values: Mapping[str, object]) -> CursorResult[Any]:
        given = tuple([values[name] for name in self._names])
        return connection.exec_driver_sql(self._texts[connection.dialect.paramstyle], given)


class Among:
    """A statement about the rows whose `key` is among many values: `sql` has `:name` for other values, `:among` for the
    list. Long lists go in several statements, and a list is filled up with its last value, so few texts are prepared."""

    def __init__(self, sql: str) -> None:
        head, self._tail = sql.split(":among")
        self._parts = re.split(r":([a-z_]+)", head)
        if ":" in self._tail:
            raise BugError(f"values after the list: {sql}")

    def read(self, connection: Connection, names: Iterable[object], **values: object) -> list[Any]:
        """The rows, of all lists together."""
        return [row for found in self._run(connection, names, values) for row in found.all()]

    def change(self, connection: Connection, names: Iterable[object], **values: object) -> int:
        """Run it; returns how many rows it changed."""
        return sum(found.rowcount for found in self._run(connection, names, values))

    def _run(
        self, connection: Connection, names: Iterable[object], values: Mapping[str, object]
    ) -> Iterator[CursorResult[Any]]:
        mark = _PLACEHOLDERS[connection.dialect.paramstyle]
        head = mark.join(self._parts[::2])
        fixed = [values[name] for name in self._parts[1::2]]
        wanted = list(names)
        for start in range(0, len(wanted), _NAMES_MAX):
            some = wanted[start : start + _NAMES_MAX]
            some += some[-1:] * (max(_NAMES_MIN, 1 << (len(some) - 1).bit_length()) - len(some))
            marks = ", ".join([mark] * len(some))
            yield connection.exec_driver_sql(f"{head}({marks}){self._tail}", (*fixed, *some))
