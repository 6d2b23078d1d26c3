"""History for people: when a level changed, and how many orders, moves and writes there were in a quarter of an hour.

Revision: 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "level_change",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("counter", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("level", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "store", "counter", "location", "at", name=op.f("pk_level_change")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_level_change_at", "level_change", ["tenant", "at"])
    op.create_table(
        "flow",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("store", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "since", "store", "kind", name=op.f("pk_flow")),
        sqlite_with_rowid=False,
    )
