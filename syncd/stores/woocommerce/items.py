"""Stock items: which counter a product or variation draws from, and how its row tells the level.

An item is named `p:10` for a product that counts itself (also a variable one that counts for its variations), and
`v:30/33` for a variation that counts itself. A variation's row says "parent" where the parent counts, with the parent's
level: adding the variations' levels up would count it several times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from syncd.core.quantity import Quantity, parse
from syncd.stores.woocommerce.wire import BatchRow, Product

PARENT = "parent"
_NAME = re.compile(r"p:([1-9][0-9]{0,18})|v:([1-9][0-9]{0,18})/([1-9][0-9]{0,18})")
_PRODUCT = msgspec.json.Decoder(Product)


class Item(NamedTuple):
    """A counter: a product's own (`variation` 0), or a variation's."""

    product: int
    variation: int = 0

    @property
    def name(self) -> str:
        """As the ports call it."""
        return f"v:{self.product}/{self.variation}" if self.variation else f"p:{self.product}"

    @property
    def own_id(self) -> int:
        """The id under which the shop keeps the counter."""
        return self.variation or self.product


def read_item(name: str) -> Item | None:
    """The item of that name; None for a name that no item of WooCommerce has."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    product, parent, variation = found.groups()
    return Item(int(product)) if product else Item(int(parent), int(variation))


def item_of(row: Product, parent: int = 0) -> Item | None:
    """The counter that this row's product or variation (of `parent`) draws from; None where the shop doesn't count it."""
    if row.manage_stock == PARENT and parent:
        return Item(parent)
    if row.manage_stock is True:
        return Item(parent, row.id) if parent else Item(row.id)
    return None


def own_level(row: Product | BatchRow) -> Quantity | None:
    """The level of the row's own counter: None where it has none, or the parent's is used instead.

    Raises ValueError for a level that can't be read.
    """
    if row.manage_stock is not True:
        return None
    return level_shown(row)


def level_shown(row: Product | BatchRow) -> Quantity | None:
    """The level in the row, whoever's it is. Raises ValueError for one that can't be read."""
    shown = row.stock_quantity
    return None if shown is None or shown == "" else parse(shown)


def read_products(rows: Sequence[msgspec.Raw]) -> Iterator[Product]:
    """The products and variations of a list, without those that can't be read: nothing is known of them."""
    for row in rows:
        try:
            yield _PRODUCT.decode(row)
        except msgspec.MsgspecError:
            continue
