"""Alembic's entry: `syncd.ledger.migrate` hands over a connection with an open transaction, and commits it."""

from __future__ import annotations

from alembic import context

from syncd.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by rebuilding it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
