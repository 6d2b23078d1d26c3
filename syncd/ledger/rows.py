"""Writing many rows of one table: the statement is compiled once, the driver runs it over tuples.

SQLAlchemy's own executemany costs several times as much per row, and the order step writes thousands of rows a second.
The SQL is the same for SQLite and PostgreSQL but for the placeholder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table

from syncd.errors import BugError

_PLACEHOLDERS = {"qmark": "?", "format": "%s", "pyformat": "%s"}


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
