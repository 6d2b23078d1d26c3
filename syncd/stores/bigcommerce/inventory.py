"""Reading BigCommerce's catalogue and counters. Writing them is `adjustments.py`.

A level, for syncd, is `available_to_sell` at a location: the safety stock is the merchant's own reserve and not for sale,
so it must not be promised, and a relative write moves stock on hand and what is available alike.

Counters are read by id where few are wanted, and by the pages of the whole list (`begin_sweep`) where many are: 500 ids
are what an address of 8 kB holds, a page has 1,000 rows. One location has a list of its own, several come in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import anyio
import msgspec

from syncd.core.quantity import NEVER, SECOND, ZERO, Instant, Quantity
from syncd.errors import NotFound, StoreFault
from syncd.ports.store import (
    InventoryTraits,
    LevelPage,
    LevelReading,
    LevelWrite,
    Listing,
    ListingPage,
    WriteOutcome,
)
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.adjustments import WRITES_MAX, Adjustments
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.items import Counter, Row, product_item, rows_by_counter, rows_of, variant_item
from syncd.stores.bigcommerce.locations import Locations
from syncd.stores.bigcommerce.mapping import product_name

LISTINGS_PER_PAGE = 100  # products; with their variants (up to 600 each) a page stays below the body's limit
BATCH_MAX = 500  # items that are read by id: what an address of 8 kB holds
ROWS_PER_PAGE = 1000  # inventory rows, the vendor's greatest page
ROW_PAGES_MAX = 20  # 500 products of 40 variants each; what lies beyond stays unknown
SWEEP_PAGES_MAX = 2_000  # of the whole list: two million rows
SAFETY_US = 40 * SECOND  # how old a safety stock may be when a level is put on top of it

_PRODUCTS = msgspec.json.Decoder(wire.ProductsAnswer, strict=False)
_ITEMS = msgspec.json.Decoder(wire.InventoryItemsAnswer, strict=False)


class _Rows(NamedTuple):
    """Inventory rows with the times of their requests. `complete`: no page was left unread."""

    rows: list[Row]
    began: Instant
    ended: Instant
    complete: bool


class BigCommerceInventory:
    """The counters of one BigCommerce store at its locations (`syncd.ports.store.InventoryPort`, `LevelSweeps`)."""

    rows_max = ROWS_PER_PAGE

    def __init__(self, client: Client, *, locations: Locations, apply_us: int, stale_us: int, late_us: int) -> None:
        self._client = client
        self._locations = locations
        self._adjustments = Adjustments(client, locations)
        self._writing = anyio.Lock()  # the vendor: wait for a write's answer before sending the next
        self._safety: dict[Counter, tuple[Instant, Quantity]] = {}  # soft: of the page of levels that was read last
        self._traits = InventoryTraits(
            relative=True,
            batch_max=BATCH_MAX,
            writes_max=WRITES_MAX,
            apply_us=apply_us,
            stale_us=stale_us,
            late_us=late_us,
            floor=ZERO,
            whole_units=True,
        )

    @property
    def traits(self) -> InventoryTraits:
        """What the counters can do."""
        return self._traits

    async def listings(self, position: str) -> ListingPage:
        """One page of the catalogue, by ascending product id: a product that goes away shifts nothing.

        Raises StoreFault when the shop ignored where to continue.
        """
        last = int(position) if position else 0
        answer = await self._client.read(
            "/v3/catalog/products",
            [
                ("id:greater", str(last)),
                ("sort", "id"),
                ("direction", "asc"),
                ("limit", str(LISTINGS_PER_PAGE)),
                ("include", "variants"),
                ("include_fields", "name,sku,type,inventory_tracking"),
            ],
        )
        page = decode(answer, _PRODUCTS)
        products = page.data
        if any(product.id <= last for product in products):
            raise StoreFault(
                f"asked for products after {last}, the answer holds earlier ones", operation=answer.operation
            )
        more = bool(products) and _pages(page.meta, len(products) >= LISTINGS_PER_PAGE)
        return ListingPage(
            listings=tuple(listing for product in products for listing in _listings(product)),
            next=str(max(product.id for product in products)) if more else "",
            began=answer.began,
            ended=answer.ended,
        )

    async def levels(self, items: Sequence[str]) -> LevelPage:
        """What is available of these items at their locations; None where the shop has no row or no level for one.

        Products and variants are asked for apart, so the times span two requests when both kinds are wanted. Left out,
        as unknown: names that are no items of this platform, items at a location that can't be used, and a product whose
        rows contradict each other.
        """
        wanted = {item: counter for item in items if (counter := self._locations.counter(item)) is not None}
        found = await self._rows(wanted.values())
        rows = rows_by_counter(found.rows)
        self._safety = {counter: (found.ended, _safety(mine)) for counter, mine in rows.items()}
        readings = []
        for item, counter in wanted.items():
            mine = rows.get(counter, ())
            levels = {row.available for row in mine}
            if len(levels) == 1:
                readings.append(LevelReading(item, levels.pop(), _warning(mine)))
            elif not levels and found.complete and not self._locations.why_closed(counter.location):
                readings.append(LevelReading(item, None))
        return LevelPage(tuple(readings), found.began, found.ended)

    def begin_sweep(self, items: Sequence[str]) -> _Sweep:
        """Read the whole list, page by page, for these items."""
        counters = {counter: item for item in items if (counter := self._locations.counter(item)) is not None}
        return _Sweep(self, counters)

    async def write(self, writes: Sequence[LevelWrite], *, not_after: Instant = NEVER) -> tuple[WriteOutcome, ...]:
        """Adjust these counters: relative changes in one request, absolute levels in another.

        An absolute level is what shall be available; the platform takes what is on hand, so the items' safety stock is
        read first (if it wasn't just now), and nothing is sent where that read fails (its errors are raised: nothing was
        written).
        """
        async with self._writing:
            absolute = [
                counter
                for write in writes
                if write.level is not None and (counter := self._locations.counter(write.item)) is not None
            ]
            return await self._adjustments.send(writes, await self._safety_of(absolute, not_after), not_after)

    async def _safety_of(self, counters: Sequence[Counter], not_after: Instant) -> Mapping[Counter, Quantity]:
        """What the merchant keeps back of each of these. Those that were read so lately that they will be `SAFETY_US` old at
        most when the write leaves (`not_after`) aren't read again."""
        known = {
            counter: self._safety[counter][1]
            for counter in counters
            if counter in self._safety and self._safety[counter][0] + SAFETY_US >= not_after
        }
        unknown = [counter for counter in counters if counter not in known]
        for start in range(0, len(unknown), BATCH_MAX):
            part = unknown[start : start + BATCH_MAX]
            found = await self._rows(part)
            rows = rows_by_counter(found.rows)
            for counter in part:
                if counter in rows or found.complete:  # no row yet: nothing is kept back
                    known[counter] = _safety(rows.get(counter, ()))
        return known

    async def _rows(self, counters: Iterable[Counter]) -> _Rows:
        """The inventory rows of these counters."""
        rows: list[Row] = []
        began: list[Instant] = []
        ended: list[Instant] = []
        complete = True
        wanted: dict[str, dict[int, None]] = {}
        places: dict[int, None] = {}
        for location, (field, number) in counters:
            if not self._locations.why_closed(location):
                wanted.setdefault(field, {})[number] = None
                places[location] = None
        for field, numbers in wanted.items():
            query = [(f"{field}:in", ",".join(map(str, numbers)))]
            for page in range(1, ROW_PAGES_MAX + 1):
                part, answer_began, answer_ended, more = await self.row_page(places, query, page)
                rows += part
                began.append(answer_began)
                ended.append(answer_ended)
                if not more:
                    break
            else:
                complete = False
        return _Rows(rows, min(began, default=Instant(0)), max(ended, default=Instant(0)), complete)

    async def row_page(
        self, places: Iterable[int], query: list[tuple[str, str]], page: int
    ) -> tuple[list[Row], Instant, Instant, bool]:
        """One page of rows of these locations, its times, and whether more follow. A single location has a list of its own."""
        numbers = sorted(places)
        location = numbers[0]
        path = "/v3/inventory/items"
        if self._locations.is_alone:
            path = f"/v3/inventory/locations/{location}/items"
        else:
            query = [*query, ("location_id:in", ",".join(map(str, numbers)))]
        try:
            answer = await self._client.read(path, [*query, ("page", str(page)), ("limit", str(ROWS_PER_PAGE))])
        except NotFound as error:
            self._locations.close(location, f"the store has no location {location}", error.operation)
            return [], Instant(0), Instant(0), False
        part = decode(answer, _ITEMS)
        rows = [row for item in part.data for row in rows_of(item, location) if row.location in numbers]
        more = bool(part.data) and _pages(part.meta, len(part.data) >= ROWS_PER_PAGE, page)
        return rows, answer.began, answer.ended, more


