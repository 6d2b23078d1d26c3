"""The driving API's part about carts: what shoppers do with them, and what became of each.

| request | does |
|---|---|
| POST /_sim/carts | `{"lines": [{"sku", "quantity"}], "custom_lines": [{"name", "quantity", "price"}], "channel", "customer", "email"}` |
| POST /_sim/carts/{id}/edit | `{"lines": [{"line", "quantity"}], "add": [{"sku", "quantity"}]}`; quantity 0 takes a line out |
| POST /_sim/carts/{id}/email, coupon | `{"email"}` of a guest at the checkout; `{"code"}` |
| POST /_sim/carts/{id}/delete | the shopper empties it |
| POST /_sim/carts/{id}/payment | the shopper reaches the payment page: an Incomplete order, one more each time |
| POST /_sim/carts/{id}/checkout | `{"paid"}`: to the end; paid, or to be paid later; 409 when out of stock |
| POST /_sim/coupons | `{"code", "percent"}` |
| GET /_sim/carts | all there were, with `gone` and `orders` |
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, body_of
from syncd.simulator.bigcommerce.cart_models import Cart
from syncd.simulator.bigcommerce.refusals import NoSuch
from syncd.simulator.bigcommerce.shop import Shop


class CartControl:
    """Drives a shop's carts over HTTP."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /_sim."""
        return [
            web.get("/_sim/carts", self.all),
            web.post("/_sim/carts", self.create),
            web.post("/_sim/carts/{cart}/{action}", self.act),
            web.post("/_sim/coupons", self.coupon),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Every cart, gone ones too."""
        del request
        return answer([_shown(cart) for cart in self._shop.carts.kept.values()])

    async def create(self, request: web.Request) -> web.Response:
        """A shopper puts the first things into a cart."""
        body, carts = await body_of(request) or {}, self._shop.carts
        lines = [carts.line_of(one["sku"], int(one["quantity"])) for one in body.get("lines", ())]
        lines += [
            carts.custom_line(one["name"], int(one["quantity"]), Decimal(str(one.get("price", 5))))
            for one in body.get("custom_lines", ())
        ]
        cart = carts.create(
            lines,
            channel=int(body.get("channel", 1)),
            customer=int(body.get("customer", 0)),
            email=str(body.get("email", "")),
        )
        return answer(_shown(cart), 201)

    async def act(self, request: web.Request) -> web.Response:
        """A step of a cart's life."""
        body, carts = await body_of(request) or {}, self._shop.carts
        cart, action = carts.cart(request.match_info["cart"]), request.match_info["action"]
        billing = {"country_code": "US", **cart.billing, "email": str(body.get("email", ""))}
        steps: dict[str, Callable[[], object]] = {
            "edit": lambda: self._edit(cart, body),
            "email": lambda: carts.set_billing(cart, billing),
            "coupon": lambda: carts.apply_coupon(cart, str(body["code"])),
            "delete": lambda: carts.delete(cart),
            "payment": lambda: carts.order_of(cart, source="www"),
            "checkout": lambda: carts.check_out(cart, paid=bool(body.get("paid", True))),
        }
        if action not in steps:
            raise NoSuch(f"no action {action!r}")
        steps[action]()
        return answer(_shown(cart))

    def _edit(self, cart: Cart, body: dict[str, Any]) -> None:
        carts = self._shop.carts
        if body.get("add"):
            carts.add(cart, [carts.line_of(one["sku"], int(one["quantity"])) for one in body["add"]])
        for one in body.get("lines", ()):
            carts.change(cart, one["line"], int(one["quantity"]))

    async def coupon(self, request: web.Request) -> web.Response:
        """The merchant makes a code."""
        body = await body_of(request) or {}
        coupon = self._shop.carts.add_coupon(str(body["code"]), Decimal(str(body["percent"])))
        return answer({"coupon": coupon.id, "code": coupon.code}, 201)


def _shown(cart: Cart) -> dict[str, Any]:
    lines = [{"line": line.id, "sku": line.sku, "quantity": line.quantity} for line in cart.lines]
    return {
        "cart": cart.id, "version": cart.version, "lines": lines, "gone": cart.gone, "token": cart.token,
        "orders": [str(number) for number in cart.orders],
    }  # fmt: skip
