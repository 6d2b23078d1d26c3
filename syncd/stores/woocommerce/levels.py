"""Reading levels with the fewest requests that are right.

Products are read by `include`, in one request for all. Variations aren't in the product list, except where it is asked by
SKU (measured on 10.0.2); so variations of several parents are asked for by the SKUs that they had when they were seen
last, in one request, and each is recognised by its id. What that doesn't find, and variations of one parent, are read by
`products/<parent>/variations?include=`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from syncd.core.quantity import LONG_AGO
from syncd.errors import NotFound
from syncd.ports.store import LevelPage, LevelReading
from syncd.stores.woocommerce.api import PER_PAGE_MAX, V3, Api, Query, span
from syncd.stores.woocommerce.items import Item, own_level, read_products
from syncd.stores.woocommerce.wire import Product
from syncd.transport import Answer

PRODUCTS = f"{V3}/products"
LEVEL_FIELDS = "id,parent_id,manage_stock,stock_quantity"


class LevelReader:
    """Gathers the levels of some items, request by request."""

    def __init__(self, api: Api, skus: Mapping[str, str]) -> None:
        self._api = api
        self._skus = skus  # item -> SKU, as seen last: where to look, nothing more
        self._answers: list[Answer] = []
        self._found: dict[str, LevelReading] = {}

    async def read(self, items: Sequence[Item]) -> LevelPage:
        """The levels of these items; those that the shop doesn't show are absent."""
        products = {item.product: item for item in items if not item.variation}
        variations = {item.variation: item for item in items if item.variation}
        if products:
            await self._read(PRODUCTS, [("include", _comma(products))], products)
        if len({item.product for item in variations.values()}) > 1:
            by_sku = {self._skus[item.name]: item for item in variations.values() if item.name in self._skus}
            if len(by_sku) > 1:
                wanted = {item.variation: item for item in by_sku.values()}
                await self._read(PRODUCTS, [("sku", ",".join(by_sku))], wanted)
        parents: dict[int, dict[int, Item]] = {}
        for item in variations.values():
            if item.name not in self._found:
                parents.setdefault(item.product, {})[item.variation] = item
        for parent, wanted in parents.items():
            try:
                await self._read(f"{PRODUCTS}/{parent}/variations", [("include", _comma(wanted))], wanted)
            except NotFound:
                continue  # that parent is gone: nothing is known of these, the others go on
        if not self._answers:
            return LevelPage((), LONG_AGO, LONG_AGO)
        began, ended = span(self._answers)
        return LevelPage(tuple(self._found.values()), began, ended)

    async def _read(self, route: str, query: Query, wanted: Mapping[int, Item]) -> None:
        answer, rows = await self._api.read_rows(
            route, [*query, ("per_page", str(PER_PAGE_MAX)), ("_fields", LEVEL_FIELDS)]
        )
        self._answers.append(answer)
        for row in read_products(rows):
            item = wanted.get(row.id)
            if item is None or not _is_child(row, item):
                continue
            try:
                self._found[item.name] = LevelReading(item.name, own_level(row))
            except ValueError:
                continue  # a level that can't be read is not known


def _is_child(row: Product, item: Item) -> bool:
    """Whether the row is the item's: a variation that was moved to another parent is not."""
    return not item.variation or row.parent_id in {0, item.product, None}


def _comma(numbers: Iterable[int]) -> str:
    return ",".join(map(str, islice(numbers, PER_PAGE_MAX)))