class _Sweep:
    """The whole list, page by page (`syncd.ports.store.Sweep`). Rows that shift between pages, as products come and go, may be
    missed: what no page told is `untold`, and asked for by id."""

    def __init__(self, inventory: BigCommerceInventory, counters: dict[Counter, str]) -> None:
        self._inventory = inventory
        self._counters = counters
        self._page = 0

    @property
    def untold(self) -> tuple[str, ...]:
        """The items that no page has told yet."""
        return tuple(self._counters.values())

    async def next_page(self) -> LevelPage | None:
        """The next page's levels of the items that are wanted; None at the end."""
        places = {counter.location for counter in self._counters}
        if self._page < 0 or self._page >= SWEEP_PAGES_MAX or not places:
            return None
        rows, began, ended, more = await self._inventory.row_page(places, [], self._page + 1)
        self._page = self._page + 1 if more else -1
        readings = []
        for counter, mine in rows_by_counter(rows).items():
            levels = {row.available for row in mine}
            if counter in self._counters and len(levels) == 1:
                readings.append(LevelReading(self._counters.pop(counter), levels.pop(), _warning(mine)))
        return LevelPage(tuple(readings), began, ended)


def _safety(rows: Iterable[Row]) -> Quantity:
    return Quantity(max((row.safety for row in rows), default=ZERO))


