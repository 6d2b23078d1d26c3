"""Webhooks: the orders that a store has spoken of. When the ledger was put back from a backup. What is paused, since when and why.

Revision: 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, add the columns."""
    op.create_table(
        "signal",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("order", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "store", "order", name=op.f("pk_signal")),
        sqlite_with_rowid=False,
    )
    op.add_column("clock", sa.Column("restored", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("lease", sa.Column("paused", sa.Integer, nullable=False, server_default=sa.text("0")))
    for table in ("lease", "store"):
        op.add_column(table, sa.Column("paused_at", sa.BigInteger, nullable=False, server_default=sa.text("0")))
        op.add_column(table, sa.Column("paused_reason", sa.Text, nullable=False, server_default=sa.text("''")))
