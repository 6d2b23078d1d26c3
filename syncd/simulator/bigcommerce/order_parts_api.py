"""Reading what hangs below an order of the v2 API: addresses, shipments, consignments, taxes, coupons, fees, messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce.address_shapes import show_consignments, show_shipment, show_shipping_address
from syncd.simulator.bigcommerce.answers import (
    PAGE_MAX,
    answer,
    body_of,
    listed,
    nothing,
    page_of,
    v2_error,
    v2_list,
    v2_missing,
)
from syncd.simulator.bigcommerce.dates import parse_moment
from syncd.simulator.bigcommerce.detail_shapes import show_coupon, show_message, show_quote
from syncd.simulator.bigcommerce.order_details import Message, OrderDetails
from syncd.simulator.bigcommerce.order_drafts import address_of
from syncd.simulator.bigcommerce.order_shapes import show_fees
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.shop import Shop
from syncd.simulator.bigcommerce.tax_shapes import show_taxes

ORDER: Final = r"/v2/orders/{order:\d+}"
STOREFRONT: Final = "www"
"""The source of orders that have shipping quotes: they alone were made by the storefront's checkout."""


class OrderPartsApi:
    """What hangs below an order."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}. Links in answers say `shippingaddresses`, the documents `shipping_addresses`."""
        both = [
            route
            for word in ("shipping_addresses", "shippingaddresses")
            for route in (
                web.get(f"{ORDER}/{word}", self.addresses),
                web.get(rf"{ORDER}/{word}/{{address:\d+}}", self.address),
                web.put(rf"{ORDER}/{word}/{{address:\d+}}", self.change_address),
            )
        ]
        return [
            *both,
            web.get(rf"{ORDER}/shipping_addresses/{{address:\d+}}/shipping_quotes", self.quotes),
            web.get(rf"{ORDER}/shippingaddresses/{{address:\d+}}/shippingquotes", self.no_quotes),
            web.get(f"{ORDER}/consignments", self.consignments),
            web.get(rf"{ORDER}/consignments/shipping/{{address:\d+}}/shipping_quotes", self.quotes),
            web.get(f"{ORDER}/shipments", self.shipments),
            web.get(f"{ORDER}/shipments/count", self.shipment_count),
            web.get(rf"{ORDER}/shipments/{{shipment:\d+}}", self.shipment),
            web.get(f"{ORDER}/coupons", self.coupons),
            web.get(f"{ORDER}/taxes", self.taxes),
            web.get(f"{ORDER}/fees", self.fees),
            web.get(f"{ORDER}/messages", self.messages),
        ]

    def _found(self, request: web.Request) -> Order | None:
        """The order of a path as it shows at this moment, if it shows."""
        order = self._shop.book.get(int(request.match_info["order"]))
        return None if order is None else self._shop.seen(order)

    def _address(self, request: web.Request) -> tuple[Order, int] | None:
        order, number = self._found(request), int(request.match_info["address"])
        return None if order is None or number not in order.addresses else (order, number)

    async def addresses(self, request: web.Request) -> web.Response:
        """The shipping addresses of an order; 204 when nothing is sent."""
        order = self._found(request)
        if order is None:
            return v2_missing()
        store = request.match_info["store"]
        return _page(request, [show_shipping_address(order, store, number) for number in order.addresses])

    async def address(self, request: web.Request) -> web.Response:
        """One shipping address."""
        found = self._address(request)
        return answer(show_shipping_address(found[0], request.match_info["store"], found[1])) if found else v2_missing()

    async def change_address(self, request: web.Request) -> web.Response:
        """PUT of a shipping address: no cost and no tax follows."""
        number = int(request.match_info["address"])
        order, body = self._shop.book.get(int(request.match_info["order"])), await body_of(request)
        if order is None or number not in order.addresses:
            return v2_missing()
        if body is None:
            return v2_error(400, "The request body is invalid.")
        order.address_fields(number).update(address_of(body))
        self._shop.touch(order, may_be_silent=True)
        return answer(show_shipping_address(order, request.match_info["store"], number))

    async def quotes(self, request: web.Request) -> web.Response:
        """The quote for an address; 204 unless the order came from the storefront's checkout."""
        found = self._address(request)
        if found is None:
            return v2_missing()
        order, number = found
        return answer(show_quote(order, number)) if order.source == STOREFRONT else nothing()

    async def no_quotes(self, request: web.Request) -> web.Response:
        """The link in an address leads here: "this URL will return a 204"."""
        return nothing() if self._address(request) else v2_missing()

    async def consignments(self, request: web.Request) -> web.Response:
        """The consignments of an order."""
        order, switches = self._found(request), self._shop.settings.switches
        if order is None:
            return v2_missing()
        shown = show_consignments(
            order,
            request.match_info["store"],
            whole="consignments.line_items" in (listed(request.query, "include") or ()),
            lines_max=switches.include_lines_max,
            noise=switches.type_noise,
        )
        return answer(shown)

    async def shipments(self, request: web.Request) -> web.Response:
        """The shipments of an order; 204 when there are none."""
        order = self._found(request)
        if order is None:
            return v2_missing()
        return _page(request, [show_shipment(order, shipment) for shipment in order.shipments])

    async def shipment_count(self, request: web.Request) -> web.Response:
        """How many shipments."""
        order = self._found(request)
        return v2_missing() if order is None else answer({"count": len(order.shipments)})

    async def shipment(self, request: web.Request) -> web.Response:
        """One shipment."""
        order = self._found(request)
        number = int(request.match_info["shipment"])
        found = [shipment for shipment in order.shipments if shipment.id == number] if order else []
        return answer(show_shipment(order, found[0])) if order and found else v2_missing()

    async def coupons(self, request: web.Request) -> web.Response:
        """The coupons that were used; 204 when there are none."""
        order = self._found(request)
        if order is None:
            return v2_missing()
        return _page(request, [show_coupon(order, coupon) for coupon in _details(order).coupons])

    async def taxes(self, request: web.Request) -> web.Response:
        """The taxes; with `details=true` each tax of each thing. 204 when there are none."""
        order = self._found(request)
        if order is None:
            return v2_missing()
        return _page(request, show_taxes(order, detailed=request.query.get("details") == "true"))

    async def fees(self, request: web.Request) -> web.Response:
        """The fees (switch `fees_answer`)."""
        order = self._found(request)
        if order is None:
            return v2_missing()
        rows = show_fees(order)
        return answer({"fees": rows}) if self._shop.settings.switches.fees_answer == "object" else v2_list(rows)

    async def messages(self, request: web.Request) -> web.Response:
        """The messages, filtered; 204 when there are none."""
        order = self._found(request)
        if order is None:
            return v2_missing()
        wanted = [one for one in _details(order).messages if _is_wanted(one, request.query)]
        return _page(request, [show_message(order, message) for message in wanted])


def _details(order: Order) -> OrderDetails:
    return order.details if order.details is not None else OrderDetails()


def _page(request: web.Request, rows: Sequence[Any]) -> web.Response:
    page, limit = page_of(request.query)
    if limit > PAGE_MAX:
        return v2_error(413, f"The limit may not be above {PAGE_MAX}.")
    return v2_list(rows[(page - 1) * limit : page * limit])


def _is_wanted(message: Message, query: Mapping[str, str]) -> bool:
    """The filters of messages; one that can't be read is ignored."""
    numbers = {
        name: int(query[name]) for name in ("min_id", "max_id", "customer_id") if query.get(name, "").isdecimal()
    }
    low, high = (parse_moment(query.get(f"{end}_date_created", "")) for end in ("min", "max"))
    return (
        numbers.get("min_id", message.id) <= message.id <= numbers.get("max_id", message.id)
        and message.customer_id == numbers.get("customer_id", message.customer_id)
        and (low is None or message.created_seconds >= low)
        and (high is None or message.created_seconds <= high)
        and message.status == query.get("status", message.status)
        and query.get("is_flagged", str(message.flagged)).lower() == str(message.flagged).lower()
    )
