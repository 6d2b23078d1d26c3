"""The SKUs of a tenant for people: page by page, with the stock items that draw on them. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from syncd.ledger.items import ItemRow, some_items
from syncd.ledger.rows import Among, Statement

# Both tables have the SKU behind the tenant in their key, so both are walked in order, and no further than a page.
_SKUS = Statement(
    "SELECT sku FROM erp_level WHERE tenant = :tenant AND location = :location AND sku > :after "
    "AND lower(sku) LIKE :pattern ESCAPE '!' UNION "
    "SELECT sku FROM ingredient WHERE tenant = :tenant AND sku > :after AND lower(sku) LIKE :pattern ESCAPE '!' "
    "ORDER BY sku LIMIT :count"
)
_ITEMS = Among("SELECT store, item, sku FROM ingredient WHERE tenant = :tenant AND sku IN :among")


def skus(connection: Connection, tenant: str, location: str, *, after: str, prefix: str, count: int) -> list[str]:
    """Up to `count` SKUs of the ERP or of shops, in order, behind `after`, that begin with `prefix` in whichever case."""
    begins = "".join(character.lower() if character.isascii() else character for character in prefix)  # as SQLite does
    for character in "!%_":
        begins = begins.replace(character, f"!{character}")
    return [
        row[0]
        for row in _SKUS.read(
            connection, tenant=tenant, location=location, after=after, pattern=f"{begins}%", count=count
        )
    ]


def items_of(connection: Connection, tenant: str, wanted: Iterable[str]) -> dict[str, list[ItemRow]]:
    """By store: the active items that draw on these SKUs."""
    names: dict[str, set[str]] = {}
    for store, name, _ in _ITEMS.read(connection, wanted, tenant=tenant):
        names.setdefault(store, set()).add(name)
    return {store: some_items(connection, tenant, store, sorted(found)) for store, found in names.items()}
