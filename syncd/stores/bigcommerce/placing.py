"""Orders that are placed in a BigCommerce store: `POST /v2/orders`, and `PUT /v2/orders/{id}` for their status.

The platform knows no key that keeps two requests from making two orders. Ours travels in `external_order_id`, by which the list
can be filtered. A filter that isn't honoured gives all orders, so an answer with any other order in it tells nothing; and a list
may hide archived orders, so those are asked for as well, in the way that was documented for them once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from syncd.core.following import ShopStatus
from syncd.core.placing import (
    BAD_FIELD,
    BAD_OPTIONS,
    BELOW_MIN,
    EXCEEDS_MAX,
    OUT_OF_STOCK,
    REFUSED,
    Address,
    Flaw,
    PlacedLine,
    Price,
    WantedOrder,
)
from syncd.core.quantity import NEVER, UNIT, Instant, Quantity, parse
from syncd.errors import MisconfiguredError, OutcomeUnknown, RefusedError, StoreFault
from syncd.ports.placing import FoundOrders, Placement, PlacingTraits, Refusal, ShopOrder
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.states import written_out

STATUS_IDS: dict[ShopStatus, int] = {
    ShopStatus.INCOMPLETE: 0,
    ShopStatus.PENDING: 1,
    ShopStatus.SHIPPED: 2,
    ShopStatus.PARTIALLY_SHIPPED: 3,
    ShopStatus.REFUNDED: 4,
    ShopStatus.CANCELLED: 5,
    ShopStatus.DECLINED: 6,
    ShopStatus.AWAITING_PAYMENT: 7,
    ShopStatus.AWAITING_PICKUP: 8,
    ShopStatus.AWAITING_SHIPMENT: 9,
    ShopStatus.COMPLETED: 10,
    ShopStatus.AWAITING_FULFILLMENT: 11,
    ShopStatus.VERIFICATION: 12,
    ShopStatus.DISPUTED: 13,
    ShopStatus.PARTIALLY_REFUNDED: 14,
}
EXTERNAL_SOURCE = "syncd"  # who made the order, for the merchant; never the code for another platform's history
FOUND_MAX = 50  # orders under one key of ours; one is right
# The vendor's kinds of a 409 and of a 400 (its older pages on orders).
FLAW_KINDS = {
    "OutOfStock": OUT_OF_STOCK,
    "ExceedsMaxQuantity": EXCEEDS_MAX,
    "InsufficientQuantity": BELOW_MIN,
    "MandatoryProductOptions": BAD_OPTIONS,
    "InvalidProductOption": BAD_OPTIONS,
}
LOCKED = 423  # nothing was made, and the same may work later
# Answers that say nothing about this one order: the address, the form of all requests, or the account is wrong.
NOT_ABOUT_THE_ORDER = frozenset({402, 404, 405, 406, 410, 415})

_STATUSES = {number: status for status, number in STATUS_IDS.items()}
_ORDERS = msgspec.json.Decoder(list[wire.Order], strict=False)
_ORDER = msgspec.json.Decoder(wire.Order, strict=False)
_MADE = msgspec.json.Decoder(wire.MadeOrder, strict=False)
_ERRORS = msgspec.json.Decoder(list[wire.OrderError], strict=False)


class BigCommercePlacing:
    """Orders for one BigCommerce store (`syncd.ports.placing.PlacingPort`). Needs the scope to modify orders."""

    def __init__(self, client: Client, *, late_us: int, stale_us: int) -> None:
        self._client = client
        self._traits = PlacingTraits(late_us, stale_us)

    @property
    def traits(self) -> PlacingTraits:
        """Times of the platform."""
        return self._traits

    async def find(self, key: str) -> FoundOrders:
        """Two requests: the orders with this `external_order_id`, and those among the archived ones (a shop that doesn't know
        that filter any more may say so)."""
        found: dict[int, wire.Order] = {}
        began = ended = None
        for more in ((), (("is_deleted", "true"),)):
            query = [("external_order_id", key), *more, ("page", "1"), ("limit", str(FOUND_MAX))]
            answer = await self._client.read("/v2/orders", query, accept={400} if more else ())
            began, ended = began or answer.began, answer.ended
            rows = decode(answer, _ORDERS) if answer.status == 200 else []
            if any(row.external_order_id != key for row in rows):
                raise StoreFault(
                    f"{answer.operation}: other orders than those asked for; the shop doesn't look at external_order_id",
                    status=answer.status,
                    operation=answer.operation,
                )
            found |= {row.id: row for row in rows}
        assert began is not None
        assert ended is not None
        return FoundOrders(tuple(_shown(row) for row in found.values()), began, ended)

    async def place(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        """One POST. Its answer (200 or 201) names the order; one that doesn't is an unknown outcome."""
        body = msgspec.json.encode(_body(placement))
        try:
            answer = await self._client.write("POST", "/v2/orders", body, not_after=not_after)
        except RefusedError as error:
            return refusal_of(error)
        try:
            return str(_MADE.decode(answer.body).id)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise OutcomeUnknown(
                f"{answer.operation}: {answer.status}, but no order in the answer", operation=answer.operation
            ) from error

    async def read(self, order: str) -> ShopOrder:
        """One request. 404 is NotFound."""
        if not order.isdecimal():
            raise RefusedError(f"{order!r} is no order of a BigCommerce store", operation="read order")
        return _shown(decode(await self._client.read(f"/v2/orders/{order}"), _ORDER))

    async def set_status(self, order: str, status: ShopStatus, *, not_after: Instant = NEVER) -> None:
        """One PUT with nothing in it but `status_id`: without it the order may turn Pending, and lines that are named lose their
        discounts."""
        body = msgspec.json.encode({"status_id": STATUS_IDS[status]})
        await self._client.write("PUT", f"/v2/orders/{order}", body, not_after=not_after)


