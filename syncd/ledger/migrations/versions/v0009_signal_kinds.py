"""Signals of several kinds: a store speaks of carts and stock items too.

Revision: 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table anew, the kind in its key; what waits are orders."""
    op.rename_table("signal", "signal_of_orders")
    if op.get_context().dialect.name == "postgresql":  # there the key's index keeps its name: the new table's takes it
        op.execute("ALTER INDEX pk_signal RENAME TO pk_signal_of_orders")
    op.create_table(
        "signal",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "store", "kind", "name", name=op.f("pk_signal")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO signal (tenant, store, kind, name, first_at, last_at) "
        "SELECT tenant, store, 'order', \"order\", first_at, last_at FROM signal_of_orders"
    )
    op.drop_table("signal_of_orders")
