"""How each store's clock differed from ours when it was measured last.

Revision: 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for column in ("clock_ahead", "clock_at"):
        op.add_column("store", sa.Column(column, sa.BigInteger, nullable=False, server_default=sa.text("0")))
