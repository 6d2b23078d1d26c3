"""BigCommerce's carts: `/v3/carts`, and the orders that were made from one, by `cart_id`. There is no list of carts.

Nothing in this API keeps two requests from making two carts. A cart takes no stock, so one that nobody knows does no harm, and passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from syncd.core.cart import PLACED
from syncd.core.quantity import NEVER, SECOND, UNIT, Instant, Quantity
from syncd.errors import NotFound, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.carts import CartConflict, CartLook, CartTraits, NewCart, PlacedOrder, WantedLine
from syncd.stores.bigcommerce.cart_mapping import CartAnswer, RedirectsAnswer, map_cart
from syncd.stores.bigcommerce.checkouts import v3_refusal
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.mapping import decode_order, phase_of
from syncd.transport import Answer

ABANDONED_US: Final = 3_600 * SECOND  # without a change
LIFE_US: Final = 30 * 86_400 * SECOND  # from the last change, as the vendor's document says
ORDERS_MAX: Final = 50  # made from one cart, newest first; the checkout's API may make as many as somebody likes
CONFLICT: Final = 409
LINES_MAX: Final = 200  # of a cart that is made or changed: each change of a line is a request

_CART: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANSWER: Final = msgspec.json.Decoder(CartAnswer, strict=False)
_REDIRECTS: Final = msgspec.json.Decoder(RedirectsAnswer, strict=False)
_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_LINKS: Final = (("include", "redirect_urls"),)


class BigCommerceCarts:
    """The carts of one BigCommerce store (`syncd.ports.carts.CartsPort`). Needs the scope to read carts; to make some, to modify
    them."""

    def __init__(
        self, client: Client, *, late_us: int, life_us: int = LIFE_US, abandoned_us: int = ABANDONED_US
    ) -> None:
        self._client = client
        self._traits = CartTraits(life_us, abandoned_us, late_us)

    @property
    def traits(self) -> CartTraits:
        """Times of the platform."""
        return self._traits

    async def read(self, cart: str) -> CartLook:
        """One request. 404 is the vendor's word for deleted, converted and expired alike."""
        answer = await self._client.read(_path(cart), accept=(404,))
        if answer.status == 404:
            return CartLook(cart, None, answer.began, answer.ended)
        row = decode(answer, _ANSWER).data
        try:
            content = map_cart(row)
        except ValueError as error:
            raise RefusedError(
                f"cart {cart} can't be read: {error}", operation="read cart", body=answer.body
            ) from error
        if content.cart != cart:
            raise StoreFault(f"asked for cart {cart}, the answer is cart {content.cart}", operation="read cart")
        return CartLook(cart, content, answer.began, answer.ended)

    async def orders_of(self, cart: str) -> tuple[PlacedOrder, ...]:
        """One request: a list by `cart_id`. A shop that ignores the filter is a fault, never an answer."""
        _path(cart)
        query = [("cart_id", cart), ("sort", "id:desc"), ("limit", str(ORDERS_MAX))]
        answer = await self._client.read("/v2/orders", query)
        found = []
        for raw in [] if answer.status == 204 else decode(answer, _ROWS):
            try:
                order = decode_order(bytes(raw))
                phase = phase_of(order)
            except ValueError as error:
                raise RefusedError(f"an order of cart {cart} can't be read: {error}", operation="read cart") from error
            if not isinstance(order.cart_id, str) or order.cart_id.lower() != cart:
                raise StoreFault(f"asked for orders of cart {cart}, the answer holds others", operation="read cart")
            found.append(PlacedOrder(str(order.id), phase in PLACED))
        return tuple(found)

    async def create(
        self, lines: tuple[WantedLine, ...], *, customer: str = "", channel: int = 0, not_after: Instant = NEVER
    ) -> NewCart:
        """One POST; it answers with the addresses where a shopper opens the cart."""
        body: dict[str, Any] = _items(lines)
        if customer:
            body["customer_id"] = int(customer)
        if channel:
            body["channel_id"] = channel
        try:
            answer = await self._client.write(
                "POST", "/v3/carts", msgspec.json.encode(body), _LINKS, not_after=not_after
            )
        except RefusedError as error:
            reason = v3_refusal(error).reason  # raises where it isn't about this cart
            raise RefusedError(reason, operation="make cart", status=error.status, body=error.body) from error
        return _made(answer)

    async def change(
        self, cart: str, version: int, lines: tuple[WantedLine, ...], *, not_after: Instant = NEVER
    ) -> NewCart:
        """Read, then a request for all that is new and one for each line that changes or goes, each with the version that the one
        before it has left."""
        look = await self.read(cart)
        if look.content is None:
            raise NotFound(f"no cart {cart}", operation="change cart", key=cart)
        if look.content.version != version:
            raise _conflict(cart)
        wanted = {_name(line): line for line in lines}
        have = {line.product or f"\n{line.name}": line for line in look.content.lines}
        if len(wanted) < len(lines) or len(have) < len(look.content.lines) or not lines:
            raise RefusedError(
                "a cart is changed that holds each thing once, to such a one", operation="change cart", key=cart
            )
        _items(lines)  # what can't be asked for is refused before anything is sent
        now = NewCart(look.content)
        if new := tuple(line for name, line in wanted.items() if name not in have):
            now = await self._step(
                cart, "POST", f"/v3/carts/{cart}/items", {**_items(new), "version": version}, not_after
            )
        for name, old in have.items():
            line, path = wanted.get(name), f"/v3/carts/{cart}/items/{old.line}"
            if line is None:
                now = await self._step(cart, "DELETE", path, {"version": now.content.version}, not_after)
            elif line.quantity != old.quantity or (line.price is not None and line.price != old.list_price):
                body = {"line_item": _item(line), "version": now.content.version}
                now = await self._step(cart, "PUT", path, body, not_after)
        return now if now.cart_url else await self._linked(now, not_after)

    async def delete(self, cart: str) -> None:
        """One DELETE; a cart that is gone is as good."""
        try:
            await self._client.write("DELETE", _path(cart), b"")
        except NotFound:
            return

    async def _linked(self, now: NewCart, not_after: Instant) -> NewCart:
        """With new links: each opens the cart once. A cart that a shopper has begun has none."""
        path = f"/v3/carts/{now.content.cart}/redirect_urls"
        try:
            answer = await self._client.write("POST", path, b"", not_after=not_after)
            links = _REDIRECTS.decode(answer.body).data
        except NotFound:
            raise
        except RefusedError:
            return now
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise OutcomeUnknown(f"{answer.operation}: no links in the answer", operation=answer.operation) from error
        return NewCart(now.content, links.cart_url or "", links.checkout_url or "")

    async def _step(self, cart: str, method: str, path: str, body: Mapping[str, Any], not_after: Instant) -> NewCart:
        try:
            answer = await self._client.write(method, path, msgspec.json.encode(body), _LINKS, not_after=not_after)
        except RefusedError as error:
            if error.status == CONFLICT and b"stock" not in error.body.lower():
                raise _conflict(cart) from None
            raise
        return _made(answer)


