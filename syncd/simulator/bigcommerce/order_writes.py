"""Writing orders: POST, PUT and DELETE of the v2 API. What a body may say is read by `order_drafts`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.answers import answer, body_of, nothing, page_of, v2_error, v2_missing
from syncd.simulator.bigcommerce.order_amounts import MANUAL
from syncd.simulator.bigcommerce.order_api import consignments_of, fees_of
from syncd.simulator.bigcommerce.order_details import OrderDetails
from syncd.simulator.bigcommerce.order_drafts import Draft, Drafts
from syncd.simulator.bigcommerce.order_lines import LineDrafts
from syncd.simulator.bigcommerce.order_shapes import show_order
from syncd.simulator.bigcommerce.orders import Line, Order
from syncd.simulator.bigcommerce.products import ItemKey
from syncd.simulator.bigcommerce.refusals import BadQuantity, Invalid, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.shop import Shop

SHORT: Final = "Quantities of one or more products are out of stock or did not meet quantity requirements."


class OrderWrites:
    """The write side of the v2 orders API."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._drafts = Drafts(shop)
        self._lines = LineDrafts(shop)

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.post("/v2/orders", self.create),
            web.delete("/v2/orders", self.archive_all),
            web.put(r"/v2/orders/{order:\d+}", self.update),
            web.delete(r"/v2/orders/{order:\d+}", self.archive),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """An order from outside. Tracked products are taken at once, or it is refused with 409."""
        body = await body_of(request)
        try:
            if body is None:
                raise Invalid("The request body is invalid.")
            order = self._create(self._drafts.new(body))
        except Invalid as bad:
            return v2_error(400, str(bad), bad.details)
        except (NotPossible, ValueError, TypeError, AttributeError) as bad:
            return v2_error(400, f"The field is invalid: {bad}.")
        except (BadQuantity, OutOfStock) as short:
            return self._short(short)
        return self._shown(request, order, self._shop.settings.switches.create_answer)

    def _create(self, draft: Draft) -> Order:
        self._check_quantities((line.product_id, line.quantity) for line in draft.lines)
        addresses = [fields for _, fields in draft.addresses] or [{}]
        details = None
        if draft.amounts or draft.shown or draft.fees or draft.pickup or addresses[1:]:
            details = OrderDetails(
                amounts=draft.amounts,
                shown=draft.shown,
                fees=draft.fees or [],
                pickup=draft.pickup,
                addresses=addresses[1:],
            )
        attributes = {"channel_id": 1, **draft.attributes}
        return self._shop.place(
            draft.lines,
            status_id=orders.PENDING if draft.status_id is None else draft.status_id,
            channel_id=attributes.pop("channel_id"),
            source="external",
            shipping=addresses[0],
            details=details,
            **attributes,
        )

    def _check_quantities(self, wanted: Iterable[tuple[int, int]]) -> None:
        """How many of a product one may buy at once. Raises BadQuantity."""
        units: dict[int, int] = {}
        for product_id, quantity in wanted:
            units[product_id] = units.get(product_id, 0) + quantity
        bad = {}
        for product_id, quantity in units.items():
            product = self._shop.catalog.products.get(product_id)
            if product is not None and (
                0 < quantity < product.minimum or (product.maximum and quantity > product.maximum)
            ):
                bad[product_id] = quantity
        if bad:
            raise BadQuantity(bad)

    async def update(self, request: web.Request) -> web.Response:
        """Like a PATCH. Lines that are touched lose their discounts, and without status_id the order turns Pending."""
        order = self._shop.book.get(int(request.match_info["order"]))
        body = await body_of(request)
        if order is None:
            return v2_missing()
        try:
            if body is None:
                raise Invalid("The request body is invalid.")
            self._update(order, self._drafts.change(order, body))
        except Invalid as bad:
            return v2_error(400, str(bad), bad.details)
        except (NotPossible, ValueError, TypeError, AttributeError) as bad:
            return v2_error(400, f"The field is invalid: {bad}.")
        except (BadQuantity, OutOfStock) as short:
            return self._short(short)
        return self._shown(request, order, 200)

    def _update(self, order: Order, draft: Draft) -> None:
        switches = self._shop.settings.switches
        places = order.status_id == orders.INCOMPLETE and draft.status_id not in (None, orders.INCOMPLETE)
        if places and switches.placing_checks_stock:
            missing = self._shop.takings.missing((line.item, line.quantity) for line in order.lines)
            if missing:
                raise OutOfStock(missing)
        quantities = {one: wanted["quantity"] for one, wanted in draft.changes.items() if "quantity" in wanted}
        if draft.changes or draft.lines:
            self._check_quantities(self._after(order, quantities, draft.lines))
            self._shop.apply_edit(order, quantities, draft.lines, touched=draft.changes)
            for line in order.lines:
                if line.id in draft.changes:
                    self._lines.change(line, draft.changes[line.id])
                    if line.details is not None:
                        order.detailed()
        if "discount" in draft.attributes:
            for line in order.lines:
                if line.details is not None:
                    line.details.discounts = [one for one in line.details.discounts if one.id != MANUAL[0]]
        for name, value in draft.attributes.items():
            setattr(order, name, value)
        for number, fields in draft.addresses:
            order.address_fields(order.address_id if number is None else number).update(fields)
        if draft.amounts or draft.shown or draft.fees or draft.pickup:
            details = order.detailed()
            details.amounts.update(draft.amounts)
            details.shown.update(draft.shown)
            details.pickup = draft.pickup or details.pickup
        if order.details is not None and (draft.fees is not None or switches.put_without_fees_deletes):
            order.details.fees = draft.fees or []
        if draft.archived is not None:
            (self._shop.archive if draft.archived else self._shop.restore)(order.id)
        status_id = draft.status_id
        if status_id is None and switches.put_resets_status:
            status_id = orders.PENDING
        if status_id is not None and status_id != order.status_id:
            self._shop.set_status(order, status_id)
            self._shop.touch(order)
        else:
            self._shop.touch(order, may_be_silent=True)

    @staticmethod
    def _after(order: Order, quantities: dict[int, int], new: list[Line]) -> Iterable[tuple[int, int]]:
        """The units of products that a change leaves in the order, of those products alone that it concerns."""
        lines = [(line.product_id, quantities.get(line.id, line.quantity)) for line in order.lines]
        concerned = {line.product_id for line in order.lines if line.id in quantities}
        concerned |= {line.product_id for line in new}
        lines += [(line.product_id, line.quantity) for line in new]
        return [(product_id, units) for product_id, units in lines if product_id in concerned]

    async def archive(self, request: web.Request) -> web.Response:
        """DELETE archives an order."""
        order = self._shop.book.get(int(request.match_info["order"]))
        if order is None:
            return v2_missing()
        self._shop.archive(order.id)
        return nothing()

    async def archive_all(self, request: web.Request) -> web.Response:
        """DELETE without an id archives all orders, as many as `limit` says."""
        _, limit = page_of(request.query)
        for order in [one for one in self._shop.book if not one.archived][:limit]:
            self._shop.archive(order.id)
        return nothing()

    def _shown(self, request: web.Request, order: Order, status: int) -> web.Response:
        query = request.query
        shown = show_order(
            order,
            request.match_info["store"],
            consignments=consignments_of(query),
            fees=fees_of(query),
            noise=self._shop.settings.switches.type_noise,
        )
        return answer(shown, status)

    def _short(self, short: BadQuantity | OutOfStock) -> web.Response:
        """409: each product with what is wrong with its quantity."""
        errors: list[dict[str, Any]] = []
        products = self._shop.catalog.products
        if isinstance(short, BadQuantity):
            for number, quantity in short.products.items():
                product = products[number]
                fault = {"product": self._product((product.item_of(product.variants[0].id), number))}
                if quantity < product.minimum:
                    errors.append({"type": "InsufficientQuantity", **fault, "minimum_quantity": product.minimum})
                else:
                    errors.append({"type": "ExceedsMaxQuantity", **fault, "maximum_quantity": product.maximum})
        else:
            for item in short.items:
                kind, number = item
                product_id = self._shop.catalog.variants[number].product_id if kind == "variant" else number
                errors.append({"type": "OutOfStock", "product": self._product((item, product_id))})
        return v2_error(409, SHORT, {"errors": errors})

    def _product(self, which: tuple[ItemKey | None, int]) -> dict[str, Any]:
        item, product_id = which
        product = self._shop.catalog.products[product_id]
        known = self._shop.catalog.variants[item[1]] if item and item[0] == "variant" else product.variants[0]
        level = self._shop.takings.available(item) if item is not None else 0
        sku = {"id": known.id, "sku": known.sku, "inventory_level": level}
        return {"id": product.id, "name": product.name, "sku": sku}
