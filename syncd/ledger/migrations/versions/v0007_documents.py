"""Order documents: which orders are to be told whole, and which refunds have been seen.

Revision: 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=None if default is None else sa.text(f"'{default}'"))


def _number(name: str, default: int | None = None) -> sa.Column[int]:
    server_default = None if default is None else sa.text(str(default))
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=server_default)


def _flag(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(name, "document", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "document",
        _text("tenant"),
        _text("store"),
        _text("order"),
        _number("due_at", 0),
        _flag("attempts"),
        _number("retry_at", 0),
        _text("reason", ""),
        _flag("held"),
        _flag("waits"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        _text("content", ""),
        _text("told", ""),
        _number("told_at", 0),
        _flag("put_attempts"),
        _number("put_retry_at", 0),
        _text("put_reason", ""),
        _text("parts", ""),
        _text("seen", ""),
        _flag("requests"),
        _number("read_at", 0),
        sa.PrimaryKeyConstraint("tenant", "store", "order", name=op.f("pk_document")),
        sqlite_with_rowid=False,
    )
    _partial("ix_document_due", ["tenant", "store", "due_at"], "due_at > 0")
    _partial("ix_document_waiting", ["tenant", "put_retry_at"], "waits = 1")
    op.create_table(
        "refund_feed",
        _text("tenant"),
        _text("store"),
        _number("cursor"),
        sa.PrimaryKeyConstraint("tenant", "store", name=op.f("pk_refund_feed")),
    )
    op.create_table(
        "refund_seen",
        _text("tenant"),
        _text("store"),
        _text("refund"),
        _number("created"),
        sa.PrimaryKeyConstraint("tenant", "store", "refund", name=op.f("pk_refund_seen")),
        sqlite_with_rowid=False,
    )
