"""Events on their way to sinks.

Revision: 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
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
        "outbox",
        _text("tenant"),
        _text("sink"),
        _text("id"),
        _number("seq"),
        _text("kind"),
        _text("store"),
        _text("stream"),
        _text("subject"),
        _number("at"),
        sa.Column("data", sa.LargeBinary, nullable=False),
        _text("personal"),
        _text("persons"),
        _number("put_at"),
        _number("due"),
        _flag("tries"),
        _flag("refusals"),
        _text("state"),
        _text("reason", ""),
        sa.PrimaryKeyConstraint("tenant", "sink", "id", name=op.f("pk_outbox")),
    )
    waiting = sa.text("state = 'waiting'")
    for name, columns in {
        "ix_outbox_stream": ["tenant", "sink", "stream", "seq"],
        "ix_outbox_due": ["tenant", "sink", "due"],
    }.items():
        op.create_index(name, "outbox", columns, sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_outbox_seq", "outbox", ["tenant", "sink", "state", "seq"])
    op.create_table(
        "sink",
        _text("tenant"),
        _text("sink"),
        _flag("holds"),
        sa.PrimaryKeyConstraint("tenant", "sink", name=op.f("pk_sink")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "person_key",
        _text("tenant"),
        _text("secret"),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_person_key")),
    )
    op.create_table(
        "erasure",
        _text("tenant"),
        _number("id"),
        _text("persons"),
        _number("since"),
        _number("ended", 0),
        _text("who"),
        _text("subjects"),
        _text("changed"),
        _text("state"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_erasure")),
    )
