"""Stock items: the names syncd gives to BigCommerce's counters, and the inventory rows that belong to them.

`p:{product}` is the counter of a product that is tracked as a whole (a simple product too), `v:{product}/{variant}` that
of one variant. A write has to name a counter by the kind of id that the product is tracked by.

Each of them has a counter at every location. The names above are those at the store's main location (the one that syncd
kept when it kept one alone); at another the location's id follows: `p:{product}@2`.
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


class Counter(NamedTuple):
    """One counter: an identity at a location."""

    location: int
    identity: Identity


class Row(NamedTuple):
    """What an inventory row tells of one location. A level is None where none was ever set."""

    location: int
    product: int | None
    variant: int | None
    available: Quantity | None
    safety: Quantity
    warning: Quantity


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


def rows_of(item: wire.InventoryItem, location: int) -> list[Row]:
    """What a row of either list tells: of the location that was asked for, or of each that it names."""
    product, variant = item.identity.product_id, item.identity.variant_id
    if item.locations is None:
        return [Row(location, product, variant, _available(item), _safety_stock(item), _warning(item))]
    return [
        Row(one.location_id, product, variant, _available(one), _safety_stock(one), _warning(one))
        for one in item.locations
    ]


def rows_by_counter(rows: Iterable[Row]) -> dict[Counter, list[Row]]:
    """The rows that tell about each counter. About a product: its own row, or, where there is none, its variants' rows."""
    found: dict[Counter, list[Row]] = {}
    own: dict[Counter, list[Row]] = {}
    for row in rows:
        if row.variant:
            found.setdefault(Counter(row.location, Identity(VARIANT, row.variant)), []).append(row)
        if row.product:
            (found if row.variant else own).setdefault(
                Counter(row.location, Identity(PRODUCT, row.product)), []
            ).append(row)
    return found | own


def _available(row: wire.InventoryLevel) -> Quantity | None:
    """What may be sold: on hand less the safety stock. None where no level was ever set."""
    return None if row.available_to_sell is None else parse(row.available_to_sell)


def _safety_stock(row: wire.InventoryLevel) -> Quantity:
    """What the merchant keeps back: by the row's settings, else by the difference of its two levels."""
    settings = row.settings
    if isinstance(settings, wire.ItemSettings) and settings.safety_stock is not None:
        return parse(settings.safety_stock)
    if row.available_to_sell is None or row.total_inventory_onhand is None:
        return ZERO
    return Quantity(max(0, parse(row.total_inventory_onhand) - parse(row.available_to_sell)))


def _warning(row: wire.InventoryLevel) -> Quantity:
    """At which level the merchant wants to be warned; 0: at none."""
    settings = row.settings
    if isinstance(settings, wire.ItemSettings) and settings.warning_level is not None:
        return parse(settings.warning_level)
    return ZERO
