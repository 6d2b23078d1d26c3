"""Reading what the shop sells: products, and under each variable one its variations."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.quantity import Quantity
from syncd.errors import BugError, NotFound
from syncd.ports.store import Listing, ListingPage
from syncd.stores.woocommerce.api import PER_PAGE_MAX, Api, Query, Rows, span
from syncd.stores.woocommerce.items import item_of, level_shown, read_products
from syncd.stores.woocommerce.levels import PRODUCTS
from syncd.stores.woocommerce.mapping import product_name
from syncd.stores.woocommerce.windows import Fetch, read_window
from syncd.stores.woocommerce.wire import PRODUCT_FIELDS, Product
from syncd.transport import Answer

PARENTS_MAX = 25  # variable products opened for one page: a page stays within half a minute on a slow host
WINDOWS_MAX = 100  # of one product's variations: 9,900 of them, a hundred times what WooCommerce advises
NEVER_SOLD = frozenset({"grouped", "external"})  # no order line ever names them: their parts, or another shop, are sold


class ListingReader:
    """Gathers one page of listings. `position` is "" or where the page before ended: the last id, and rows to skip."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._answers: list[Answer] = []
        self._listings: list[Listing] = []

    async def read(self, position: str) -> ListingPage:
        """Up to a hundred products, fewer where many of them have variations."""
        after, skip = _place(position)
        window = await read_window(self._fetch(PRODUCTS), after, skip, PER_PAGE_MAX)
        following = ""
        opened = 0
        for row, number, place in zip(window.rows, window.ids, _places(window.skip, len(window.ids)), strict=True):
            if opened >= PARENTS_MAX:
                break
            for product in read_products([row]):
                if product.type.startswith("variable"):
                    opened += 1
                    await self._open(product)
                elif product.type not in NEVER_SOLD:
                    self._listings.append(_listing(product))
            if number is not None:
                following = f"{number}:{place}"
        else:
            if not window.full:
                following = ""
        began, ended = span(self._answers)
        return ListingPage(tuple(self._listings), following, began, ended)

    async def _open(self, parent: Product) -> None:
        """Read a variable product's variations. It may be deleted meanwhile: then it has none."""
        fetch = self._fetch(f"{PRODUCTS}/{parent.id}/variations")
        after = skip = 0
        for _ in range(WINDOWS_MAX):
            try:
                window = await read_window(fetch, after, skip, PER_PAGE_MAX)
            except NotFound:
                return
            self._listings += [_listing(row, parent) for row in read_products(window.rows)]
            numbers = [number for number in window.ids if number is not None]
            if not window.full or not numbers:
                return
            after, skip = numbers[-1], window.skip

    def _fetch(self, route: str) -> Fetch:
        async def fetch(skip: int, rows: int) -> tuple[Answer, Rows]:
            answer, found = await self._api.read_rows(route, _by_id(skip, rows))
            self._answers.append(answer)
            return answer, found

        return fetch


def _listing(row: Product, parent: Product | None = None) -> Listing:
    item = item_of(row, parent.id if parent else 0)
    return Listing(
        product=product_name(parent.id, row.id) if parent else product_name(row.id, 0),
        item=item.name if item else "",
        sku=row.sku or "",
        name=f"{parent.name} - {row.name}"
        if parent and row.name
        else (row.name or (parent.name if parent else "")) or "",
        level=_level(row) if item else None,
        digital=item is None and (row.virtual or row.downloadable),
    )


def _level(row: Product) -> Quantity | None:
    try:
        return level_shown(row)
    except ValueError:
        return None


def _by_id(skip: int, rows: int) -> Query:
    return [
        ("orderby", "id"),
        ("order", "asc"),
        ("per_page", str(rows)),
        ("offset", str(skip)),
        ("_fields", PRODUCT_FIELDS),
    ]


def _places(last: int, count: int) -> Sequence[int]:
    """Where in the whole list the rows of a window lie, whose last one lies at `last`."""
    return range(last - count + 1, last + 1)


def _place(position: str) -> tuple[int, int]:
    if not position:
        return 0, 0
    try:
        after, skip = map(int, position.split(":"))
    except ValueError:
        raise BugError(f"no position in this catalogue: {position!r}") from None
    return after, skip
