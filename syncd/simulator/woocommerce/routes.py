"""Which function answers which route of /wp-json/wc/v3."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from syncd.simulator.woocommerce import orders_api, products_api, refunds_api, site_api, webhooks_api
from syncd.simulator.woocommerce.records import ShopRefusal
from syncd.simulator.woocommerce.rest import Answer, Call

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

Handler = Callable[..., Awaitable[Answer]]
Routes = list[tuple[re.Pattern[str], dict[str, Handler]]]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]  # as the Allow header lists them


def _route(pattern: str, **handlers: Handler) -> tuple[re.Pattern[str], dict[str, Handler]]:
    writable = handlers.get("put") or (handlers.get("post") if pattern.endswith("/batch") else None)
    by_method = {name.upper(): handler for name, handler in handlers.items()}
    if writable is not None:  # WordPress: EDITABLE is POST, PUT and PATCH
        by_method |= dict.fromkeys(("POST", "PUT", "PATCH"), writable)
    return re.compile(f"^/wc/v3{pattern}/?$"), by_method


def all_routes() -> Routes:
    """Every route that this shop answers."""
    orders, products = r"/orders/(\d+)", r"/products/(\d+)"
    return [
        _route("/orders", get=orders_api.list_orders, post=orders_api.create_order),
        _route("/orders/batch", post=orders_api.batch_orders),
        _route("/orders/statuses", get=orders_api.list_statuses),
        _route(orders, get=orders_api.get_order, put=orders_api.update_order, delete=orders_api.delete_order),
        _route(f"{orders}/notes", get=orders_api.list_notes, post=orders_api.create_note),
        _route(f"{orders}/refunds", get=refunds_api.list_refunds, post=refunds_api.create_refund),
        _route(rf"{orders}/refunds/(\d+)", get=refunds_api.get_refund, delete=refunds_api.delete_refund),
        _route("/refunds", get=refunds_api.list_all_refunds),
        _route("/products", get=products_api.list_products, post=products_api.create_product),
        _route("/products/batch", post=products_api.batch_products),
        _route(
            products, get=products_api.get_product, put=products_api.update_product, delete=products_api.delete_product
        ),
        _route(f"{products}/variations", get=products_api.list_variations, post=products_api.create_variation),
        _route(f"{products}/variations/batch", post=products_api.batch_variations),
        _route(rf"{products}/variations/(\d+)", get=products_api.get_variation, put=products_api.update_variation),
        _route("/system_status", get=site_api.system_status),
        _route(r"/settings/([\w-]+)/([\w-]+)", get=site_api.get_setting, put=site_api.update_setting),
        _route("/webhooks", get=webhooks_api.list_webhooks, post=webhooks_api.create_webhook),
        _route(
            r"/webhooks/(\d+)",
            get=webhooks_api.get_webhook,
            put=webhooks_api.update_webhook,
            delete=webhooks_api.delete_webhook,
        ),
    ]


async def dispatch(shop: Shop, routes: Routes, call: Call) -> Answer:
    """Find the function and run it. Raises ShopRefusal for no route, or what the function refuses."""
    for pattern, handlers in routes:
        match = pattern.match(call.route)
        if match and call.method in handlers:
            parts = [int(part) if part.isdigit() else part for part in match.groups()]
            allow = ", ".join(sorted(handlers, key=METHODS.index))
            try:
                answer = await handlers[call.method](shop, call, *parts)
            except ShopRefusal as refusal:
                refusal.headers["Allow"] = allow
                raise
            answer.headers["Allow"] = allow
            return answer
    raise ShopRefusal(404, "rest_no_route", "No route was found matching the URL and request method.")
