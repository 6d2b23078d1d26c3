"""Orders that the ERP wants in stores.

Revision: 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
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
    """Add the tables."""
    op.create_table(
        "placing_feed",
        _text("tenant"),
        _text("cursor", ""),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_placing_feed")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "placing_store",
        _text("tenant"),
        _text("store"),
        sa.PrimaryKeyConstraint("tenant", "store", name=op.f("pk_placing_store")),
        sqlite_with_rowid=False,
    )
    _placements()
    op.create_table(
        "placing_room",
        _text("tenant"),
        _text("store"),
        _text("key"),
        _text("sku"),
        _number("units"),
        _number("since"),
        _flag("open"),
        sa.PrimaryKeyConstraint("tenant", "store", "key", "sku", name=op.f("pk_placing_room")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_placing_room_sku", "placing_room", ["tenant", "store", "sku"])


def _placements() -> None:
    op.create_table(
        "placement",
        _text("tenant"),
        _text("key"),
        _text("store"),
        _text("content"),
        _text("own_key"),
        _text("state"),
        _text("lines", ""),
        _number("seq"),
        _number("told_at"),
        _number("sent_at", 0),
        _number("dead_at", 0),
        _number("confirmed_at", 0),
        _number("retry_at", 0),
        _flag("attempts"),
        _text("reason", ""),
        _text("flaws", ""),
        _text("shop_order", ""),
        _number("epoch", 0),
        _number("revision"),
        _text("wanted"),
        _text("following", ""),
        _text("written", ""),
        _text("result", ""),
        _flag("untold"),
        _number("telling", 0),
        sa.PrimaryKeyConstraint("tenant", "key", name=op.f("pk_placement")),
        sqlite_with_rowid=False,
    )
    _index(
        "ix_placement_waiting",
        ["tenant", "store", "seq"],
        "state IN ('intended', 'sent') OR following IN ('intended', 'sent')",
    )
    _index("ix_placement_untold", ["tenant", "seq"], "untold = 1")
    op.create_index("ix_placement_order", "placement", ["tenant", "store", "shop_order"])
    op.create_index("ix_placement_own_key", "placement", ["tenant", "store", "own_key"])


def _index(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "placement", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
