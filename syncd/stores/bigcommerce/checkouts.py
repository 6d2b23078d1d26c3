"""Orders that go into a BigCommerce store by a cart and its checkout: `/v3/carts`, `/v3/checkouts`, and the order that is made of it.

A checkout is its cart under another name. Each write to it names the version that was read just before: a second one that arrives
late changes nothing. The order that is made of it is Incomplete; a PUT gives it our key and its status, both at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from syncd.core.checkout import ShippingOption, choose
from syncd.core.placing import BAD_FIELD, OUT_OF_STOCK, Address, Flaw
from syncd.core.quantity import NEVER, UNIT, Instant
from syncd.errors import MisconfiguredError, NotFound, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.checkouts import Drafts
from syncd.ports.placing import Placement, Refusal
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.checkout_wire import Checkout, CheckoutAnswer, Consignment, Made, MadeCart, V3Error
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.placing import LOCKED, NOT_ABOUT_THE_ORDER, STATUS_IDS, refusal_of
from syncd.stores.bigcommerce.states import written_out
from syncd.transport import Answer

DRAFTS_MAX: Final = 50  # made of one cart
CONFLICT: Final = 409
OPTIONS: Final = (("include", "consignments.available_shipping_options"),)
CART_ID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

T = TypeVar("T")

_ANSWER: Final = msgspec.json.Decoder(CheckoutAnswer, strict=False)
_CART: Final = msgspec.json.Decoder(MadeCart, strict=False)
_MADE: Final = msgspec.json.Decoder(Made, strict=False)
_ORDERS: Final = msgspec.json.Decoder(list[wire.Order], strict=False)
_ERROR: Final = msgspec.json.Decoder(V3Error, strict=False)


class BigCommerceCheckouts:
    """Checkouts of one BigCommerce store (`syncd.ports.checkouts.CheckoutPort`). Needs the scopes to modify carts, checkouts and
    orders."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def make_cart(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        """One POST."""
        body: dict[str, Any] = {"line_items": [_item(line.product, line.quantity // UNIT) for line in placement.lines]}
        if placement.order.customer:
            body["customer_id"] = int(placement.order.customer)
        if placement.order.channel:
            body["channel_id"] = placement.order.channel
        try:
            answer = await self._client.write("POST", "/v3/carts", msgspec.json.encode(body), not_after=not_after)
        except RefusedError as error:
            return v3_refusal(error)
        cart = _told(answer, _CART).data.id
        if not CART_ID.fullmatch(cart):
            raise OutcomeUnknown(f"{answer.operation}: no cart in the answer", operation=answer.operation)
        return cart

    async def fill(self, cart: str, placement: Placement, *, not_after: Instant = NEVER) -> bool | Refusal:
        """One GET, and one write where something is lacking: the billing address; a consignment of all that is shipped; its
        shipping option."""
        shown = decode(await self._client.read(f"/v3/checkouts/{cart}", OPTIONS), _ANSWER).data
        if shown.id.lower() != cart.lower():
            raise StoreFault(f"asked for checkout {cart}, the answer is another", operation="read checkout")
        order = placement.order
        if (shown.billing_address.email or "").lower() != order.billing.email.lower():
            body: Any = {**_address(order.billing, order.billing.email), **_version(shown)}
            return await self._give("POST", f"/v3/checkouts/{cart}/billing-address", body, not_after)
        items = [{"item_id": item.id, "quantity": int(item.quantity)} for item in shown.cart.line_items.physical_items]
        if items and not shown.consignments:
            address = _address(
                order.shipping or order.billing, (order.shipping or order.billing).email or order.billing.email
            )
            body = [{"address": address, "line_items": items, **_version(shown)}]
            return await self._give("POST", f"/v3/checkouts/{cart}/consignments", body, not_after)
        for one in shown.consignments:
            if not one.selected_shipping_option:
                option = _option(one, order.shipping_method)
                if isinstance(option, Refusal):
                    return option
                body = {"shipping_option_id": option.option, **_version(shown)}
                return await self._give("PUT", f"/v3/checkouts/{cart}/consignments/{one.id}", body, not_after)
        return True

    async def make_order(self, cart: str, *, not_after: Instant = NEVER) -> str | Refusal:
        """One POST: each makes another Incomplete order."""
        try:
            answer = await self._client.write("POST", f"/v3/checkouts/{cart}/orders", b"", not_after=not_after)
        except NotFound:
            raise
        except RefusedError as error:
            return v3_refusal(error)
        return str(_told(answer, _MADE).data.id)

    async def made_of(self, cart: str) -> Drafts:
        """One request: a list by `cart_id`, the oldest first."""
        query = [("cart_id", cart), ("sort", "id:asc"), ("limit", str(DRAFTS_MAX))]
        answer = await self._client.read("/v2/orders", query)
        rows = [] if answer.status == 204 else decode(answer, _ORDERS)
        if any(str(row.cart_id or "").lower() != cart.lower() for row in rows):
            raise StoreFault(f"asked for orders of cart {cart}, the answer holds others", operation=answer.operation)
        return Drafts(tuple(str(number) for number in sorted(row.id for row in rows)), answer.began)

    async def finish(self, order: str, placement: Placement, *, not_after: Instant = NEVER) -> Refusal | None:
        """One PUT: our key, the status, and what people wrote. No lines: those that are named lose their discounts."""
        wanted = placement.order
        body: dict[str, Any] = {"external_order_id": placement.key, "status_id": STATUS_IDS[wanted.status]}
        texts = {"staff_notes": wanted.staff_notes, "customer_message": wanted.customer_message}
        body |= {name: text for name, text in texts.items() if text}
        try:
            await self._client.write("PUT", f"/v2/orders/{order}", msgspec.json.encode(body), not_after=not_after)
        except NotFound:
            raise
        except RefusedError as error:
            return refusal_of(error)
        return None

    async def drop(self, cart: str) -> None:
        """One DELETE; a cart that is gone is as good."""
        try:
            await self._client.write("DELETE", f"/v3/carts/{cart}", b"")
        except NotFound:
            return

    async def _give(self, method: str, path: str, body: Any, not_after: Instant) -> bool | Refusal:
        try:
            await self._client.write(method, path, msgspec.json.encode(body), not_after=not_after)
        except NotFound:
            raise
        except RefusedError as error:
            return v3_refusal(error)
        return False


def _told(answer: Answer, decoder: msgspec.json.Decoder[T]) -> T:
    """What a write has made; an answer that can't be read leaves open whether it took place."""
    try:
        return decoder.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        text = f"{answer.operation}: {answer.status}, and the answer can't be read"
        raise OutcomeUnknown(text, operation=answer.operation) from error


