"""Products and variations over REST v3."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from syncd.simulator.woocommerce.order_book import SECOND
from syncd.simulator.woocommerce.order_query import date_bound
from syncd.simulator.woocommerce.product_view import product_doc, variation_doc
from syncd.simulator.woocommerce.records import Product, ShopRefusal
from syncd.simulator.woocommerce.rest import (
    Answer,
    Call,
    Json,
    batch_of,
    invalid,
    item_error,
    listed,
    listing,
    one,
    page_of,
    pick,
    without_filters,
)
from syncd.simulator.woocommerce.stock_writes import check_types, write_product

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

INVALID_ID = "woocommerce_rest_product_invalid_id"
INVALID_VARIATION = "woocommerce_rest_product_variation_invalid_id"
TYPES = ["simple", "grouped", "external", "variable"]
ORDERBY = ["date", "id", "include", "title", "slug", "modified", "price", "popularity", "rating", "menu_order"]
USE_VARIATIONS = (
    "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint."
)


def _as_of(shop: Shop) -> int | None:
    seconds = shop.faults.stale_seconds
    return shop.now() - round(seconds * SECOND) if seconds > 0 else None


def _select(shop: Shop, call: Call, products: Iterable[Product]) -> list[Product]:
    exclude, include = call.ids("exclude"), call.ids("include")
    after, before = date_bound(shop, call, "modified_after"), date_bound(shop, call, "modified_before")
    orderby = call.choice("orderby", "date", ORDERBY)
    descending = call.choice("order", "desc", ["asc", "desc"]) == "desc"
    found = [
        product
        for product in products
        if product.id not in exclude
        and (not include or product.id in include)
        and (after is None or product.modified_us // SECOND > after)
        and (before is None or product.modified_us // SECOND < before)
    ]
    keys: dict[str, Callable[[Product], tuple[int | str, int]]] = {
        "date": lambda product: (product.created_us // SECOND, product.id),
        "modified": lambda product: (product.modified_us // SECOND, product.id),
        "title": lambda product: (product.name, product.id),
        "slug": lambda product: (product.name, product.id),
        "price": lambda product: (product.price_cents, product.id),
    }
    if orderby == "include" and include:
        return sorted(found, key=lambda product: include.index(product.id))
    return sorted(found, key=keys.get(orderby, lambda product: (0, product.id)), reverse=descending)


async def list_products(shop: Shop, call: Call) -> Answer:
    """GET /products: parents and simple ones; with `sku` variations as well."""
    if shop.draw(shop.faults.ignored_filters):
        call = without_filters(call)
    _, per_page, first = page_of(call)
    kind = call.params.get("type")
    if kind is not None and kind not in TYPES:
        raise invalid("type", f"type is not one of {listed(TYPES)}.", "rest_not_in_enum")
    skus = call.words("sku")
    search = str(call.params.get("search") or "").lower()
    pool: Iterable[Product]
    if skus:
        pool = [shop.catalog.by_sku[sku] for sku in dict.fromkeys(skus) if sku in shop.catalog.by_sku]
    else:
        pool = (product for product in shop.catalog.products.values() if not product.parent_id)
    found = [
        product
        for product in _select(shop, call, pool)
        if (kind is None or product.kind == kind) and search in f"{product.name} {product.sku}".lower()
    ]
    at, fields = _as_of(shop), call.fields()
    page = found[first : first + per_page]
    rows = [msgspec.json.encode(pick(product_doc(shop, product, call.base, at=at), fields)) for product in page]
    return listing(call, rows, len(found))


def _product(shop: Shop, product_id: int, status: int) -> Product:
    product = shop.catalog.products.get(product_id)
    if product is None:
        raise ShopRefusal(status, INVALID_ID, "Invalid ID.")
    return product


def _variation(shop: Shop, parent_id: int, product_id: int, status: int) -> Product:
    product = shop.catalog.products.get(product_id)
    if product is None or product.parent_id != parent_id:
        raise ShopRefusal(status, INVALID_VARIATION, "Invalid ID.")
    return product


async def get_product(shop: Shop, call: Call, product_id: int) -> Answer:
    """GET /products/{id}, of a variation too."""
    product = _product(shop, product_id, 404)
    return one(call, product_doc(shop, product, call.base, at=_as_of(shop)))


async def create_product(shop: Shop, call: Call) -> Answer:
    """POST /products: simple ones."""
    return one(call, await _create(shop, call), 201)


async def _create(shop: Shop, call: Call) -> Json:
    body = call.params
    product = shop.add_product(str(body.get("sku") or ""), name=str(body.get("name") or ""), stock=None)
    await write_product(shop, product, {name: value for name, value in body.items() if name != "sku"})
    return product_doc(shop, product, call.base, written=True)


def _refuse_variation(product: Product) -> None:
    if product.parent_id:
        raise ShopRefusal(404, "woocommerce_rest_invalid_product_id", USE_VARIATIONS)


async def update_product(shop: Shop, call: Call, product_id: int) -> Answer:
    """PUT /products/{id}: types are checked; a variation's id is refused."""
    product = _product(shop, product_id, 400)
    _refuse_variation(product)
    check_types(call.params)
    await write_product(shop, product, call.params)
    return one(call, product_doc(shop, product, call.base, written=True))


