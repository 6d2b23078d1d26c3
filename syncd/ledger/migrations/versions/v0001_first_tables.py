"""The first tables.

Revision: 0001.
"""

from __future__ import annotations

from alembic import op

from syncd.ledger.schema import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    metadata.create_all(op.get_bind())
