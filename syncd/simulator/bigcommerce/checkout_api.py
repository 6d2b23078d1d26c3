"""`/v3/checkouts`, by the vendor's document: addresses, consignments, coupons, and orders of a cart."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer
from syncd.simulator.bigcommerce.cart_api import Invalid, given, includes, told, version_of
from syncd.simulator.bigcommerce.cart_models import Cart, Consignment, Option
from syncd.simulator.bigcommerce.cart_shapes import show_checkout
from syncd.simulator.bigcommerce.refusals import NoSuch
from syncd.simulator.bigcommerce.shop import Shop

CODE_CHARACTERS_MAX: Final = 50
MESSAGE_CHARACTERS_MAX: Final = 2_000


class CheckoutApi:
    """Checkouts over HTTP. A checkout has the id of its cart."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get("/v3/checkouts/{cart}", told(self.one)),
            web.put("/v3/checkouts/{cart}", told(self.say)),
            web.post("/v3/checkouts/{cart}/billing-address", told(self.set_billing)),
            web.put("/v3/checkouts/{cart}/billing-address/{address}", told(self.set_billing)),
            web.post("/v3/checkouts/{cart}/consignments", told(self.consign)),
            web.put("/v3/checkouts/{cart}/consignments/{consignment}", told(self.reconsign)),
            web.delete("/v3/checkouts/{cart}/consignments/{consignment}", told(self.unconsign)),
            web.post("/v3/checkouts/{cart}/coupons", told(self.apply_coupon)),
            web.delete("/v3/checkouts/{cart}/coupons/{code}", told(self.drop_coupon)),
            web.post("/v3/checkouts/{cart}/orders", told(self.order)),
        ]

    async def one(self, request: web.Request) -> web.Response:
        """The checkout; 404 as for its cart."""
        return _shown(request, self._shop.carts.seen(request.match_info["cart"]))

    async def say(self, request: web.Request) -> web.Response:
        """The customer's message."""
        cart, body = self._cart(request), await given(request)
        message = body.get("customer_message")
        if not isinstance(message, str) or len(message) > MESSAGE_CHARACTERS_MAX:
            raise Invalid("customer_message")
        self._shop.carts.say(cart, message, version_of(body))
        return _shown(request, cart)

    async def set_billing(self, request: web.Request) -> web.Response:
        """E-mail and country at least."""
        cart, body = self._cart(request), await given(request)
        if "address" in request.match_info and request.match_info["address"] != cart.billing.get("id"):
            raise NoSuch("no such billing address")
        self._shop.carts.set_billing(cart, _address(body), version_of(body))
        return _shown(request, cart)

    async def consign(self, request: web.Request) -> web.Response:
        """A list of consignments, each with an address and lines."""
        cart = self._cart(request)
        wanted = msgspec.json.decode(await request.read())
        if not isinstance(wanted, list) or not wanted:
            raise Invalid("an array of consignments")
        told_versions = [version_of(each) for each in wanted]
        self._shop.carts.consign(
            cart, [(_address(each.get("address")), _units(each.get("line_items"))) for each in wanted], told_versions[0]
        )
        return _shown(request, cart)

    async def reconsign(self, request: web.Request) -> web.Response:
        """Another address and lines, or the choice of a way to ship."""
        cart, body = self._cart(request), await given(request)
        one, carts = _consignment(request, cart), self._shop.carts
        if "shipping_option_id" in body:
            carts.choose(cart, one, str(body["shipping_option_id"]), version_of(body))
        elif "custom_shipping" in body:
            custom = body["custom_shipping"]
            option = Option("custom", str(custom.get("description", "")), Decimal(str(custom.get("price", 0))))
            carts.choose(cart, one, option, version_of(body))
        else:
            address = _address(body["address"]) if "address" in body else None
            units = _units(body["line_items"]) if "line_items" in body else None
            carts.reconsign(cart, one, address, units, version_of(body))
        return _shown(request, cart)

    async def unconsign(self, request: web.Request) -> web.Response:
        """Take one away."""
        cart = self._cart(request)
        self._shop.carts.unconsign(cart, _consignment(request, cart))
        return _shown(request, cart)

    async def apply_coupon(self, request: web.Request) -> web.Response:
        """A coupon code."""
        cart, body = self._cart(request), await given(request)
        code = body.get("coupon_code")
        if not isinstance(code, str) or not 0 < len(code) <= CODE_CHARACTERS_MAX:
            raise Invalid("coupon_code")
        self._shop.carts.apply_coupon(cart, code, version_of(body))
        return _shown(request, cart)

    async def drop_coupon(self, request: web.Request) -> web.Response:
        """Without it again."""
        cart = self._cart(request)
        self._shop.carts.drop_coupon(cart, request.match_info["code"])
        return _shown(request, cart)

    async def order(self, request: web.Request) -> web.Response:
        """An Incomplete order; each request makes one."""
        order = self._shop.carts.order_of(self._cart(request))
        return answer({"data": {"id": order.id}, "meta": {}})

    def _cart(self, request: web.Request) -> Cart:
        return self._shop.carts.cart(request.match_info["cart"])


def _shown(request: web.Request, cart: Cart) -> web.Response:
    return answer({"data": show_checkout(cart, includes(request)), "meta": {}})


def _consignment(request: web.Request, cart: Cart) -> Consignment:
    found = [one for one in cart.consignments if one.id == request.match_info["consignment"]]
    if not found:
        raise NoSuch("no such consignment")
    return found[0]


def _address(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Invalid("address")
    for name in ("email", "country_code"):
        if not isinstance(value.get(name), str) or not value[name]:
            raise Invalid(name)
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _units(value: object) -> dict[str, int]:
    if not isinstance(value, list) or not value:
        raise Invalid("line_items")
    return {str(each["item_id"]): int(each["quantity"]) for each in value}