def _path(cart: str) -> str:
    if not _CART.fullmatch(cart):
        raise RefusedError(f"{cart!r} is no cart of a BigCommerce store", operation="read cart")
    return f"/v3/carts/{cart}"


def _conflict(cart: str) -> CartConflict:
    return CartConflict(
        f"cart {cart} has changed since it was read", operation="change cart", key=cart, status=CONFLICT,
        hint="read it again, and decide anew",
    )  # fmt: skip


def _made(answer: Answer) -> NewCart:
    """The cart of an answer to a write; one that can't be read leaves open whether it took place."""
    try:
        row = _ANSWER.decode(answer.body).data
        links = row.redirect_urls
        content = map_cart(row)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        text = f"{answer.operation}: {answer.status}, but no cart in the answer"
        raise OutcomeUnknown(text, operation=answer.operation) from error
    return NewCart(content, (links.cart_url or "") if links else "", (links.checkout_url or "") if links else "")


def _name(line: WantedLine) -> str:
    return line.product or f"\n{line.name}"


def _items(lines: tuple[WantedLine, ...]) -> dict[str, Any]:
    if len(lines) > LINES_MAX:
        raise RefusedError(f"a cart of {len(lines)} lines; {LINES_MAX} are made", operation="make cart")
    body: dict[str, Any] = {"line_items": [_item(line) for line in lines if line.product]}
    if custom := [_item(line) for line in lines if not line.product]:
        body["custom_items"] = custom
    return body


def _item(line: WantedLine) -> dict[str, Any]:
    """A line as requests name it. Raises RefusedError for parts of units, and for a custom line without a price."""
    if line.quantity <= 0 or line.quantity % UNIT:
        raise RefusedError("BigCommerce takes whole units, at least one", operation="make cart", key=line.product)
    item: dict[str, Any] = {"quantity": _whole(line.quantity)}
    if line.price is not None:
        item["list_price"] = float(line.price)
    if line.product:
        product, _, variant = line.product.partition("/")
        item["product_id"] = int(product)
        if variant:
            item["variant_id"] = int(variant)
    elif line.name and line.price is not None:
        item |= {"name": line.name, "sku": line.sku}
    else:
        raise RefusedError("a line that the catalogue doesn't have needs a name and a price", operation="make cart")
    return item


def _whole(quantity: Quantity) -> int:
    return quantity // UNIT
