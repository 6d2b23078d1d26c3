"""Stock items at several locations of a shop.

Revision: 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add where an item's counter is, and when the merchant is warned."""
    op.add_column("item", sa.Column("place", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("item", sa.Column("warning", sa.BigInteger, nullable=False, server_default=sa.text("0")))
