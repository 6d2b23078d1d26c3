"""The v3 catalog: products and variants."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce.answers import PAGE_MAX, listed, numbers, page_of, v3_error, v3_page
from syncd.simulator.bigcommerce.dates import iso_8601
from syncd.simulator.bigcommerce.products import DEFAULT_LOCATION, ItemKey, Product, Variant
from syncd.simulator.bigcommerce.shop import Shop
from syncd.simulator.bigcommerce.stockroom import Counter

_ID_BOUNDS: Final = ("id:min", "id:max", "id:greater", "id:less")


class CatalogApi:
    """Lists of products and variants. `level_of` shows a counter as the inventory API does (it may be stale)."""

    def __init__(self, shop: Shop, level_of: Callable[[Counter], int]) -> None:
        self._shop = shop
        self._level_of = level_of

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [web.get("/v3/catalog/products", self.products), web.get("/v3/catalog/variants", self.variants)]

    async def products(self, request: web.Request) -> web.Response:
        """Products, by id unless sorted otherwise."""
        query = request.query
        page, limit = page_of(query)
        if limit > PAGE_MAX:
            return v3_error(413, f"The limit may not be above {PAGE_MAX}.")
        skus = listed(query, "sku:in") or listed(query, "sku")
        ids = numbers(query, "id:in") or numbers(query, "id")
        low, high = _bounds(query)
        whole = "variants" in (listed(query, "include") or [])
        rows = []
        for product in _sorted(self._shop.catalog.products.values(), query):
            wanted = low <= product.id <= high and (ids is None or product.id in ids)
            if wanted and (skus is None or product.sku in skus):
                row = self._show_product(product)
                if whole:
                    row["variants"] = [self._show_variant(product, variant) for variant in product.variants]
                rows.append(_chosen(row, query, always={"variants"}))
        return v3_page(rows, page, limit)

    async def variants(self, request: web.Request) -> web.Response:
        """Variants of all products, base variants too, by id."""
        query = request.query
        page, limit = page_of(query)
        if limit > PAGE_MAX:
            return v3_error(413, f"The limit may not be above {PAGE_MAX}.")
        skus, ids = listed(query, "sku"), numbers(query, "id")
        product_ids = numbers(query, "product_id:in") or numbers(query, "product_id")
        rows = [
            _chosen(self._show_variant(self._shop.catalog.products[variant.product_id], variant), query)
            for variant in self._shop.catalog.variants.values()
            if (skus is None or variant.sku in skus)
            and (ids is None or variant.id in ids)
            and (product_ids is None or variant.product_id in product_ids)
        ]
        return v3_page(rows, page, limit)

    def _level(self, item: ItemKey | None) -> int:
        if item is None:
            return 0
        counters = self._shop.stockroom.counters(item)
        if self._shop.settings.switches.catalog_level == "default_location":
            return max(0, sum(self._level_of(one) for one in counters if one.location_id == DEFAULT_LOCATION))
        return sum(max(0, self._level_of(one) - one.safety_stock) for one in counters)

    def _show_product(self, product: Product) -> dict[str, Any]:
        items = {product.item_of(variant.id) for variant in product.variants}
        return {
            "id": product.id,
            "name": product.name,
            "type": product.kind,
            "sku": product.sku,
            "price": float(product.price),
            "calculated_price": float(product.price),
            "inventory_level": sum(self._level(item) for item in items),
            "inventory_warning_level": 0,
            "inventory_tracking": product.tracking,
            "order_quantity_minimum": product.minimum,
            "order_quantity_maximum": product.maximum,
            "is_visible": True,
            "base_variant_id": product.variants[0].id if product.simple else None,
            "date_created": iso_8601(product.created_seconds),
            "date_modified": iso_8601(product.modified_seconds),
        }

    def _show_variant(self, product: Product, variant: Variant) -> dict[str, Any]:
        return {
            "id": variant.id,
            "product_id": product.id,
            "sku": variant.sku,
            "sku_id": None if product.simple else variant.id,
            "price": float(variant.price),
            "calculated_price": float(variant.price),
            "purchasing_disabled": False,
            "inventory_level": self._level(product.item_of(variant.id))
            if product.tracking == "variant" or product.simple
            else 0,
            "inventory_warning_level": 0,
            "bin_picking_number": "",
            "option_values": []
            if product.simple
            else [{"id": variant.id, "option_id": product.id, "option_display_name": "Kind", "label": variant.label}],
        }


def _bounds(query: Mapping[str, str]) -> tuple[float, float]:
    """The lowest and the highest id of id:min, id:greater, id:max and id:less."""
    given = {name: min(found) for name in _ID_BOUNDS if (found := numbers(query, name))}
    low = max(given.get("id:min", 0), given.get("id:greater", -1) + 1)
    return low, min(given.get("id:max", math.inf), given.get("id:less", math.inf) - 1)


def _sorted(products: Iterable[Product], query: Mapping[str, str]) -> list[Product]:
    keys: dict[str, Callable[[Product], Any]] = {
        "name": lambda product: product.name,
        "sku": lambda product: product.sku,
        "price": lambda product: product.price,
        "date_modified": lambda product: product.modified_seconds,
    }
    key = keys.get(query.get("sort", ""), lambda product: product.id)
    return sorted(products, key=key, reverse=query.get("direction") == "desc")


def _chosen(row: dict[str, Any], query: Mapping[str, str], always: set[str] | None = None) -> dict[str, Any]:
    """The fields that were asked for by include_fields; the id comes always."""
    wanted = listed(query, "include_fields")
    if wanted is None:
        return row
    return {name: value for name, value in row.items() if name == "id" or name in wanted or name in (always or ())}
