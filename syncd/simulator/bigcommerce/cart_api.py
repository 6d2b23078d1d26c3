"""`/v3/carts` and `/v3/abandoned-carts`, by the vendor's documents. There is no list of carts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from syncd.simulator.bigcommerce.answers import answer, body_of, listed, nothing, v3_error
from syncd.simulator.bigcommerce.cart_models import Cart, CartLine
from syncd.simulator.bigcommerce.cart_shapes import show_cart, show_redirects
from syncd.simulator.bigcommerce.carts import Conflict
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.shop import Shop

Handler = Callable[[web.Request], Awaitable[web.Response]]
_CONFLICT = "The request cannot be processed due to a possible conflict. Please review the changes and try again."


class Invalid(Exception):
    """What the vendor refuses: 422."""


def told(handler: Handler) -> Handler:
    """The shop's refusals as the carts and checkouts API answers them."""

    async def called(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except Conflict:
            return v3_error(409, _CONFLICT)
        except NoSuch:
            return v3_error(404, "Cart not found")
        except (Invalid, NotPossible, KeyError, ValueError, TypeError, AttributeError) as bad:
            return v3_error(422, f"Missing or incorrect required fields: {bad}")
        except OutOfStock:
            return v3_error(409, "A product in the cart is out of stock.")

    return called


def includes(request: web.Request) -> list[str]:
    """The parts that a request asks for."""
    return listed(request.query, "include") or []


def version_of(body: Mapping[str, Any]) -> int | None:
    """The version that the caller knows, if it says one."""
    version = body.get("version")
    if version is not None and not isinstance(version, int):
        raise Invalid("version")
    return version


async def given(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises Invalid."""
    body = await body_of(request)
    if body is None:
        raise Invalid("the body")
    return body


class CartApi:
    """Carts over HTTP."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.post("/v3/carts", told(self.create)),
            web.get("/v3/carts/{cart}", told(self.one)),
            web.put("/v3/carts/{cart}", told(self.update)),
            web.delete("/v3/carts/{cart}", told(self.delete)),
            web.post("/v3/carts/{cart}/items", told(self.add)),
            web.put("/v3/carts/{cart}/items/{item}", told(self.change)),
            web.delete("/v3/carts/{cart}/items/{item}", told(self.remove)),
            web.post("/v3/carts/{cart}/redirect_urls", told(self.redirect)),
            web.get("/v3/abandoned-carts/{token}", self.abandoned),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """201 with the cart."""
        body = await given(request)
        currency = body.get("currency") or {}
        cart = self._shop.carts.create(
            self._lines(body),
            channel=int(body.get("channel_id") or 1),
            customer=int(body.get("customer_id") or 0),
            currency=str(currency.get("code") or "USD").upper(),
            locale=str(body.get("locale") or "en"),
            by_api=True,
        )
        return _shown(request, cart, 201)

    async def one(self, request: web.Request) -> web.Response:
        """200, or 404 for a cart that was deleted, converted or has expired."""
        return _shown(request, self._shop.carts.seen(request.match_info["cart"]), 200)

    async def update(self, request: web.Request) -> web.Response:
        """Another customer: 201."""
        cart, body = self._cart(request), await given(request)
        if not isinstance(body.get("customer_id"), int):
            raise Invalid("customer_id")
        self._shop.carts.belongs_to(cart, body["customer_id"], version_of(body))
        return _shown(request, cart, 201)

    async def delete(self, request: web.Request) -> web.Response:
        """204."""
        self._shop.carts.delete(self._cart(request))
        return nothing()

    async def add(self, request: web.Request) -> web.Response:
        """201 with the cart."""
        cart, body = self._cart(request), await given(request)
        lines = self._lines(body)
        if not lines:
            raise Invalid("line_items")
        self._shop.carts.add(cart, lines, version_of(body))
        return _shown(request, cart, 201)

    async def change(self, request: web.Request) -> web.Response:
        """Quantity or price of a line: 200."""
        cart, body = self._cart(request), await given(request)
        wanted, line_id = body.get("line_item"), request.match_info["item"]
        if not isinstance(wanted, Mapping):
            raise Invalid("line_item")
        known = [line for line in cart.lines if line.id == line_id]
        quantity = wanted.get("quantity", known[0].quantity if known else 1)
        price = _price(wanted["list_price"]) if "list_price" in wanted else None
        self._shop.carts.change(cart, line_id, _whole(quantity), price, version_of(body))
        return nothing() if cart.gone else _shown(request, cart, 200)

    async def remove(self, request: web.Request) -> web.Response:
        """200 with the cart; 204 after its last line."""
        cart, body = self._cart(request), await body_of(request) or {}
        self._shop.carts.remove(cart, request.match_info["item"], version_of(body))
        return nothing() if cart.gone else _shown(request, cart, 200)

    async def redirect(self, request: web.Request) -> web.Response:
        """201 with the addresses; only for a cart that the API has made."""
        cart = self._cart(request)
        if not cart.by_api:
            raise Invalid("the cart was made on the storefront")
        return answer({"data": show_redirects(cart), "meta": {}}, 201)

    async def abandoned(self, request: web.Request) -> web.Response:
        """Which cart an abandoned cart's link means."""
        try:
            cart = self._shop.carts.by_token(request.match_info["token"])
        except NoSuch:
            return v3_error(404, "The requested resource was not found.")
        return answer({"data": {"cart_id": cart.id}, "meta": {}})

    def _cart(self, request: web.Request) -> Cart:
        return self._shop.carts.cart(request.match_info["cart"])

    def _lines(self, body: Mapping[str, Any]) -> list[CartLine]:
        lines = [self._line(wanted) for wanted in body.get("line_items") or ()]
        for wanted in body.get("custom_items") or ():
            if not wanted.get("name"):
                raise Invalid("name")
            price, quantity = _price(wanted.get("list_price")), _whole(wanted.get("quantity"))
            lines.append(
                self._shop.carts.custom_line(str(wanted["name"]), quantity, price, str(wanted.get("sku") or ""))
            )
        return lines

    def _line(self, wanted: Mapping[str, Any]) -> CartLine:
        product = self._shop.catalog.products.get(_whole(wanted.get("product_id")))
        if product is None:
            raise Invalid("product_id")
        variant_id = wanted.get("variant_id")
        if variant_id is None and not product.simple:
            raise Invalid("variant_id")
        found = [one for one in product.variants if variant_id is None or one.id == variant_id]
        if not found:
            raise Invalid("variant_id")
        price = _price(wanted["list_price"]) if wanted.get("list_price") is not None else None
        line = self._shop.carts.line_of(found[0].sku, _whole(wanted.get("quantity")), price)
        line.name = str(wanted.get("name") or line.name)
        return line


def _shown(request: web.Request, cart: Cart, status: int) -> web.Response:
    return answer({"data": show_cart(cart, includes(request)), "meta": {}}, status)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"{value!r} is no whole number")
    return value


def _price(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Invalid("list_price") from None
