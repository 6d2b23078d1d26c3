"""The tables of order documents: which orders are to be told whole, and which refunds have been seen."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, Table

from syncd.ledger.columns import flag_column as _flag
from syncd.ledger.columns import metadata
from syncd.ledger.columns import number_column as _number
from syncd.ledger.columns import partial_index as _partial
from syncd.ledger.columns import text_column as _text

# One row per order that was to be told. Two queues that don't know each other: `due_at` (0: nothing) says since when the order
# has to be read and made a document; `waits`, that a made one (`body`, its digest `content`) has to be put to the ERP. `told` is
# the digest of what the ERP has. `parts` is the JSON of each part's origin, `seen` that of what sinks were told of last.
# `attempts`, `retry_at`, `reason` are of the making, `put_...` of the putting. A body that was put is emptied: it names people.
document = Table(
    "document",
    metadata,
    _text("tenant"),
    _text("store"),
    _text("order"),
    _number("due_at", 0),
    _flag("attempts"),
    _number("retry_at", 0),
    _text("reason", ""),
    _flag("held"),
    _flag("waits"),
    Column("body", LargeBinary, nullable=False),
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
    PrimaryKeyConstraint("tenant", "store", "order"),
    sqlite_with_rowid=False,
)
_partial("ix_document_due", document.c.tenant, document.c.store, document.c.due_at, where="due_at > 0")
_partial("ix_document_waiting", document.c.tenant, document.c.put_retry_at, where="waits = 1")

# Where the store's list of refunds continues (the store's clock).
refund_feed = Table(
    "refund_feed", metadata, _text("tenant"), _text("store"), _number("cursor"), PrimaryKeyConstraint("tenant", "store")
)

# Refunds of the overlap, so that each makes its order due once. Older ones than the cursor's overlap go.
refund_seen = Table(
    "refund_seen", metadata, _text("tenant"), _text("store"), _text("refund"), _number("created"),
    PrimaryKeyConstraint("tenant", "store", "refund"), sqlite_with_rowid=False,
)  # fmt: skip
