"""Products and variations as REST v3 shows them: the keys, types and oddities of recorded answers."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from syncd.simulator.woocommerce.order_view import WRITABLE, meta_doc
from syncd.simulator.woocommerce.records import Product
from syncd.simulator.woocommerce.wp_time import gmt_text, local_text, zone_of

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

Doc = dict[str, Any]
RELATED_MAX = 5  # WooCommerce names five others, by chance; here the first
PRICE_HTML = (
    '<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol">&euro;</span>'
    "{:.2f}</bdi></span>"
)


def stock_of(shop: Shop, product: Product, at: int | None) -> Doc:
    """manage_stock, stock_quantity and stock_status. A variation whose parent counts says "parent", a string."""
    counter = shop.catalog.counter_of(product)
    level = None if counter is None else shop.catalog.count(counter, at)
    managed: bool | str = False if counter is None else True if counter is product else "parent"
    if level is None and product.manage_stock:
        level = shop.catalog.count(product, at)  # stock management is off for the shop: the old number still shows
    short = "outofstock" if product.backorders == "no" else "onbackorder"
    in_stock = counter is None or level is None or level > 0
    return {"manage_stock": managed, "stock_quantity": level, "stock_status": "instock" if in_stock else short}


def _slug(text: str) -> str:
    return "-".join(text.lower().replace("-", " ").split())


def _price(product: Product) -> str:
    return f"{product.price_cents / 100:g}"


def _dates(shop: Shop, product: Product) -> Doc:
    zone = zone_of(shop.settings.timezone)
    return {
        "date_created": local_text(product.created_us, zone),
        "date_created_gmt": gmt_text(product.created_us),
        "date_modified": local_text(product.modified_us, zone),
        "date_modified_gmt": gmt_text(product.modified_us),
    }


def _sale(product: Product) -> Doc:
    variable = product.kind == "variable"
    return {
        "price": _price(product),
        "regular_price": "" if variable else _price(product),
        "sale_price": "",
        "date_on_sale_from": None,
        "date_on_sale_from_gmt": None,
        "date_on_sale_to": None,
        "date_on_sale_to_gmt": None,
        "on_sale": False,
    }


def _goods(product: Product) -> Doc:
    return {
        "purchasable": True,
        "virtual": False,
        "downloadable": False,
        "downloads": [],
        "download_limit": -1,
        "download_expiry": -1,
        "tax_status": "taxable",
        "tax_class": "",
        "backorders": product.backorders,
        "backorders_allowed": product.backorders != "no",
        "backordered": False,
        "low_stock_amount": None,
        "weight": "",
        "dimensions": {"length": "", "width": "", "height": ""},
        "shipping_class": "",
        "shipping_class_id": 0,
        "menu_order": 0,
        "global_unique_id": "",
        "meta_data": [meta_doc(row) for row in product.meta],
    }


def _attributes(shop: Shop, product: Product) -> list[Doc]:
    if product.kind == "variation":
        return [{"id": 0, "name": "Size", "slug": "size", "option": product.option}]
    if product.kind == "variable":
        options = [shop.catalog.products[child].option for child in product.children]
        shown = {"position": 0, "visible": True, "variation": True, "options": options}
        return [{"id": 0, "name": "Size", "slug": "Size", **shown}]
    return []


def _permalink(shop: Shop, product: Product, base: str) -> str:
    parent = shop.catalog.products.get(product.parent_id)
    if parent is None:
        return f"{base}/product/{_slug(product.name)}/"
    return f"{base}/product/{_slug(parent.name)}/?attribute_size={product.option}"


def _others(shop: Shop, product: Product) -> list[int]:
    others = (other.id for other in shop.catalog.products.values() if not other.parent_id and other is not product)
    return list(islice(others, RELATED_MAX))


def product_doc(shop: Shop, product: Product, base: str, *, at: int | None = None, written: bool = False) -> Doc:
    """A product (or a variation by its own id) under /products; `written` adds what an answer to a write has."""
    parent = shop.catalog.products.get(product.parent_id)
    name = f"{parent.name} - {product.option}" if parent else product.name
    api = f"{base}/wp-json/wc/v3/products"
    category = [] if parent else [{"id": 15, "name": "Uncategorized", "slug": "uncategorized"}]
    up = {"up": [{"href": f"{api}/{parent.id}"}]} if parent else {}
    extra = {"permalink_template": f"{base}/product/%pagename%/", "generated_slug": _slug(name)} if written else {}
    return {
        "id": product.id,
        "name": name,
        "slug": _slug(name),
        "permalink": _permalink(shop, product, base),
        **_dates(shop, product),
        "type": product.kind,
        "status": "publish",
        "featured": False,
        "catalog_visibility": "visible",
        "description": "",
        "short_description": "",
        "sku": product.sku,
        **_sale(product),
        "total_sales": str(product.total_sales) if parent else product.total_sales,
        **_goods(product),
        **stock_of(shop, product, at),
        "external_url": "",
        "button_text": "",
        "sold_individually": False,
        "shipping_required": True,
        "shipping_taxable": True,
        "reviews_allowed": parent is None,
        "average_rating": "0" if written else "0.00",
        "rating_count": 0,
        "upsell_ids": [],
        "cross_sell_ids": [],
        "parent_id": product.parent_id,
        "purchase_note": "",
        "categories": category,
        "brands": [],
        "tags": [],
        "images": [],
        "attributes": _attributes(shop, product),
        "default_attributes": [],
        "variations": list(product.children),
        "grouped_products": [],
        "price_html": PRICE_HTML.format(product.price_cents / 100),
        "related_ids": [] if parent else _others(shop, product),
        "has_options": product.kind == "variable",
        "post_password": "",
        **extra,
        "_links": {
            "self": [{"href": f"{api}/{product.id}", **WRITABLE}],
            "collection": [{"href": api}],
            **up,
        },
    }


def variation_doc(shop: Shop, product: Product, base: str, *, at: int | None = None, written: bool = False) -> Doc:
    """A variation under /products/{id}/variations: fewer keys, and its option as its name."""
    parent = f"{base}/wp-json/wc/v3/products/{product.parent_id}"
    goods = _goods(product)
    return {
        "id": product.id,
        "type": "variation",
        **_dates(shop, product),
        "description": "",
        "permalink": _permalink(shop, product, base),
        "sku": product.sku,
        **_sale(product),
        "status": "publish",
        **goods,
        "tax_class": "parent" if written else "",
        **stock_of(shop, product, at),
        "image": None,
        "attributes": _attributes(shop, product),
        "name": product.option,
        "parent_id": product.parent_id,
        "_links": {
            "self": [{"href": f"{parent}/variations/{product.id}", **WRITABLE}],
            "collection": [{"href": f"{parent}/variations"}],
            "up": [{"href": parent}],
        },
    }
