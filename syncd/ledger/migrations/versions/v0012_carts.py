"""Carts, and what they keep from other shops for a while.

Revision: 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=None if default is None else sa.text(f"'{default}'"))


def _number(name: str, default: int | None = None) -> sa.Column[int]:
    server_default = None if default is None else sa.text(str(default))
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=server_default)


def _flag(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "cart",
        _text("tenant"),
        _text("store"),
        _text("cart"),
        _text("state"),
        _text("content"),
        _text("order", ""),
        _number("began", 0),
        _flag("missing"),
        sa.Column("look", sa.BigInteger, nullable=True),
        _number("seen"),
        _number("ended", 0),
        sa.PrimaryKeyConstraint("tenant", "store", "cart", name=op.f("pk_cart")),
        sqlite_with_rowid=False,
    )
    waits = sa.text("look IS NOT NULL")
    op.create_index("ix_cart_look", "cart", ["tenant", "store", "look"], sqlite_where=waits, postgresql_where=waits)
    op.create_index("ix_cart_ended", "cart", ["tenant", "ended"])
    op.create_index("ix_cart_state", "cart", ["tenant", "store", "state"])
    op.create_table(
        "cart_hold",
        _text("tenant"),
        _text("store"),
        _text("cart"),
        _text("line"),
        _flag("part"),
        _text("sku"),
        _text("location"),
        _number("units"),
        _number("until"),
        _number("share"),
        sa.PrimaryKeyConstraint("tenant", "store", "cart", "line", "part", name=op.f("pk_cart_hold")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cart_hold_sku", "cart_hold", ["tenant", "location", "sku"])
    op.create_index("ix_cart_hold_until", "cart_hold", ["tenant", "store", "until"])
    if op.get_bind().dialect.name == "sqlite":
        _tell_sqlite_how_it_grows()


def _tell_sqlite_how_it_grows() -> None:
    """As in 0001: of a tenant with some thousand carts, a few of which hold something."""
    for table, index, sizes in (
        ("cart", "cart", "20000 20000 7000 1"),
        ("cart", "ix_cart_look", "5000 5000 2000 1"),
        ("cart", "ix_cart_ended", "20000 20000 2"),
        ("cart", "ix_cart_state", "20000 20000 7000 2000"),
        ("cart_hold", "cart_hold", "5000 5000 2000 3 1 1"),
        ("cart_hold", "ix_cart_hold_sku", "5000 5000 5000 5"),
        ("cart_hold", "ix_cart_hold_until", "5000 5000 2000 1"),
    ):
        op.execute(f"INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{sizes}')")  # noqa: S608 - our own words
    op.execute("ANALYZE sqlite_schema")  # reads it
