"""Writing products over REST: the absolute level, the delta that is no atomic one, and what is silently ignored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from syncd.simulator.woocommerce.order_payload import merge_meta
from syncd.simulator.woocommerce.records import Product
from syncd.simulator.woocommerce.rest import Json, invalid, whole

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


def check_types(body: Json) -> None:
    """The single PUT checks what the batch doesn't. Raises ShopRefusal."""
    for name in ("stock_quantity", "inventory_delta"):
        if name in body and whole(body[name]) is None:
            raise invalid(name, f"{name} is not of type integer.", "rest_invalid_type", param=name)
    if "manage_stock" in body and str(body["manage_stock"]).lower() not in BOOLEANS:
        raise invalid("manage_stock", "manage_stock is not of type boolean.", "rest_invalid_type", param="manage_stock")


def _number(value: object) -> int:
    """A level as PHP reads one without checking: garbage is 0."""
    return whole(value) or 0


async def write_product(shop: Shop, product: Product, body: Json) -> None:
    """Put a body into effect. Raises ShopRefusal for a SKU that exists.

    A level is ignored where the product doesn't manage its own stock: not managed, a variable parent without it, or a
    variation whose parent counts. Any write moves date_modified; one without a level never touches the counter.
    """
    if "sku" in body and str(body["sku"]) != product.sku:
        shop.catalog.rename(product, str(body["sku"]))
    if "name" in body and product.kind != "variation":
        product.name = str(body["name"])
        shop.catalog.revision += 1
    if "regular_price" in body:
        product.price_cents = round(float(body["regular_price"] or 0) * 100)
    if "backorders" in body:
        product.backorders = str(body["backorders"])
    product.meta = merge_meta(shop, product.meta, body.get("meta_data"))
    if "manage_stock" in body:
        product.manage_stock = BOOLEANS.get(str(body["manage_stock"]).lower(), False)
        if not product.manage_stock and product.level:
            shop.catalog.write(product, 0, "api")  # the number is forgotten
    if shop.settings.manage_stock and product.manage_stock:
        if "stock_quantity" in body:
            shop.catalog.write(product, _number(body["stock_quantity"]), "api")
        elif "inventory_delta" in body:
            read = product.level
            await asyncio.sleep(shop.faults.read_modify_write_seconds)
            shop.catalog.write(product, read + _number(body["inventory_delta"]), "api")
    shop.catalog.touch(product)
