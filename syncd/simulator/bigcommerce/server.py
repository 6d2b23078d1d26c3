"""The shop as an aiohttp application."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from syncd.simulator.bigcommerce.cart_api import CartApi
from syncd.simulator.bigcommerce.cart_control import CartControl
from syncd.simulator.bigcommerce.catalog_api import CatalogApi
from syncd.simulator.bigcommerce.checkout_api import CheckoutApi
from syncd.simulator.bigcommerce.control import Control
from syncd.simulator.bigcommerce.gate import Gate, Handler
from syncd.simulator.bigcommerce.hooks_api import HooksApi
from syncd.simulator.bigcommerce.inventory_api import InventoryApi
from syncd.simulator.bigcommerce.order_api import OrderApi
from syncd.simulator.bigcommerce.order_parts_api import OrderPartsApi
from syncd.simulator.bigcommerce.order_writes import OrderWrites
from syncd.simulator.bigcommerce.refund_api import RefundApi
from syncd.simulator.bigcommerce.shipment_writes import ShipmentWrites
from syncd.simulator.bigcommerce.shop import Shop
from syncd.simulator.bigcommerce.store_api import StoreApi
from syncd.simulator.bigcommerce.transaction_api import TransactionApi

STORE: Final = "simshop"
"""The store hash, unless the caller wants another."""
TOKEN: Final = "sim-token"  # noqa: S105 - the key of a toy
"""The X-Auth-Token, unless the caller wants another."""
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
"""A request's body: 2,000 adjustments are below 200 kB."""


def make_app(shop: Shop, *, store: str = STORE, token: str = TOKEN) -> web.Application:
    """The vendor's API under /stores/{store}/v2 and /v3, and the driving API under /_sim. Run it on any socket."""
    gate = Gate(shop, store, token)
    control = Control(shop, gate)

    @web.middleware
    async def dispatch(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sim/"):
            return await control.guard(request, handler)
        return await gate.pass_through(request, handler)

    app = web.Application(middlewares=[dispatch], client_max_size=BODY_BYTES_MAX)
    app.cleanup_ctx.append(shop.hooks.courier.lifetime)
    inventory = InventoryApi(shop)
    parts = (
        StoreApi(shop),
        OrderApi(shop),
        OrderPartsApi(shop),
        OrderWrites(shop),
        ShipmentWrites(shop),
        TransactionApi(shop),
        RefundApi(shop),
        HooksApi(shop),
        inventory,
        CatalogApi(shop, inventory.shown_level),
        CartApi(shop),
        CheckoutApi(shop),
    )
    for part in parts:
        for route in part.routes():
            app.router.add_route(route.method, "/stores/{store}" + route.path, route.handler)
    app.router.add_routes(control.routes())
    app.router.add_routes(CartControl(shop).routes())
    return app