def _shown(row: wire.Order) -> ShopOrder:
    return ShopOrder(str(row.id), _STATUSES.get(row.status_id), row.is_deleted in (True, "true", "1"))


def _body(placement: Placement) -> dict[str, Any]:
    """The request. What the ERP leaves open is left out: the shop reckons it, or takes its default."""
    order = placement.order
    body: dict[str, Any] = {
        "external_order_id": placement.key,
        "external_source": EXTERNAL_SOURCE,
        "status_id": STATUS_IDS[order.status],
        "customer_id": int(order.customer or 0),
        "billing_address": _address(order.billing),
        "products": [_line(line) for line in placement.lines],
    }
    if order.shipping is not None:
        body["shipping_addresses"] = [_address(order.shipping)]
    if order.channel:
        body["channel_id"] = order.channel
    texts = {"staff_notes": order.staff_notes, "customer_message": order.customer_message}
    return body | {name: text for name, text in texts.items() if text} | _totals(order)


def _totals(order: WantedOrder) -> dict[str, str]:
    sums: dict[str, Price] = {"subtotal": order.subtotal, "shipping_cost": order.shipping_cost, "total": order.total}
    return {
        f"{name}_{kind}": text
        for name, price in sums.items()
        if price.is_given
        for kind, text in (("inc_tax", price.inc_tax), ("ex_tax", price.ex_tax))
    }


def _line(line: PlacedLine) -> dict[str, Any]:
    """A line's prices are numbers, as the vendor's description has them; a decimal text is one as it stands."""
    entry: dict[str, Any] = {"quantity": line.quantity // UNIT}
    if line.price.is_given:
        entry["price_inc_tax"] = msgspec.Raw(_number(line.price.inc_tax))
        entry["price_ex_tax"] = msgspec.Raw(_number(line.price.ex_tax))
    if line.name:
        entry["name"] = line.name
    product, _, variant = line.product.partition("/")
    if product:
        entry["product_id"] = int(product)
    if variant:
        entry["variant_id"] = int(variant)
    return entry


def _number(text: str) -> bytes:
    """A JSON number may not begin with a needless 0."""
    whole, point, rest = text.partition(".")
    return f"{int(whole)}{point}{rest}".encode()


def _address(address: Address) -> dict[str, str]:
    given = {
        "first_name": address.first_name,
        "last_name": address.last_name,
        "company": address.company,
        "street_1": address.street_1,
        "street_2": address.street_2,
        "city": address.city,
        "state": written_out(address.state, address.country),
        "zip": address.zip,
        "country_iso2": address.country,
        "phone": address.phone,
        "email": address.email,
    }
    return {name: text for name, text in given.items() if text}


def refusal_of(error: RefusedError) -> Refusal:
    """What the shop says no to. Raises where it isn't about this order."""
    if error.status == LOCKED:
        raise StoreFault(str(error), status=error.status, operation=error.operation) from error
    if error.status in NOT_ABOUT_THE_ORDER:
        hint = "may the token modify orders, and is the store's plan in force?"
        raise MisconfiguredError(str(error), operation=error.operation, hint=hint) from error
    try:
        told = _ERRORS.decode(error.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = []
    texts = [one.message for one in told if isinstance(one.message, str) and one.message]
    reason = "; ".join(dict.fromkeys(texts)) or str(error)
    flaws = [flaw for one in told for flaw in _flaws(one)]
    if not flaws:
        kind = BAD_OPTIONS if "options" in reason else BAD_FIELD if "field" in reason else REFUSED
        flaws = [Flaw(kind, "", reason)]
    return Refusal(reason, tuple(flaws))


def _flaws(error: wire.OrderError) -> Iterable[Flaw]:
    details = error.details if isinstance(error.details, Mapping) else {}
    listed = details.get("errors")
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, Mapping):
            continue
        product = entry.get("product")
        product = product if isinstance(product, Mapping) else {}
        sku = product.get("sku")
        known = sku if isinstance(sku, Mapping) else {"sku": sku}
        kind = FLAW_KINDS.get(str(entry.get("type")), REFUSED)
        places = (entry, product, known)
        limit = _told(places, {EXCEEDS_MAX: "maximum_quantity", BELOW_MIN: "minimum_quantity"}.get(kind, ""))
        level = _told(places, "inventory_level") if kind == OUT_OF_STOCK else None
        name = product.get("name")
        text = f"{entry.get('type')}: {name}" if isinstance(name, str) else str(entry.get("type"))
        yield Flaw(kind, str(known.get("sku") or ""), text, level, limit)


def _told(places: Iterable[Mapping[str, Any]], name: str) -> Quantity | None:
    """A number that stands in one of these objects: no page shows where exactly."""
    for place in places:
        value = place.get(name)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                return parse(value)
            except ValueError:
                continue
    return None
