"""What the ledger's tables are made of, in a form that SQLite and PostgreSQL serve alike."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def text_column(name: str, default: str | None = None) -> Column[str]:
    """A text, never NULL."""
    return Column(name, Text, nullable=False, server_default=None if default is None else text(f"'{default}'"))


def number_column(name: str, default: int | None = None) -> Column[int]:
    """A whole number of 64 bits, never NULL: an instant, a quantity, a sequence."""
    return Column(name, BigInteger, nullable=False, server_default=None if default is None else text(str(default)))


def flag_column(name: str, default: int = 0) -> Column[int]:
    """A small whole number, never NULL, 0 unless said."""
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def pause_columns() -> tuple[Column[Any], ...]:
    """Beside `paused`: since when, and why (`pauses.py`)."""
    return number_column("paused_at", 0), text_column("paused_reason", "")


def partial_index(name: str, *columns: Column[Any], where: str) -> None:
    """An index over the rows that satisfy `where`: what waits for something to be done."""
    Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
