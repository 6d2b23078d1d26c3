"""The driving API under /_sim: shoppers, the merchant's hand, dials, settings, and the ground truth. No key, no faults.

    POST /_sim/products {"products": [{"sku", "name", "stock", "price", "manage_stock", "variations": [{"sku", "stock"}]}]}
    POST /_sim/orders {"lines": [{"sku", "quantity"}], "paid": true, "method", "fee_lines": [{"name"}], "draft": false}
    POST /_sim/orders/{id}/place | pay | complete | cancel | fail | trash | untrash | delete
    POST /_sim/orders/{id}/edit {"lines": [{"line", "quantity"}], "add": [{"sku", "quantity"}]}
    POST /_sim/orders/{id}/refund {"lines": [{"line", "quantity"}], "restock": true}
    POST /_sim/stock {"sku", "quantity"}
    GET  /_sim/webhooks, POST /_sim/webhooks/{id}/active | paused | disabled | delete
    GET  /_sim/truth    GET /_sim/requests    GET /_sim/history/{sku}
    GET/PUT /_sim/faults, DELETE turns all off    GET/POST /_sim/settings

A variation with stock null is counted by its parent. An error is `{"error": code, "detail": text}`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from syncd.simulator.woocommerce.records import Order, ShopRefusal

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

Json = dict[str, Any]


class Control:
    """The handler of everything under /_sim for one shop."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._plain: dict[tuple[str, str], Callable[[Json], tuple[int, Any]]] = {
            ("POST", "products"): self._add_products,
            ("POST", "orders"): self._checkout,
            ("POST", "stock"): self._stock,
            ("GET", "truth"): lambda _: (200, shop.truth()),
            ("GET", "requests"): lambda _: (200, [msgspec.to_builtins(seen) for seen in shop.requests]),
            ("GET", "webhooks"): lambda _: (200, self._webhooks()),
            ("GET", "faults"): lambda _: (200, msgspec.to_builtins(shop.faults)),
            ("PUT", "faults"): self._faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "settings"): lambda _: (200, msgspec.to_builtins(shop.settings)),
            ("POST", "settings"): self._settings,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one driving call."""
        raw = await request.read()
        try:
            body = msgspec.json.decode(raw) if raw else {}
            self._shop.advance()
            status, result = self._dispatch(request.method, request.match_info["tail"].split("/"), body)
        except ShopRefusal as refusal:
            status, result = refusal.status, {"error": refusal.code, "detail": refusal.message}
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:  # a driver's mistake
            status, result = 400, {"error": "bad_request", "detail": repr(error)}
        return web.Response(status=status, body=msgspec.json.encode(result), content_type="application/json")

    def _dispatch(self, method: str, path: list[str], body: Json) -> tuple[int, Any]:
        plain = self._plain.get((method, path[0])) if len(path) == 1 else None
        if plain is not None:
            return plain(body)
        if method == "GET" and path[0] == "history" and len(path) > 1:
            return 200, self._history("/".join(path[1:]))
        if method == "POST" and path[0] == "orders" and len(path) == 3:
            return self._act(self._shop.order(int(path[1])), path[2], body)
        if method == "POST" and path[0] == "webhooks" and len(path) == 3:
            return self._change_webhook(int(path[1]), path[2])
        raise ShopRefusal(404, "no_such_control", "/".join(path))

    def _add_products(self, body: Json) -> tuple[int, Any]:
        made: list[int] = []
        ids: dict[str, int] = {}
        for row in body["products"]:
            variations = row.get("variations") or []
            product = self._shop.add_product(
                row["sku"],
                name=row.get("name") or "",
                stock=row.get("stock", None if variations else 0),
                price_cents=round(float(row.get("price", 10)) * 100),
                manage_stock=row.get("manage_stock", True),
                kind="variable" if variations else "simple",
            )
            made.append(product.id)
            ids[product.sku] = product.id
            for child in variations:
                variation = self._shop.add_product(
                    child["sku"],
                    name=child.get("name") or "",
                    stock=child.get("stock"),
                    price_cents=product.price_cents,
                    parent=product,
                )
                ids[variation.sku] = variation.id
        return 201, {"products": made, "skus": ids}

    def _checkout(self, body: Json) -> tuple[int, Any]:
        order = self._shop.checkout(
            [(row["sku"], int(row["quantity"])) for row in body["lines"]],
            paid=body.get("paid", True),
            method=body.get("method") or "",
            fees=[row["name"] for row in body.get("fee_lines") or []],
            draft=body.get("draft", False),
        )
        return 201, _shown(order)

    def _stock(self, body: Json) -> tuple[int, Any]:
        self._shop.set_stock(body["sku"], int(body["quantity"]))
        return 200, {"sku": body["sku"], "level": int(body["quantity"])}

    def _faults(self, body: Json) -> tuple[int, Any]:
        self._shop.faults.change(body)
        return 200, msgspec.to_builtins(self._shop.faults)

    def _clear_faults(self, _body: Json) -> tuple[int, Any]:
        self._shop.faults.clear()
        return 200, msgspec.to_builtins(self._shop.faults)

    def _settings(self, body: Json) -> tuple[int, Any]:
        self._shop.settings.change(body)
        return 200, msgspec.to_builtins(self._shop.settings)

    def _history(self, sku: str) -> list[Any]:
        product = self._shop.catalog.named(sku)
        counter = self._shop.catalog.counter_of(product) or product
        return [msgspec.to_builtins(change) for change in counter.history]

    def _webhooks(self) -> Json:
        webhooks = self._shop.webhooks
        return {
            "webhooks": [msgspec.to_builtins(hook) for hook in webhooks.hooks.values()],
            "deliveries": [msgspec.to_builtins(delivery) for delivery in webhooks.deliveries],
        }

    def _change_webhook(self, number: int, action: str) -> tuple[int, Any]:
        """The merchant's hand: enable, pause, disable or delete a webhook."""
        hook = self._shop.webhooks.find(number)
        if action == "delete":
            self._shop.webhooks.drop(hook)
        elif action in {"active", "paused", "disabled"}:
            self._shop.webhooks.set_status(hook, action)
        else:
            raise ShopRefusal(404, "no_such_action", action)
        return 200, msgspec.to_builtins(hook)

    def _act(self, order: Order, action: str, body: Json) -> tuple[int, Any]:
        shop = self._shop
        simple: dict[str, Callable[[Order], None]] = {
            "place": lambda order: shop.place(order, paid=body.get("paid", True), method=body.get("method") or ""),
            "pay": shop.pay,
            "complete": shop.complete,
            "cancel": shop.cancel,
            "fail": shop.fail,
            "trash": shop.trash,
            "untrash": shop.untrash,
            "delete": shop.delete,
        }
        units = {int(row["line"]): int(row["quantity"]) for row in body.get("lines") or []}
        if action in simple:
            simple[action](order)
        elif action == "edit":
            shop.edit(order, units, [(row["sku"], int(row["quantity"])) for row in body.get("add") or []])
        elif action == "refund":
            shop.refund(order, units, restock=body.get("restock", True), reason=body.get("reason") or "")
        else:
            raise ShopRefusal(404, "no_such_action", action)
        return 200, _shown(order)


def _shown(order: Order) -> Json:
    lines = [{"line": str(line.id), "sku": line.sku, "quantity": line.quantity} for line in order.true_lines]
    return {"order": str(order.id), "status": "deleted" if order.deleted else order.status, "lines": lines}
