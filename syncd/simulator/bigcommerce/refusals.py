"""Why the shop says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


class BadQuantity(Exception):
    """More or fewer units of some products than one may buy at once; `products` are their ids and what was wanted."""

    def __init__(self, products: Mapping[int, int]) -> None:
        super().__init__("bad_quantity")
        self.products = dict(products)


class Invalid(Exception):
    """Something in a body that the vendor refuses with 400, in its words; `details` as the answer has them."""

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = details
