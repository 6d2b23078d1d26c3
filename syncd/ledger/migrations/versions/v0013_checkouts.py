"""Orders that go into a shop by a cart and its checkout.

Revision: 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add how far a checkout has come, its cart, and the draft of the order that was made of it."""
    for name in ("stage", "cart", "draft"):
        op.add_column("placement", sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''")))
    op.create_index(
        "ix_placement_cart",
        "placement",
        ["tenant", "store", "cart"],
        sqlite_where=sa.text("cart != ''"),
        postgresql_where=sa.text("cart != ''"),
    )