async def delete_product(shop: Shop, call: Call, product_id: int) -> Answer:
    """DELETE /products/{id} with force."""
    product = _product(shop, product_id, 404)
    if not call.flag("force"):
        raise ShopRefusal(501, "woocommerce_rest_trash_not_supported", "This simulator deletes with force=true only.")
    before = product_doc(shop, product, call.base, written=True)
    shop.catalog.remove(product)
    return one(call, before)


async def list_variations(shop: Shop, call: Call, parent_id: int) -> Answer:
    """GET /products/{id}/variations."""
    if shop.draw(shop.faults.ignored_filters):
        call = without_filters(call)
    parent = _product(shop, parent_id, 404)
    _, per_page, first = page_of(call)
    skus = call.words("sku")
    pool = [shop.catalog.products[child] for child in parent.children]
    found = [product for product in _select(shop, call, pool) if not skus or product.sku in skus]
    at, fields = _as_of(shop), call.fields()
    page = found[first : first + per_page]
    rows = [msgspec.json.encode(pick(variation_doc(shop, product, call.base, at=at), fields)) for product in page]
    return listing(call, rows, len(found))


async def create_variation(shop: Shop, call: Call, parent_id: int) -> Answer:
    """POST /products/{id}/variations: by its SKU and option."""
    parent = _product(shop, parent_id, 404)
    body = call.params
    option = str(next((row.get("option") for row in body.get("attributes") or []), ""))
    product = shop.add_product(str(body.get("sku") or ""), name=option, stock=None, parent=parent)
    await write_product(shop, product, {name: value for name, value in body.items() if name != "sku"})
    return one(call, variation_doc(shop, product, call.base, written=True), 201)


async def get_variation(shop: Shop, call: Call, parent_id: int, product_id: int) -> Answer:
    """GET /products/{id}/variations/{id}."""
    product = _variation(shop, parent_id, product_id, 404)
    return one(call, variation_doc(shop, product, call.base, at=_as_of(shop)))


async def update_variation(shop: Shop, call: Call, parent_id: int, product_id: int) -> Answer:
    """PUT /products/{id}/variations/{id}: types are checked."""
    product = _variation(shop, parent_id, product_id, 400)
    check_types(call.params)
    await write_product(shop, product, call.params)
    return one(call, variation_doc(shop, product, call.base, written=True))


async def batch_products(shop: Shop, call: Call) -> Answer:
    """POST /products/batch: a 200 with each item's result or error. Types aren't checked: "abc" sets 0."""
    answers: dict[str, list[Json]] = {}
    for verb, item in batch_of(call):
        body = item if isinstance(item, dict) else {"id": item}
        number = int(body.get("id") or 0)
        try:
            if verb == "create":
                own = Call(call.method, call.route, call.base, body)
                result = await _create(shop, own)
            else:
                product = _product(shop, number, 400)
                _refuse_variation(product)
                result = await _write_item(shop, call, verb, product, body)
        except ShopRefusal as refusal:
            result = item_error(number, refusal)
        answers.setdefault(verb, []).append(result)
    return Answer(200, answers)


async def _write_item(shop: Shop, call: Call, verb: str, product: Product, body: Json) -> Json:
    if verb == "delete":
        before = product_doc(shop, product, call.base, written=True)
        shop.catalog.remove(product)
        return before
    await write_product(shop, product, body)
    return product_doc(shop, product, call.base, written=True)


async def batch_variations(shop: Shop, call: Call, parent_id: int) -> Answer:
    """POST /products/{id}/variations/batch: updates only; else as /products/batch."""
    _product(shop, parent_id, 404)
    answers: dict[str, list[Json]] = {}
    for verb, item in batch_of(call):
        body = item if isinstance(item, dict) else {"id": item}
        number = int(body.get("id") or 0)
        try:
            if verb != "update":
                raise ShopRefusal(501, "simulator_unsupported", "This simulator only updates variations in a batch.")
            product = _variation(shop, parent_id, number, 400)
            await write_product(shop, product, body)
            result = variation_doc(shop, product, call.base, written=True)
        except ShopRefusal as refusal:
            result = item_error(number, refusal)
        answers.setdefault(verb, []).append(result)
    return Answer(200, answers)
