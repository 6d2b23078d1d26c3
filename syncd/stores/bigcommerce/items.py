"""Stock items: the names syncd gives to BigCommerce's counters, and the inventory rows that belong to them.

`p:{product}` is the counter of a product that is tracked as a whole (a simple product too), `v:{product}/{variant}` that
of one variant. A write has to name a counter by the kind of id that the product is tracked by.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from syncd.core.quantity import ZERO, Quantity, parse
from syncd.stores.bigcommerce import wire

PRODUCT = "product_id"
VARIANT = "variant_id"


class Identity(NamedTuple):
    """How the Inventory API names a counter: `field` is PRODUCT or VARIANT."""

    field: str
    number: int


def product_item(product: int) -> str:
    """The counter of a product that is tracked as a whole."""
    return f"p:{product}"


def variant_item(product: int, variant: int) -> str:
    """The counter of one variant."""
    return f"v:{product}/{variant}"


def identify(item: str) -> Identity | None:
    """The counter that an item names; None for a name that this platform doesn't give."""
    kind, _, numbers = item.partition(":")
    if kind == "p" and numbers.isdecimal():
        return Identity(PRODUCT, int(numbers))
    product, _, variant = numbers.partition("/")
    if kind == "v" and product.isdecimal() and variant.isdecimal():
        return Identity(VARIANT, int(variant))
    return None


def rows_by_counter(rows: Iterable[wire.InventoryItem]) -> dict[Identity, list[wire.InventoryItem]]:
    """The rows that tell about each counter. About a product: its own row, or, where there is none, its variants' rows."""
    found: dict[Identity, list[wire.InventoryItem]] = {}
    own: dict[Identity, list[wire.InventoryItem]] = {}
    for row in rows:
        product, variant = row.identity.product_id, row.identity.variant_id
        if variant:
            found.setdefault(Identity(VARIANT, variant), []).append(row)
        if product:
            (found if variant else own).setdefault(Identity(PRODUCT, product), []).append(row)
    return found | own


def available(row: wire.InventoryItem) -> Quantity | None:
    """What may be sold: on hand less the safety stock. None where no level was ever set."""
    return None if row.available_to_sell is None else parse(row.available_to_sell)


def safety_stock(row: wire.InventoryItem) -> Quantity:
    """What the merchant keeps back: by the row's settings, else by the difference of its two levels."""
    settings = row.settings
    if isinstance(settings, wire.ItemSettings) and settings.safety_stock is not None:
        return parse(settings.safety_stock)
    if row.available_to_sell is None or row.total_inventory_onhand is None:
        return ZERO
    return Quantity(max(0, parse(row.total_inventory_onhand) - parse(row.available_to_sell)))
