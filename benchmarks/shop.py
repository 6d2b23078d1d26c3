"""A WooCommerce shop that answers from memory, in a process of its own, so that its work isn't counted as the daemon's.

`python -m benchmarks.shop --orders 20000` prints its port. Behind `/full` lies the shop with the orders, behind any other
name an idle one. `/requests` tells how often each route was asked; it honours what the scan relies on: `modified_after`,
`exclude`, `page`, `per_page` (in the address, or in the body of a POST with `_method=GET`).
"""

from __future__ import annotations

import argparse
import json
import socket
from collections import Counter
from datetime import UTC, datetime

from aiohttp import web

from benchmarks.orders import PRODUCTS, STOCK, OrderList, product_of, render, sku_of

FULL = "full"
STATUSES = ("pending", "on-hold", "processing", "completed", "cancelled", "refunded", "failed", "checkout-draft")
SETTINGS = {"woocommerce_manage_stock": "yes", "woocommerce_hold_stock_minutes": "60"}


class Shop:
    """The routes."""

    def __init__(self, orders: int) -> None:
        self.orders = OrderList(render(orders))
        self.products = [_product(number) for number in range(PRODUCTS)]
        self.asked: Counter[str] = Counter()

    def app(self) -> web.Application:
        """All routes."""
        app = web.Application(client_max_size=2**20)
        app.router.add_get("/requests", self.count)
        for method in ("GET", "POST"):
            app.router.add_route(method, "/{shop}/wp-json/{route:.*}", self.answer)
        return app

    async def count(self, _request: web.Request) -> web.Response:
        """How often each route was asked since the last look."""
        asked, self.asked = self.asked, Counter()
        return web.json_response(asked)

    async def answer(self, request: web.Request) -> web.Response:
        """Any route of the REST API."""
        shop, route = request.match_info["shop"], request.match_info["route"].removeprefix("wc/v3/").strip("/")
        self.asked[route] += 1
        query = dict(request.query)
        if request.method == "POST":
            query |= json.loads(await request.read())
        return web.Response(body=self._body(shop, route, query, request), content_type="application/json")

    def _body(self, shop: str, route: str, query: dict[str, str], request: web.Request) -> bytes:
        if route == "orders":
            return self._orders(query) if shop == FULL else b"[]"
        if route == "orders/statuses":
            return json.dumps([{"slug": slug, "name": slug} for slug in STATUSES]).encode()
        if route == "products":
            return self._products(query) if shop == FULL else b"[]"
        if route == "system_status":
            return b'{"environment":{"version":"10.0.2"}}'
        if route.startswith("settings/products/"):
            return json.dumps({"id": "x", "value": SETTINGS[route.rpartition("/")[2]]}).encode()
        if route == "":
            address = f"http://{request.host}/{shop}"
            return json.dumps({"name": shop, "url": address, "home": address, "namespaces": ["wc/v3"]}).encode()
        raise web.HTTPNotFound

    def _orders(self, query: dict[str, str]) -> bytes:
        if query.get("orderby") != "modified":
            return b"[]"
        after = query.get("modified_after")
        since = None if after is None else int(datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp())
        exclude = {int(number) for number in query.get("exclude", "").split(",") if number}
        return self.orders.page(since, exclude, int(query.get("page", "1")), int(query["per_page"]))

    def _products(self, query: dict[str, str]) -> bytes:
        wanted = {int(number) for number in query.get("include", "").split(",") if number}
        skip, limit = int(query.get("offset", "0")), int(query.get("per_page", "10"))
        rows = [row for row in self.products if not wanted or row["id"] in wanted]
        return json.dumps(rows[skip : skip + limit]).encode()


def _product(number: int) -> dict[str, object]:
    return {
        "id": product_of(number),
        "type": "simple",
        "name": f"Item no. {number}",
        "sku": sku_of(number),
        "parent_id": 0,
        "manage_stock": True,
        "stock_quantity": STOCK,
        "virtual": False,
        "downloadable": False,
    }


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shop")
    parser.add_argument("--orders", type=int, default=20_000)
    shop = Shop(parser.parse_args().orders)

    async def tell(app: web.Application) -> None:
        runner_address = app["socket"].getsockname()
        print(runner_address[1], flush=True)

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        app = shop.app()
        app["socket"] = listener
        app.on_startup.append(tell)
        web.run_app(app, sock=listener, print=None, access_log=None)


if __name__ == "__main__":
    main()
