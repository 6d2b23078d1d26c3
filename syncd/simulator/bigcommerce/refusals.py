"""Why the shop says no."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.simulator.bigcommerce.products import ItemKey


class OutOfStock(Exception):
    """There isn't enough of some items; `items` names them."""

    def __init__(self, items: Sequence[ItemKey]) -> None:
        super().__init__("out_of_stock")
        self.items = tuple(items)


class NoSuch(Exception):
    """There is no such order, line or SKU."""


class NotPossible(Exception):
    """The shop's rules forbid it."""
