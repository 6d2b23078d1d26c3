"""Writing shipments: POST, PUT and DELETE below an order of the v2 API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce.address_shapes import show_shipment
from syncd.simulator.bigcommerce.answers import answer, body_of, nothing, v2_error, v2_missing
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible
from syncd.simulator.bigcommerce.shop import Shop

FIELDS: Final = (
    "tracking_number",
    "tracking_link",
    "tracking_carrier",
    "shipping_provider",
    "shipping_method",
    "merchant_shipping_cost",
    "comments",
)
TOO_LONG: Final = {"tracking_number": 50, "tracking_link": 500}


class ShipmentWrites:
    """The write side of shipments."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.post(r"/v2/orders/{order:\d+}/shipments", self.ship),
            web.put(r"/v2/orders/{order:\d+}/shipments/{shipment:\d+}", self.change),
            web.delete(r"/v2/orders/{order:\d+}/shipments/{shipment:\d+}", self.unship),
        ]

    def _order(self, request: web.Request) -> Order | None:
        return self._shop.book.get(int(request.match_info["order"]))

    async def ship(self, request: web.Request) -> web.Response:
        """A shipment. There is no key: sent twice, it ships twice, or is refused when nothing is left."""
        order, body = self._order(request), await body_of(request)
        if order is None:
            return v2_missing()
        if body is None or body.get("order_address_id") not in order.addresses:
            return v2_error(400, "The field 'order_address_id' is invalid.")
        if (refused := _too_long(body)) is not None:
            return refused
        wanted: dict[int, int] = {}
        for item in body.get("items") or ():
            line_id, units = item.get("order_product_id"), item.get("quantity")
            if not isinstance(units, int) or units < 1 or not any(line.id == line_id for line in order.lines):
                return v2_error(400, "The field 'items' is invalid.")
            wanted[line_id] = wanted.get(line_id, 0) + units
        if not wanted:
            return v2_error(400, "The field 'items' is invalid.")
        if any(order.address_of(order.line(line_id)) != body["order_address_id"] for line_id in wanted):
            return v2_error(400, "The field 'items' is invalid: a shipment goes to one address.")
        lines = [{"line": line_id, "quantity": units} for line_id, units in wanted.items()]
        try:
            shipment = self._shop.ship(order.id, lines, **_fields_of(body))
        except NotPossible:
            return v2_error(400, "The field 'quantity' is invalid.")
        return answer(show_shipment(order, shipment), 201)

    async def change(self, request: web.Request) -> web.Response:
        """PUT of a shipment: everything but its items."""
        order, body = self._order(request), await body_of(request)
        number = int(request.match_info["shipment"])
        found = [one for one in order.shipments if one.id == number] if order is not None else []
        if order is None or not found:
            return v2_missing()
        if body is None or "items" in body:
            return v2_error(400, "The field 'items' is invalid.")
        if (refused := _too_long(body)) is not None:
            return refused
        found[0].fields.update(_fields_of(body))
        self._shop.hooks.fire("store/shipment/updated", "shipment", number, orderId=order.id)
        self._shop.touch(order, may_be_silent=True)
        return answer(show_shipment(order, found[0]))

    async def unship(self, request: web.Request) -> web.Response:
        """DELETE of a shipment."""
        order = self._order(request)
        if order is None:
            return v2_missing()
        try:
            self._shop.delete_shipment(order.id, int(request.match_info["shipment"]))
        except NoSuch:
            return v2_missing()
        return nothing()


def _too_long(body: Mapping[str, Any]) -> web.Response | None:
    for name, most in TOO_LONG.items():
        if len(str(body.get(name, ""))) > most:
            return v2_error(400, f"The field '{name}' is invalid.")
    return None


def _fields_of(body: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(body[name]) for name in FIELDS if body.get(name) is not None}