def _item(name: str, quantity: int) -> dict[str, int]:
    product, _, variant = name.partition("/")
    item = {"product_id": int(product), "quantity": quantity}
    return {**item, "variant_id": int(variant)} if variant else item


def _version(shown: Checkout) -> Mapping[str, int]:
    return {} if shown.version is None else {"version": shown.version}


def _address(address: Address, email: str) -> dict[str, str]:
    given = {
        "first_name": address.first_name,
        "last_name": address.last_name,
        "company": address.company,
        "address1": address.street_1,
        "address2": address.street_2,
        "city": address.city,
        "state_or_province": written_out(address.state, address.country),
        "postal_code": address.zip,
        "country_code": address.country,
        "phone": address.phone,
        "email": email,
    }
    # The document asks for the state though a country may have none.
    return {name: text for name, text in given.items() if text or name == "state_or_province"}


def _option(one: Consignment, wanted: str) -> ShippingOption | Refusal:
    offered = [
        ShippingOption(each.id, each.description or "", Decimal(str(each.cost)))
        for each in one.available_shipping_options
    ]
    found = choose(offered, wanted)
    if found is not None:
        return found
    names = ", ".join(repr(each.name) for each in offered)
    if wanted and offered:
        reason = f"the shop has no way of shipping {wanted!r} for this address: it offers {names}"
    else:
        reason = "the shop offers no way of shipping for this address"
    return Refusal(reason, (Flaw(BAD_FIELD, "", reason),))


def v3_refusal(error: RefusedError) -> Refusal:
    """What the shop says no to. Raises where it isn't about this order, and where the cart has changed meanwhile."""
    if error.status == LOCKED:
        raise StoreFault(str(error), status=error.status, operation=error.operation) from error
    if error.status in NOT_ABOUT_THE_ORDER:
        hint = "may the token modify carts, checkouts and orders, and is the store's plan in force?"
        raise MisconfiguredError(str(error), operation=error.operation, hint=hint) from error
    try:
        told = _ERROR.decode(error.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = V3Error()
    texts: Sequence[object] = (
        told.title,
        told.detail,
        *(told.errors.values() if isinstance(told.errors, dict) else ()),
    )
    reason = "; ".join(dict.fromkeys(text for text in texts if isinstance(text, str) and text)) or str(error)
    if error.status == CONFLICT and "conflict" in reason.lower():  # a version that was overtaken: read again
        raise StoreFault(f"{error.operation}: {reason}", status=error.status, operation=error.operation) from error
    kind = OUT_OF_STOCK if "stock" in reason.lower() else BAD_FIELD
    return Refusal(reason, (Flaw(kind, "", reason),))
