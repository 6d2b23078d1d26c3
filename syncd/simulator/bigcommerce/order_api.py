"""Reading orders: /v2/orders and what hangs below an order."""

from __future__ import annotations

from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from typing import Final

import msgspec
from aiohttp import web

from syncd.simulator.bigcommerce.answers import PAGE_MAX, answer, page_of, v2_error, v2_list, v2_missing
from syncd.simulator.bigcommerce.line_shapes import show_line
from syncd.simulator.bigcommerce.order_filters import BadFilter, Filters
from syncd.simulator.bigcommerce.order_shapes import show_order
from syncd.simulator.bigcommerce.orders import STATUS_NAMES, Order
from syncd.simulator.bigcommerce.shop import Shop

RENDERED_MAX: Final = 2_000
"""Orders kept in their encoded form: eight pages of the greatest size, about 10 MB."""


class Rendering:
    """Orders as JSON. One that didn't change since it was shown last isn't built again."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._kept: OrderedDict[tuple[int, str, bool, int, bool], tuple[int, msgspec.Raw]] = OrderedDict()

    def show(self, order: Order, store: str, query: Mapping[str, str]) -> msgspec.Raw:
        """An order as `Shop.seen` gave it; stale and torn ones, which are copies, aren't kept."""
        switches = self._shop.settings.switches
        consignments, fees = consignments_of(query), fees_of(query)
        key = (order.id, consignments, fees, switches.include_lines_max, switches.type_noise)
        kept = self._kept.get(key)
        whole = self._shop.book.get(order.id) is order
        if kept and kept[0] == order.version and whole:
            return kept[1]
        raw = show_order(
            order,
            store,
            consignments=consignments,
            fees=fees,
            lines_max=switches.include_lines_max,
            noise=switches.type_noise,
        )
        if whole:
            self._kept[key] = (order.version, raw)
            if len(self._kept) > RENDERED_MAX:
                self._kept.popitem(last=False)
        return raw


def consignments_of(query: Mapping[str, str]) -> str:
    """How much of the consignments a request wants: "", "links" or "lines"."""
    if query.get("consignment_structure") != "object":
        return ""
    wanted = {part.strip() for part in query.get("include", "").split(",")}
    if "consignments.line_items" in wanted:
        return "lines"
    return "links" if "consignments" in wanted else ""


def fees_of(query: Mapping[str, str]) -> bool:
    """Whether a request wants the fees in the order."""
    return "fees" in {part.strip() for part in query.get("include", "").split(",")}


class OrderApi:
    """The read side of the v2 orders API."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._rendering = Rendering(shop)

    def routes(self) -> list[web.RouteDef]:
        """Paths below /stores/{store}."""
        return [
            web.get("/v2/orders", self.list),
            web.get("/v2/orders/count", self.count),
            web.get(r"/v2/orders/{order:\d+}", self.one),
            web.get(r"/v2/orders/{order:\d+}/products", self.products),
            web.get(r"/v2/orders/{order:\d+}/products/{line:\d+}", self.product),
            web.get("/v2/order_statuses", self.statuses),
            web.get(r"/v2/order_statuses/{status:\d+}", self.status),
        ]

    def found(self, request: web.Request) -> Order | None:
        """The order of a path as it shows at this moment, if it shows."""
        order = self._shop.book.get(int(request.match_info["order"]))
        return None if order is None else self._shop.seen(order)

    async def list(self, request: web.Request) -> web.Response:
        """A page of orders; 204 when it is empty."""
        shop = self._shop
        page, limit = page_of(request.query)
        if limit > PAGE_MAX:
            return v2_error(413, f"The limit may not be above {PAGE_MAX}.")
        try:
            ignored = shop.happens(shop.faults.ignored_filters)
            filters = Filters(request.query, shop.settings.switches, ignored=ignored)
        except BadFilter as bad:
            return v2_error(400, str(bad))
        ties = shop.chance if shop.happens(shop.faults.shuffled_ties) else None
        found = filters.select(shop, ties)
        query, store = request.query, request.match_info["store"]
        rows = [
            self._rendering.show(order, store, query)
            for row in islice(found, (page - 1) * limit, page * limit)
            if (order := shop.seen(row)) is not None
        ]
        self._move_one()
        return v2_list(rows)

    def _move_one(self) -> None:
        """The dial move_order_every: an order changes while somebody pages."""
        shop = self._shop
        shop.lists_served += 1
        every = shop.faults.move_order_every
        if every and len(shop.book) and shop.lists_served % every == 0:
            shop.touch(shop.book.nth(shop.chance.randrange(len(shop.book))))

    async def count(self, request: web.Request) -> web.Response:
        """How many orders, by status."""
        try:
            filters = Filters(request.query, self._shop.settings.switches)
        except BadFilter as bad:
            return v2_error(400, str(bad))
        seen = (self._shop.seen(order) for order in filters.select(self._shop))
        tally = Tally(order.status_id for order in seen if order is not None)
        rows = [{**row, "count": tally[number], "sort_order": number} for number, row in enumerate(_statuses())]
        return answer({"statuses": rows, "count": tally.total()})

    async def one(self, request: web.Request) -> web.Response:
        """An order by its id; archived ones too."""
        order = self.found(request)
        if order is None:
            return v2_missing()
        return answer(self._rendering.show(order, request.match_info["store"], request.query))

    async def products(self, request: web.Request) -> web.Response:
        """The lines of an order."""
        order = self.found(request)
        page, limit = page_of(request.query)
        if limit > PAGE_MAX:
            return v2_error(413, f"The limit may not be above {PAGE_MAX}.")
        if order is None:
            return v2_missing()
        noise = self._shop.settings.switches.type_noise
        return v2_list([show_line(order, line, noise=noise) for line in order.lines[(page - 1) * limit : page * limit]])

    async def product(self, request: web.Request) -> web.Response:
        """One line of an order."""
        order = self.found(request)
        number = int(request.match_info["line"])
        lines = [line for line in order.lines if line.id == number] if order else []
        noise = self._shop.settings.switches.type_noise
        return answer(show_line(order, lines[0], noise=noise)) if order and lines else v2_missing()

    async def statuses(self, request: web.Request) -> web.Response:
        """The statuses; a merchant may rename the custom labels."""
        del request
        return answer([{**row, "order": number} for number, row in enumerate(_statuses())])

    async def status(self, request: web.Request) -> web.Response:
        """One of the statuses."""
        number = int(request.match_info["status"])
        return answer({**_statuses()[number], "order": number}) if number < len(STATUS_NAMES) else v2_missing()


def _statuses() -> list[dict[str, object]]:
    return [
        {"id": number, "name": name, "system_label": name, "custom_label": name, "system_description": ""}
        for number, name in enumerate(STATUS_NAMES)
    ]
