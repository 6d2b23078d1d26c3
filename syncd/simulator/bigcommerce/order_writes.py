"""Writing orders: POST, PUT and DELETE of the v2 API, and shipments."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.answers import answer, body_of, nothing, v2_error, v2_missing
from syncd.simulator.bigcommerce.order_api import consignments_of
from syncd.simulator.bigcommerce.order_shapes import show_order, show_shipment
from syncd.simulator.bigcommerce.orders import Line, Order
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.shop import Shop

READ_ONLY: Final = frozenset(
    {
        "cart_id",
        "currency_code",
        "custom_status",
        "date_shipped",
        "external_id",
        "id",
        "items_shipped",
        "items_total",
        "payment_status",
        "refunded_amount",
        "shipping_address_count",
        "status",
        "store_default_currency_code",
        "total_tax",
    }
)
_TEXTS: Final = ("staff_notes", "customer_message", "external_order_id", "payment_method")
_SHIPMENT_FIELDS: Final = (
    "tracking_number",
    "tracking_link",
    "tracking_carrier",
    "shipping_provider",
    "shipping_method",
    "merchant_shipping_cost",
    "comments",
)
_TOO_LONG: Final = {"tracking_number": 50, "tracking_link": 500}


class Invalid(Exception):
    """A field that the vendor refuses: 400."""


class OrderWrites:
    """The write side of the v2 orders API."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.post("/v2/orders", self.create),
            web.put(r"/v2/orders/{order:\d+}", self.update),
            web.delete(r"/v2/orders/{order:\d+}", self.archive),
            web.post(r"/v2/orders/{order:\d+}/shipments", self.ship),
            web.delete(r"/v2/orders/{order:\d+}/shipments/{shipment:\d+}", self.unship),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """An order from outside. Tracked products are taken at once, or it is refused with 409."""
        body = await body_of(request)
        try:
            if body is None:
                raise Invalid("The request body is invalid.")
            order = self._create(body)
        except Invalid as bad:
            return v2_error(400, str(bad))
        except (NotPossible, ValueError, TypeError, AttributeError) as bad:
            return v2_error(400, f"The field is invalid: {bad}.")
        except OutOfStock as short:
            return self._out_of_stock(short)
        return self._shown(request, order, self._shop.settings.switches.create_answer)

    def _create(self, body: Mapping[str, Any]) -> Order:
        billing = body.get("billing_address")
        if not isinstance(billing, Mapping):
            raise Invalid("The field 'billing_address' is invalid.")
        if "products" not in body or "consignments" in body:
            raise Invalid("The field 'products' is invalid.")
        for name in READ_ONLY & body.keys():
            raise Invalid(_not_writable(name))
        lines = [self._line(wanted) for wanted in body["products"] if isinstance(wanted, Mapping)]
        addresses = body.get("shipping_addresses") or [{}]
        fields = {name: str(body[name]) for name in _TEXTS if body.get(name) is not None}
        return self._shop.place(
            lines,
            status_id=_status_of(body, orders.PENDING),
            channel_id=int(body.get("channel_id") or 1),
            source="external",
            customer_id=int(body.get("customer_id") or 0),
            billing=_address(billing),
            shipping=_address(addresses[0]),
            discount=_money(body.get("discount_amount", 0), "discount_amount"),
            external_source=body.get("external_source"),
            external_merchant_id=body.get("external_merchant_id"),
            **fields,
        )

    def _line(self, wanted: Mapping[str, Any]) -> Line:
        quantity = wanted.get("quantity")
        if not isinstance(quantity, int) or quantity < 1:
            raise Invalid("The field 'quantity' is invalid.")
        if ("price_ex_tax" in wanted) != ("price_inc_tax" in wanted):
            raise Invalid("The field 'price_ex_tax' is invalid.")
        price = _money(wanted["price_inc_tax"], "price_inc_tax") if "price_inc_tax" in wanted else None
        if not wanted.get("product_id"):
            if not wanted.get("name") or price is None:
                raise Invalid("The field 'name' is invalid.")
            return self._shop.custom_line(str(wanted["name"]), quantity, price, str(wanted.get("sku", "")))
        product = self._shop.catalog.products.get(int(wanted["product_id"]))
        variant_id = wanted.get("variant_id")
        if product is None:
            raise Invalid("The field 'product_id' is invalid.")
        if variant_id is None and not product.simple:
            raise Invalid("The options of one or more products are invalid.")
        found = [one for one in product.variants if variant_id is None or one.id == variant_id]
        if not found:
            raise Invalid("The field 'variant_id' is invalid.")
        return self._shop.line_of(found[0].sku, quantity, price)

    async def update(self, request: web.Request) -> web.Response:
        """Like a PATCH. Lines that are touched lose their discounts, and without status_id the order turns Pending."""
        order = self._shop.book.get(int(request.match_info["order"]))
        body = await body_of(request)
        if order is None:
            return v2_missing()
        try:
            if body is None:
                raise Invalid("The request body is invalid.")
            self._update(order, body)
        except Invalid as bad:
            return v2_error(400, str(bad))
        except OutOfStock as short:
            return self._out_of_stock(short)
        return self._shown(request, order, 200)

    def _update(self, order: Order, body: Mapping[str, Any]) -> None:
        for name in (READ_ONLY | {"external_merchant_id"}) & body.keys():
            raise Invalid(_not_writable(name))
        status_id = _status_of(body, None)
        if status_id is None and self._shop.settings.switches.put_resets_status:
            status_id = orders.PENDING
        quantities: dict[int, int] = {}
        new: list[Line] = []
        for wanted in body.get("products") or ():
            if "id" not in wanted:
                new.append(self._line(wanted))
            elif not any(line.id == wanted["id"] for line in order.lines):
                raise Invalid("The field 'id' is invalid.")
            elif not isinstance(wanted.get("quantity", 0), int) or wanted.get("quantity", 0) < 0:
                raise Invalid("The field 'quantity' is invalid.")
            elif "quantity" in wanted:
                quantities[int(wanted["id"])] = wanted["quantity"]
        if quantities or new:
            self._shop.apply_edit(order, quantities, new)
        for name in _TEXTS:
            if body.get(name) is not None:
                setattr(order, name, str(body[name]))
        if body.get("is_deleted") is True:
            self._shop.archive(order.id)
        elif body.get("is_deleted") is False:
            self._shop.restore(order.id)
        if status_id is not None and status_id != order.status_id:
            self._shop.set_status(order, status_id)
            self._shop.touch(order)
        else:
            self._shop.touch(order, may_be_silent=True)

    async def archive(self, request: web.Request) -> web.Response:
        """DELETE archives an order."""
        order = self._shop.book.get(int(request.match_info["order"]))
        if order is None:
            return v2_missing()
        self._shop.archive(order.id)
        return nothing()

    async def ship(self, request: web.Request) -> web.Response:
        """A shipment. There is no key: sent twice, it ships twice, or is refused when nothing is left."""
        order = self._shop.book.get(int(request.match_info["order"]))
        body = await body_of(request)
        if order is None:
            return v2_missing()
        if body is None or body.get("order_address_id") not in order.addresses:
            return v2_error(400, "The field 'order_address_id' is invalid.")
        for name, most in _TOO_LONG.items():
            if len(str(body.get(name, ""))) > most:
                return v2_error(400, f"The field '{name}' is invalid.")
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
        fields = {name: str(body[name]) for name in _SHIPMENT_FIELDS if body.get(name) is not None}
        lines = [{"line": line_id, "quantity": units} for line_id, units in wanted.items()]
        try:
            shipment = self._shop.ship(order.id, lines, **fields)
        except NotPossible:
            return v2_error(400, "The field 'quantity' is invalid.")
        return answer(show_shipment(order, shipment), 201)

    async def unship(self, request: web.Request) -> web.Response:
        """DELETE of a shipment."""
        order = self._shop.book.get(int(request.match_info["order"]))
        if order is None:
            return v2_missing()
        try:
            self._shop.delete_shipment(order.id, int(request.match_info["shipment"]))
        except NoSuch:
            return v2_missing()
        return nothing()

    def _shown(self, request: web.Request, order: Order, status: int) -> web.Response:
        whole = consignments_of(request.query)
        shown = show_order(order, request.match_info["store"], consignments=whole)
        return answer(shown, status)

    def _out_of_stock(self, short: OutOfStock) -> web.Response:
        errors = []
        for kind, number in short.items:
            variant = self._shop.catalog.variants[number] if kind == "variant" else None
            product = self._shop.catalog.products[variant.product_id if variant else number]
            known = variant or product.variants[0]
            level = self._shop.takings.available((kind, number))
            sku = {"id": known.id, "sku": known.sku, "inventory_level": level}
            named = {"id": product.id, "name": product.name, "sku": sku}
            errors.append({"type": "OutOfStock", "product": named})
        text = "Quantities of one or more products are out of stock or did not meet quantity requirements."
        return v2_error(409, text, {"errors": errors})


def _not_writable(name: str) -> str:
    return f"The field '{name}' cannot be written to. Please remove it from your request before trying again."


def _status_of(body: Mapping[str, Any], default: int | None) -> Any:
    status_id = body.get("status_id", default)
    if status_id is not None and status_id not in range(len(orders.STATUS_NAMES)):
        raise Invalid("The field 'status_id' is invalid.")
    return status_id


def _address(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "form_fields" and isinstance(value, str)}


def _money(value: object, name: str) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Invalid(f"The field '{name}' is invalid.") from None
