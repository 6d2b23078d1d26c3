"""What a client reads about the shop itself: the index, the settings, the system's status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from syncd.simulator.woocommerce.records import ShopRefusal
from syncd.simulator.woocommerce.rest import Answer, Call, Json, one, pick
from syncd.simulator.woocommerce.wp_time import site_zone

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

HPOS = "Automattic\\WooCommerce\\Internal\\DataStores\\Orders\\OrdersTableDataStore"
LINKS = {"targetHints": {"allow": ["GET", "POST", "PUT", "PATCH"]}}


async def index(shop: Shop, call: Call) -> Answer:
    """GET /wp-json/: no key needed."""
    offset, zone = site_zone(shop.settings.timezone, shop.now())
    doc: Json = {
        "name": shop.settings.name,
        "description": "",
        "url": call.base,
        "home": call.base,
        "gmt_offset": offset,
        "timezone_string": zone,
        "namespaces": ["oembed/1.0", "wc/v3", "wc/v2", "wc/v1", "wc/store", "wc/store/v1", "wp/v2"],
        "authentication": [],
        "routes": {},
    }
    return Answer(200, pick(doc, call.fields()), {"Allow": "GET"})


async def system_status(shop: Shop, call: Call) -> Answer:
    """GET /system_status: the environment and the settings, as far as a connector needs them."""
    settings = shop.settings
    doc: Json = {
        "environment": {
            "home_url": call.base,
            "site_url": call.base,
            "version": settings.version,
            "wp_version": "6.8.8",
            "wp_multisite": False,
            "external_object_cache": None,
            "server_info": "nginx/1.22.1",
            "php_version": "8.2.36",
            "php_post_max_size": 8_388_608,
            "max_upload_size": 2_097_152,
            "default_timezone": "UTC",
        },
        "active_plugins": [],
        "settings": {
            "api_enabled": False,
            "force_ssl": False,
            "currency": settings.currency,
            "currency_symbol": "&euro;",
            "thousand_separator": ",",
            "decimal_separator": ".",
            "number_of_decimals": 2,
            "geolocation_enabled": False,
            "order_datastore": HPOS,
            "HPOS_enabled": True,
            "HPOS_sync_enabled": False,
        },
    }
    return Answer(200, pick(doc, call.fields()))


async def get_setting(shop: Shop, call: Call, group: str, name: str) -> Answer:
    """GET /settings/products/{name}: the two that decide about stock."""
    settings = shop.settings
    hold = "Hold stock (for unpaid orders) for x minutes. When this limit is reached, the pending order will be"
    known = {
        "woocommerce_manage_stock": {
            "label": "Manage stock",
            "description": "Enable stock management",
            "type": "checkbox",
            "default": "yes",
            "value": "yes" if settings.manage_stock else "no",
        },
        "woocommerce_hold_stock_minutes": {
            "label": "Hold stock (minutes)",
            "description": f"{hold} cancelled. Leave blank to disable.",
            "type": "number",
            "default": "60",
            "value": str(settings.hold_stock_minutes),
        },
    }
    if group != "products" or name not in known:
        raise ShopRefusal(404, "rest_setting_setting_invalid", "Invalid setting.")
    api = f"{call.base}/wp-json/wc/v3/settings/products"
    links = {"self": [{"href": f"{api}/{name}", **LINKS}], "collection": [{"href": api}]}
    return one(call, {"id": name, **known[name], "group_id": "products", "_links": links})


async def update_setting(shop: Shop, call: Call, group: str, name: str) -> Answer:
    """PUT /settings/products/{name}."""
    await get_setting(shop, call, group, name)
    value = str(call.params.get("value", ""))
    if name == "woocommerce_manage_stock":
        shop.settings.manage_stock = value == "yes"
    else:
        shop.settings.hold_stock_minutes = int(value or 0)
    return await get_setting(shop, call, group, name)


def error_page(status: int, title: str) -> bytes:
    """What a web server or a firewall in front of the shop shows."""
    return f"<html>\n<head><title>{status} {title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n".encode()


def encoded(refusal: ShopRefusal) -> bytes:
    """An error's body."""
    return msgspec.json.encode(refusal.body())
