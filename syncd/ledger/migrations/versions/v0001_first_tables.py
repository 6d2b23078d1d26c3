"""The first tables: what `schema.py` said when they were made, written out once and never changed again.

Revision: 0001.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_lease()
    _create_store()
    _create_clock()
    _create_erp()
    _create_orders()
    _create_line()
    _create_move()
    _create_listing()
    _create_item()
    _create_ingredient()
    _create_reading()
    _create_taking()
    _create_level_write()
    _create_erp_level()
    _create_quarantine()
    _create_drift()
    _create_payload()
    if op.get_bind().dialect.name == "sqlite":
        _tell_sqlite_how_it_grows()


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=None if default is None else sa.text(f"'{default}'"))


def _number(name: str, default: int | None = None) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, nullable=False, server_default=None if default is None else sa.text(str(default))
    )


def _maybe_number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=True)


def _flag(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text(str(default)))


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _tell_sqlite_how_it_grows() -> None:
    """Rows in each index, and rows for each prefix of its columns, as in a ledger of some years: SQLite plans by these (it
    takes an empty ledger's indexes for equally good, and would walk through all moves ever made to find those that wait)."""
    op.execute("ANALYZE")  # makes sqlite_stat1
    for table, index, sizes in (
        ("orders", "orders", "500000 500000 150000 1"),
        ("orders", "ix_orders_living", "1000 1000 300 1"),
        ("line", "line", "1000000 1000000 300000 2 1 1"),
        ("line", "ix_line_open", "100 100 2"),
        ("move", "move", "1000000 1000000 300000 2 1 1"),
        ("move", "ix_move_waiting", "100 100 1"),
        ("move", "ix_move_confirmed", "1000000 1000000 500 1"),
        ("move", "ix_move_doubt", "10 10 2"),
    ):
        op.execute(f"INSERT INTO sqlite_stat1 VALUES ('{table}', '{index}', '{sizes}')")  # noqa: S608 - our own words
    op.execute("ANALYZE sqlite_schema")  # reads it


def _create_lease() -> None:
    op.create_table(
        "lease",
        _text("tenant"),
        _number("epoch"),
        _text("holder"),
        _number("expires"),
        _number("reading", 0),
        _number("sequence", 0),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_lease")),
    )


def _create_store() -> None:
    op.create_table(
        "store",
        _text("tenant"),
        _text("store"),
        _text("identity"),
        _text("state"),
        _text("mode"),
        _number("cutover"),
        _number("cursor"),
        _number("drained"),
        _text("resume"),
        _text("behaviour"),
        _number("approved", 0),
        _text("brake", ""),
        _flag("paused"),
        _number("swept", 0),
        _number("catalogued", 0),
        sa.PrimaryKeyConstraint("tenant", "store", name=op.f("pk_store")),
    )


def _create_clock() -> None:
    op.create_table("clock", _flag("id"), _number("seen"), sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")))


def _create_erp() -> None:
    op.create_table(
        "erp",
        _text("tenant"),
        _text("identity"),
        _text("epoch"),
        _text("cursor", ""),
        _number("watched", 0),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_erp")),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        _text("tenant"),
        _text("store"),
        _text("order"),
        _number("created"),
        _text("key"),
        _number("modified"),
        _text("phase"),
        _text("status"),
        _text("cart"),
        _number("reading"),
        _number("read_at"),
        _bytes("content"),
        _number("batch", 0),
        _flag("place"),
        _flag("rules_version"),
        _flag("mapper_version"),
        _flag("baseline"),
        _flag("missing"),
        sa.PrimaryKeyConstraint("tenant", "store", "order", name=op.f("pk_orders")),
        sqlite_with_rowid=False,
    )
    living = _where("phase IN ('draft', 'pending', 'placed', 'paid')")
    op.create_index("ix_orders_living", "orders", ["tenant", "store", "read_at"], **living)


def _create_line() -> None:
    op.create_table(
        "line",
        _text("tenant"),
        _text("store"),
        _text("order"),
        _text("line"),
        _flag("part"),
        _text("product"),
        _text("item"),
        _text("sku"),
        _text("location"),
        _number("factor"),
        _flag("lead"),
        _number("quantity"),
        _number("commitment"),
        _number("confirmed"),
        _number("taken"),
        _number("claim"),
        _number("hold"),
        _number("hold_until"),
        _text("state"),
        _text("rule"),
        _flag("open"),
        _flag("moves"),
        _number("shipped", 0),
        sa.PrimaryKeyConstraint("tenant", "store", "order", "line", "part", name=op.f("pk_line")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_line_open", "line", ["tenant", "sku"], **_where("open = 1"))


def _create_move() -> None:
    op.create_table(
        "move",
        _text("tenant"),
        _text("store"),
        _text("order"),
        _text("line"),
        _flag("n"),
        _flag("part"),
        _text("sku"),
        _text("location"),
        _number("change"),
        _text("key"),
        _text("state"),
        _number("seq"),
        _number("reading"),
        _text("rule"),
        _number("epoch", 0),
        _number("planned_at"),
        _number("sent_at", 0),
        _number("dead_at", 0),
        _number("confirmed_at", 0),
        _number("retry_at", 0),
        _flag("attempts"),
        _flag("doubt"),
        _text("reason", ""),
        _text("erp_ref", ""),
        sa.PrimaryKeyConstraint("tenant", "store", "order", "line", "n", name=op.f("pk_move")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_move_confirmed", "move", ["tenant", "sku", "confirmed_at"], **_where("state = 'confirmed'"))
    op.create_index("ix_move_doubt", "move", ["tenant", "sku"], **_where("doubt = 1"))
    op.create_index("ix_move_waiting", "move", ["tenant", "seq"], **_where("state IN ('intended', 'sent')"))


def _create_listing() -> None:
    op.create_table(
        "listing",
        _text("tenant"),
        _text("store"),
        _text("product"),
        _text("item"),
        _text("sku"),
        _text("name"),
        _flag("digital"),
        _number("seen"),
        sa.PrimaryKeyConstraint("tenant", "store", "product", name=op.f("pk_listing")),
    )


def _create_item() -> None:
    op.create_table(
        "item",
        _text("tenant"),
        _text("store"),
        _text("item"),
        _text("sku"),
        _text("recipe"),
        _text("name"),
        _flag("active", 1),
        _maybe_number("due"),
        _number("read_at", 0),
        _flag("needs_absolute"),
        _number("refused_at", 0),
        _number("accepted", 0),
        _text("trouble", ""),
        _maybe_number("shown"),
        sa.PrimaryKeyConstraint("tenant", "store", "item", name=op.f("pk_item")),
    )
    op.create_index("ix_item_due", "item", ["tenant", "store", "due"], **_where("due IS NOT NULL"))
    op.create_index("ix_item_read", "item", ["tenant", "store", "read_at"])


def _create_ingredient() -> None:
    op.create_table(
        "ingredient",
        _text("tenant"),
        _text("sku"),
        _text("store"),
        _text("item"),
        _number("factor"),
        sa.PrimaryKeyConstraint("tenant", "sku", "store", "item", name=op.f("pk_ingredient")),
    )


def _create_reading() -> None:
    op.create_table(
        "reading",
        _text("tenant"),
        _text("store"),
        _text("item"),
        _number("began"),
        _number("ended"),
        _number("level"),
        _number("write", 0),
        sa.PrimaryKeyConstraint("tenant", "store", "item", "began", "write", name=op.f("pk_reading")),
    )


def _create_taking() -> None:
    op.create_table(
        "taking",
        _text("tenant"),
        _text("store"),
        _text("item"),
        _number("seq"),
        _text("order"),
        _text("line"),
        _number("began"),
        _number("ended"),
        _number("was"),
        _number("low"),
        _number("high"),
        _number("least"),
        _number("most"),
        _flag("plain"),
        sa.PrimaryKeyConstraint("tenant", "store", "item", "seq", name=op.f("pk_taking")),
    )


def _create_level_write() -> None:
    op.create_table(
        "level_write",
        _text("tenant"),
        _text("store"),
        _text("item"),
        _number("seq"),
        _text("key"),
        _text("state"),
        _number("change"),
        _maybe_number("level"),
        _number("blind_from"),
        _number("sent_at"),
        _number("not_after"),
        _number("ended"),
        _number("target"),
        _number("low"),
        _number("high"),
        _text("why"),
        _text("reason", ""),
        _number("epoch", 0),
        sa.PrimaryKeyConstraint("tenant", "store", "item", "seq", name=op.f("pk_level_write")),
    )
    op.create_index("ix_level_write_waiting", "level_write", ["tenant", "store"], **_where("state = 'sent'"))


def _create_erp_level() -> None:
    op.create_table(
        "erp_level",
        _text("tenant"),
        _text("sku"),
        _text("location"),
        _number("level"),
        _number("began"),
        _number("ended"),
        sa.PrimaryKeyConstraint("tenant", "sku", "location", name=op.f("pk_erp_level")),
    )


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        _text("tenant"),
        _number("id"),
        _text("store"),
        _text("order"),
        _text("line"),
        _text("reason"),
        _text("hint"),
        _bytes("raw"),
        _number("since"),
        _text("state"),
        _number("released", 0),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_place", "quarantine", ["tenant", "store", "order", "line"])


def _create_drift() -> None:
    op.create_table(
        "drift",
        _text("tenant"),
        _number("id"),
        _text("store"),
        _text("item"),
        _number("since"),
        _number("units"),
        _text("reason"),
        _text("state"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_drift")),
    )


def _create_payload() -> None:
    op.create_table(
        "payload",
        _text("tenant"),
        _number("id"),
        _text("store"),
        _number("taken_at"),
        _text("codec"),
        _bytes("body"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_payload")),
    )