def _warning(rows: Iterable[Row]) -> Quantity:
    return Quantity(max((row.warning for row in rows), default=ZERO))


def _listings(product: wire.Product) -> Iterator[Listing]:
    """What is for sale of a product: each variant, by the name that order lines give it.

    An order's line names a simple product with its base variant; lines of old orders, and some of the vendor's examples,
    name no variant. So a product of one variant is listed under both names, with the same stock item.
    """
    variants = product.variants or []
    tracking = product.inventory_tracking
    digital = product.type == "digital"
    name, own_sku = product.name or "", product.sku or ""
    for variant in variants:
        labels = ", ".join(value.label for value in variant.option_values or () if value.label)
        item = product_item(product.id) if tracking == "product" else ""
        yield Listing(
            product=product_name(product.id, variant.id),
            item=variant_item(product.id, variant.id) if tracking == "variant" else item,
            sku=variant.sku or (own_sku if len(variants) == 1 else ""),
            name=f"{name} ({labels})" if labels else name,
            digital=digital,
        )
    if len(variants) <= 1:
        item = product_item(product.id) if tracking == "product" else ""
        if tracking == "variant" and variants:
            item = variant_item(product.id, variants[0].id)
        sku = (variants[0].sku if variants else "") or own_sku
        yield Listing(product=product_name(product.id, None), item=item, sku=sku, name=name, digital=digital)


def _pages(meta: object, full: bool, page: int = 1) -> bool:
    """Whether pages follow this one: by the answer's own count, or, without one, because it is full."""
    pagination = meta.pagination if isinstance(meta, wire.Meta) else None
    if pagination is None or pagination.total_pages is None:
        return full
    return pagination.total_pages > page
