"""Reading BigCommerce's catalogue and counters. Writing them is `adjustments.py`.

A level, for syncd, is `available_to_sell` at the tenant's location: the safety stock is the merchant's own reserve and
not for sale, so it must not be promised, and a relative write moves stock on hand and what is available alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import anyio
import msgspec

from syncd.core.quantity import NEVER, ZERO, Instant, Quantity
from syncd.errors import MisconfiguredError, NotFound, StoreFault
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
from syncd.stores.bigcommerce.adjustments import Adjustments
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.items import (
    Identity,
    available,
    identify,
    product_item,
    rows_by_counter,
    safety_stock,
    variant_item,
)
from syncd.stores.bigcommerce.mapping import product_name

LISTINGS_PER_PAGE = 100  # products; with their variants (up to 600 each) a page stays below the body's limit
BATCH_MAX = 500  # writes or items: the vendor takes 2000 a write, but 500 ids are what an address of 8 kB holds
ROWS_PER_PAGE = 1000  # inventory rows, the vendor's greatest page
ROW_PAGES_MAX = 20  # 500 products of 40 variants each; what lies beyond stays unknown

_PRODUCTS = msgspec.json.Decoder(wire.ProductsAnswer, strict=False)
_ITEMS = msgspec.json.Decoder(wire.InventoryItemsAnswer, strict=False)


class _Rows(NamedTuple):
    """Inventory rows with the times of their requests. `complete`: no page was left unread."""

    rows: list[wire.InventoryItem]
    began: Instant
    ended: Instant
    complete: bool


class BigCommerceInventory:
    """The counters of one BigCommerce store at one location (`syncd.ports.store.InventoryPort`)."""

    def __init__(self, client: Client, *, location_id: int, apply_us: int, stale_us: int, late_us: int) -> None:
        self._client = client
        self._location_id = location_id
        self._adjustments = Adjustments(client, location_id)
        self._writing = anyio.Lock()  # the vendor: wait for a write's answer before sending the next
        self._traits = InventoryTraits(
            relative=True,
            batch_max=BATCH_MAX,
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
        """What is available of these items at the location; None where the shop has no row or no level for one.

        Products and variants are asked for apart, so the times span two requests when both kinds are wanted. Left out,
        as unknown: names that are no items of this platform, and a product whose rows contradict each other.
        """
        wanted = {item: identity for item in items if (identity := identify(item)) is not None}
        found = await self._rows(wanted.values())
        rows = rows_by_counter(found.rows)
        readings = []
        for item, identity in wanted.items():
            levels = {available(row) for row in rows.get(identity, ())}
            if len(levels) == 1:
                readings.append(LevelReading(item, levels.pop()))
            elif not levels and found.complete:
                readings.append(LevelReading(item, None))
        return LevelPage(tuple(readings), found.began, found.ended)

    async def write(self, writes: Sequence[LevelWrite], *, not_after: Instant = NEVER) -> tuple[WriteOutcome, ...]:
        """Adjust these counters: relative changes in one request, absolute levels in another.

        An absolute level is what shall be available; the platform takes what is on hand, so the items' safety stock is
        read first, and nothing is sent where that read fails (its errors are raised: nothing was written).
        """
        async with self._writing:
            absolute = [identity for write in writes if write.level is not None and (identity := identify(write.item))]
            found = await self._rows(absolute)
            rows = rows_by_counter(found.rows)
            safety = {
                identity: Quantity(max(map(safety_stock, rows.get(identity, ())), default=ZERO))
                for identity in absolute
                if identity in rows or found.complete  # no row yet: nothing is kept back
            }
            return await self._adjustments.send(writes, safety, not_after)

    async def _rows(self, identities: Iterable[Identity]) -> _Rows:
        """The inventory rows of these products and variants at the location."""
        rows: list[wire.InventoryItem] = []
        began: list[Instant] = []
        ended: list[Instant] = []
        complete = True
        wanted: dict[str, list[int]] = {}
        for field, number in identities:
            wanted.setdefault(field, []).append(number)
        for field, numbers in wanted.items():
            ids = ",".join(map(str, numbers))
            for page in range(1, ROW_PAGES_MAX + 1):
                try:
                    answer = await self._client.read(
                        f"/v3/inventory/locations/{self._location_id}/items",
                        [(f"{field}:in", ids), ("page", str(page)), ("limit", str(ROWS_PER_PAGE))],
                    )
                except NotFound as error:
                    raise MisconfiguredError(
                        f"the store has no location {self._location_id}",
                        operation=error.operation,
                        hint="configure a location id that the store's inventory locations have",
                    ) from error
                part = decode(answer, _ITEMS)
                rows += part.data
                began.append(answer.began)
                ended.append(answer.ended)
                if not part.data or not _pages(part.meta, len(part.data) >= ROWS_PER_PAGE, page):
                    break
            else:
                complete = False
        return _Rows(rows, min(began, default=Instant(0)), max(ended, default=Instant(0)), complete)


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
