"""Reading BigCommerce's orders: `GET /v2/orders` with their lines included, so that no order costs a call of its own.

An order that can't be read or mapped becomes `Unreadable`, alone; a body that is no list of orders is a StoreFault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from syncd.core.order import Order, Unreadable
from syncd.core.quantity import SECOND, Instant
from syncd.errors import RefusedError, StoreFault
from syncd.ports.store import OrderPage, ScanRequest, ScanTraits, StoreDescription
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.client import Client, decode
from syncd.stores.bigcommerce.dates import GRAIN_US, write_date
from syncd.stores.bigcommerce.locations import Locations
from syncd.stores.bigcommerce.mapping import (
    decode_order,
    digest,
    included_lines,
    map_order,
    ruled_by,
    unreadable,
)
from syncd.stores.bigcommerce.settings import ShopSettings
from syncd.transport import Answer, clock_of

PAGE_MAX = 250  # the vendor's greatest page; above it answers 413
INCLUSIVE_MARGIN_US = SECOND  # no vendor page says whether min_date_modified is inclusive: ask from one grain earlier
SETTLE_US = 2 * SECOND  # an order's lines and payment may follow its stamp by about a second
SETTLE_WAIT_MAX_US = 30 * SECOND  # an order that is touched again and again is acted on after half a minute
RUN_GAP_MAX = 8  # missing ids between two asked-for ones that are read along: about 40 kB, cheaper than another request
LINES_PAGE_MAX = 250  # lines in one answer of /products
LINES_PAGES_MAX = 20  # 5,000 lines: no order of a shop has more; beyond, the order goes to quarantine

_INCLUDE = [("include", "consignments.line_items,fees"), ("consignment_structure", "object")]
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_LINES = msgspec.json.Decoder(list[wire.OrderProduct], strict=False)
_STORE = msgspec.json.Decoder(wire.StoreInformation, strict=False)
_TIME = msgspec.json.Decoder(wire.StoreTime, strict=False)


class BigCommerceOrders:
    """The orders of one BigCommerce store (`syncd.ports.store.OrdersPort`)."""

    def __init__(
        self,
        client: Client,
        settings: ShopSettings,
        locations: Locations,
        *,
        store_hash: str,
        settle_us: int,
        settle_wait_max_us: int,
    ) -> None:
        self._client = client
        self._settings = settings
        self._locations = locations
        self._store_hash = store_hash
        self._traits = ScanTraits(
            grain_us=GRAIN_US,
            page_max=PAGE_MAX,
            exclude_max=0,
            settle_us=settle_us,
            settle_wait_max_us=settle_wait_max_us,
        )

    @property
    def traits(self) -> ScanTraits:
        """What the order list can do."""
        return self._traits

    async def describe(self) -> StoreDescription:
        """Identity, behaviour and clock: four small requests, one for each channel, and one for the locations where others than
        location 1 are kept. Raises as the port says."""
        about = decode(await self._client.read("/v2/store"), _STORE)
        answer = await self._client.read("/v2/time")
        time = decode(answer, _TIME).time
        await self._settings.refresh(about.default_channel_id)
        behaviour, warnings = self._settings.behaviour(about.default_channel_id)
        warnings += await self._locations.refresh()
        store_hash = about.id if isinstance(about.id, str) and about.id else self._store_hash
        return StoreDescription(
            identity=f"bigcommerce:{store_hash}",
            name=about.name or store_hash,
            behaviour=behaviour,
            # The answer names the second in which it was given: its middle, against the middle of the request.
            clock_ahead_us=time * SECOND + SECOND // 2 - (answer.began + answer.ended) // 2,
            clock_error_us=(answer.ended - answer.began + 1) // 2 + SECOND,
            warnings=warnings,
        )

    async def changed(self, request: ScanRequest) -> OrderPage:
        """One page of changed orders, oldest change first; `request.exclude` is left aside (the platform can't)."""
        since = write_date(Instant(max(0, request.since - INCLUSIVE_MARGIN_US)))
        limit = min(request.limit, PAGE_MAX)
        return await self._page(
            [("min_date_modified", since), ("sort", "date_modified:asc"), ("page", str(request.page))], limit
        )

    async def by_number(self, after: str, limit: int) -> OrderPage:
        """Orders by ascending id. Raises StoreFault when the shop ignored `min_id`: a sweep would go in circles."""
        first = int(after) + 1 if after else 1
        page = await self._page([("min_id", str(first)), ("sort", "id:asc"), ("page", "1")], min(limit, PAGE_MAX))
        if any(row.order.isdecimal() and int(row.order) < first for row in page.orders):
            raise StoreFault(
                f"asked for orders from {first} on, the answer holds earlier ones", operation="list orders"
            )
        return page

    async def by_ids(self, orders: Sequence[str]) -> OrderPage:
        """These orders: near ones by one request, lone ones and those that a list left out by one each.

        Only an explicit 404 makes an id `missing`: a list may hide archived orders (no vendor page says).
        """
        found: dict[str, tuple[bytes, Order | Unreadable]] = {}
        missing: list[str] = []
        answers: list[Answer] = []
        wanted = {int(order) for order in orders if order.isdecimal()}
        for run in _runs(sorted(wanted)):
            if len(run) > 1:
                span = [("min_id", str(run[0])), ("max_id", str(run[-1])), ("sort", "id:asc"), ("page", "1")]
                answer, rows = await self._rows(span, PAGE_MAX)
                answers.append(answer)
                for raw, row in zip(rows, await self._map(rows), strict=True):
                    if row.order.isdecimal() and int(row.order) in wanted:
                        found[row.order] = (raw, row)
            for number in run:
                if str(number) in found:
                    continue
                answer = await self._client.read(f"/v2/orders/{number}", _INCLUDE, accept=(404,))
                answers.append(answer)
                if answer.status == 404:
                    missing.append(str(number))
                elif answer.status == 200:
                    found[str(number)] = (answer.body, await self._map_one(answer.body, str(number)))
        clock = clock_of(answers) or (None, 0)
        return OrderPage(
            orders=tuple(row for _, row in found.values()),
            raw=b"[" + b",".join(raw for raw, _ in found.values()) + b"]",
            began=Instant(min((answer.began for answer in answers), default=0)),
            ended=Instant(max((answer.ended for answer in answers), default=0)),
            full=False,
            missing=tuple(missing),
            clock_ahead_us=clock[0],
            clock_error_us=clock[1],
        )

    async def _page(self, query: list[tuple[str, str]], limit: int) -> OrderPage:
        answer, rows = await self._rows(query, limit)
        clock = clock_of([answer]) or (None, 0)
        return OrderPage(
            orders=await self._map(rows),
            raw=answer.body,
            began=answer.began,
            ended=answer.ended,
            full=len(rows) >= limit,
            clock_ahead_us=clock[0],
            clock_error_us=clock[1],
        )

    async def _rows(self, query: list[tuple[str, str]], limit: int) -> tuple[Answer, list[bytes]]:
        """One list request, its rows still undecoded. 204 is v2's empty list, of a page past the end too."""
        answer = await self._client.read("/v2/orders", [*query, ("limit", str(limit)), *_INCLUDE])
        if answer.status == 204:
            return answer, []
        return answer, [bytes(raw) for raw in decode(answer, _ROWS)]

    async def _map(self, rows: Iterable[bytes]) -> tuple[Order | Unreadable, ...]:
        return tuple([await self._map_one(raw) for raw in rows])

    async def _map_one(self, raw: bytes, asked_for: str = "") -> Order | Unreadable:
        """Map one order, with a request of its own only for the rare one that came without its lines."""
        try:
            order = decode_order(raw)
            if asked_for and str(order.id) != asked_for:
                raise ValueError(f"asked for order {asked_for}, the answer is order {order.id}")
            products = included_lines(order)
            content = digest(raw)
            if products is None:
                products, bodies = await self._read_lines(order.id)
                content = digest(raw, *bodies)
            rule = self._settings.known(channel := ruled_by(order)) or await self._settings.rule(channel)
            return map_order(order, products, content, rule)
        except ValueError as error:
            return unreadable(raw, str(error))

    async def _read_lines(self, order: int) -> tuple[list[wire.OrderProduct], list[bytes]]:
        """The lines of one order by its own list. Raises ValueError when this order's can't be read."""
        lines: list[wire.OrderProduct] = []
        bodies: list[bytes] = []
        for page in range(1, LINES_PAGES_MAX + 1):
            try:
                answer = await self._client.read(
                    f"/v2/orders/{order}/products", [("page", str(page)), ("limit", str(LINES_PAGE_MAX))]
                )
            except RefusedError as error:
                raise ValueError(f"the lines of order {order} can't be read: {error}") from error
            except StoreFault as error:
                if error.status != 500:
                    raise
                raise ValueError(f"the store fails on the lines of order {order}: {error}") from error
            rows = [] if answer.status == 204 else decode(answer, _LINES)
            lines += rows
            bodies.append(answer.body)
            if len(rows) < LINES_PAGE_MAX:
                return lines, bodies
        raise ValueError(f"order {order} has more than {LINES_PAGE_MAX * LINES_PAGES_MAX} lines")


def _runs(numbers: Sequence[int]) -> list[list[int]]:
    """Ids that one list request can bring: near each other, and all within one page."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number - runs[-1][-1] <= RUN_GAP_MAX + 1 and number - runs[-1][0] < PAGE_MAX:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
