"""Shipments that the ERP has told, on their way to the shops.

Revision: 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
    """Add the table, and where the feed continues."""
    op.create_table(
        "shipment",
        _text("tenant"),
        _text("key"),
        _flag("part"),
        _text("store"),
        _text("order"),
        _text("content"),
        _text("place", ""),
        _text("lines", ""),
        _text("own_key", ""),
        _text("state"),
        _number("seq"),
        _number("told_at"),
        _number("sent_at", 0),
        _number("dead_at", 0),
        _number("confirmed_at", 0),
        _number("retry_at", 0),
        _flag("attempts"),
        _text("reason", ""),
        _text("shop_ref", ""),
        _number("epoch", 0),
        sa.PrimaryKeyConstraint("tenant", "key", "part", name=op.f("pk_shipment")),
        sqlite_with_rowid=False,
    )
    waiting = sa.text("state IN ('intended', 'sent')")
    op.create_index(
        "ix_shipment_waiting",
        "shipment",
        ["tenant", "store", "seq"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("ix_shipment_order", "shipment", ["tenant", "store", "order"])
    op.add_column("erp", _text("shipments", ""))
    op.add_column("store", _flag("ships"))
