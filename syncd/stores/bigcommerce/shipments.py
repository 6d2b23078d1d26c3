"""BigCommerce's shipments: `/v2/orders/{id}/shipments`. One place (`order_address_id`) for each, parts of lines by quantity.

The platform knows no key of ours, so it travels in `comments`, and is looked for there before a shipment is made. Both lists
are paged; whoever reads them asks on until a page is short of the vendor's default, since a greater `limit` may be ignored.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from syncd.core.quantity import NEVER, UNIT, Instant, Quantity, parse
from syncd.core.shipping import ParcelLine, ShopLine
from syncd.errors import OutcomeUnknown, RefusedError
from syncd.ports.shipments import KnownParcel, OrderShipments, Parcel, ShipmentTraits
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client, decode

PAGE = 50  # rows in one answer: the vendor's default, which a list can't be below
PAGES_MAX = 100  # 5,000 lines or shipments of one order: no shop has more
TRACKING_CHARACTERS_MAX, LINK_CHARACTERS_MAX = 50, 500  # as the vendor's description of the request has them
METHOD_CHARACTERS_MAX = 100  # of a carrier that the vendor doesn't know, in `shipping_method`
# The vendor's list of `shipping_provider`; besides, `carrier_NUMBER` for those that an app has brought.
PROVIDERS = frozenset(
    {"auspost", "canadapost", "endicia", "fedex", "royalmail", "shipperhq", "ups", "upsonline", "upsready", "usps"}
)

_OWN_KEY = re.compile(r"\bsp-[a-z2-7]{26}\b")
_APP_CARRIER = re.compile(r"carrier_[0-9]+")
_LINES = msgspec.json.Decoder(list[wire.OrderProduct], strict=False)
_SHIPMENTS = msgspec.json.Decoder(list[wire.Shipment], strict=False)
_MADE = msgspec.json.Decoder(wire.Shipment, strict=False)


class BigCommerceShipments:
    """The shipments of one BigCommerce store (`syncd.ports.shipments.ShipmentsPort`). Needs the scope to modify orders."""

    def __init__(self, client: Client, *, late_us: int, stale_us: int) -> None:
        self._client = client
        self._traits = ShipmentTraits(late_us, stale_us)

    @property
    def traits(self) -> ShipmentTraits:
        """Times of the platform."""
        return self._traits

    async def of_order(self, order: str) -> OrderShipments:
        """Two requests, more for an order of many lines or shipments. The order's 404 is NotFound."""
        if not order.isdecimal():
            raise RefusedError(f"{order!r} is no order of a BigCommerce store", operation="read shipments")
        shipments, began, _ = await self._rows(f"/v2/orders/{order}/shipments", _SHIPMENTS)
        products, _, ended = await self._rows(f"/v2/orders/{order}/products", _LINES)
        parcels = tuple(_parcel(shipment) for shipment in shipments)
        return OrderShipments(_lines(products, parcels), parcels, began, ended)

    async def ship(self, parcel: Parcel, *, not_after: Instant = NEVER) -> str:
        """One POST. Its answer (201) names the shipment; one that doesn't is an unknown outcome."""
        body = msgspec.json.encode(_body(parcel))
        answer = await self._client.write("POST", f"/v2/orders/{parcel.order}/shipments", body, not_after=not_after)
        try:
            return str(_MADE.decode(answer.body).id)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise OutcomeUnknown(
                f"{answer.operation}: {answer.status}, but no shipment in the answer", operation=answer.operation
            ) from error

    async def _rows(self, path: str, decoder: msgspec.json.Decoder[list[Any]]) -> tuple[list[Any], Instant, Instant]:
        """A whole list, with when its first request began and its last one was answered."""
        rows: list[Any] = []
        began: Instant | None = None
        for page in range(1, PAGES_MAX + 1):
            answer = await self._client.read(path, [("page", str(page)), ("limit", str(PAGE))])
            began = answer.began if began is None else began
            found = [] if answer.status == 204 else decode(answer, decoder)
            rows += found
            if len(found) < PAGE:
                return rows, began, answer.ended
        raise RefusedError(f"{path} has more than {PAGE * PAGES_MAX} rows", operation="read shipments")


def _parcel(shipment: wire.Shipment) -> KnownParcel:
    comments = shipment.comments if isinstance(shipment.comments, str) else ""
    own = _OWN_KEY.search(comments)
    tracking = shipment.tracking_number
    return KnownParcel(
        str(shipment.id),
        own[0] if own else "",
        tuple(ParcelLine(str(item.order_product_id), _units(item.quantity)) for item in shipment.items or ()),
        str(tracking) if isinstance(tracking, str | int) else "",
    )


def _lines(products: list[wire.OrderProduct], parcels: tuple[KnownParcel, ...]) -> tuple[ShopLine, ...]:
    """The lines, with what was shipped of them by the lines' own count or by the shipments, whichever is more."""
    sent: dict[str, int] = {}
    for parcel in parcels:
        for item in parcel.lines:
            sent[item.line] = sent.get(item.line, 0) + item.quantity
    lines = []
    for product in products:
        place = "" if product.order_address_id in (None, "", 0, "0") else str(product.order_address_id)
        line = str(product.id)
        shipped = Quantity(max(_units(product.quantity_shipped), sent.get(line, 0)))
        goods = product.type not in {"digital", "giftcertificate"}
        lines.append(ShopLine(line, place, _units(product.quantity), shipped, goods))
    return tuple(lines)


def _units(number: wire.Number) -> Quantity:
    try:
        return parse(number) if number else Quantity(0)
    except ValueError as error:
        raise RefusedError(f"not a usable quantity: {number!r}", operation="read shipments") from error


def _body(parcel: Parcel) -> dict[str, Any]:
    """The request. What the vendor would refuse for its form alone is refused here, in plain words."""
    if len(parcel.tracking) > TRACKING_CHARACTERS_MAX:
        raise RefusedError(
            f"the tracking number has {len(parcel.tracking)} characters, BigCommerce takes {TRACKING_CHARACTERS_MAX}",
            operation="ship", key=parcel.key, hint="enter the shipment in the shop by hand, then release --already-counted",
        )  # fmt: skip
    body: dict[str, Any] = {
        "order_address_id": int(parcel.place),
        "items": [{"order_product_id": int(part.line), "quantity": part.quantity // UNIT} for part in parcel.lines],
        "comments": f"syncd {parcel.key}",
    }
    if parcel.tracking:
        body["tracking_number"] = parcel.tracking
    if parcel.link.startswith(("https://", "http://")) and len(parcel.link) <= LINK_CHARACTERS_MAX:
        body["tracking_link"] = parcel.link
    carrier = "".join(parcel.carrier.lower().split())
    if carrier in PROVIDERS or _APP_CARRIER.fullmatch(carrier):
        body["shipping_provider"] = carrier
    elif parcel.carrier:
        body |= {"shipping_provider": "", "shipping_method": parcel.carrier[:METHOD_CHARACTERS_MAX]}
    return body
