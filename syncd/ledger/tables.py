"""All tables of the ledger together: for whoever makes or compares them."""

from __future__ import annotations

from typing import Final

from syncd.ledger import schema, schema_carts, schema_documents, schema_outbox, schema_placing
from syncd.ledger.columns import metadata

MODULES: Final = (
    schema,
    schema_carts,
    schema_documents,
    schema_outbox,
    schema_placing,
)  # whoever imports this has every table in `metadata`

__all__ = ["MODULES", "metadata"]
