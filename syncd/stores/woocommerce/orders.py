"""Reading WooCommerce's orders: what changed, some by id, and all by ascending id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from syncd.core.order import Order, Phase, Unreadable
from syncd.core.quantity import SECOND, Instant
from syncd.errors import BugError, NotFound
from syncd.ports.store import OrderPage, ScanRequest, ScanTraits, StoreDescription
from syncd.stores.woocommerce.api import PER_PAGE_MAX, V3, Api, Query, Rows, span
from syncd.stores.woocommerce.dates import write_gmt
from syncd.stores.woocommerce.description import describe
from syncd.stores.woocommerce.mapping import PHASES, Terms, read_order
from syncd.stores.woocommerce.statuses import TRASH, StatusList
from syncd.stores.woocommerce.windows import Window, find_place, read_window
from syncd.transport import Answer, clock_of

ORDERS = f"{V3}/orders"
INVALID_ID = "woocommerce_rest_shop_order_invalid_id"  # the shop's explicit word that there is no such order
EXCLUDE_MAX = 1_000  # about 7 kB of ids: they go as a body, and a database takes NOT IN of that size in a stride
SETTLE_US = 5 * SECOND  # new orders were seen half-written for about 0.3 s on an idle shop; a busy one takes longer
SETTLE_WAIT_MAX_US = 60 * SECOND
MINUTE_US = 60 * SECOND
TRASH_PAGES_MAX = 10  # of the trash, beyond the page asked for, where it has to be asked for apart
PLACES_MAX = 16  # readers by number whose place is remembered: sweep, baseline, and some that were given up
UNBOUNDED_BEFORE = Instant(365 * 86_400 * SECOND)  # a bound in 1970 means "from the first": then none is sent

Rated = Order | Unreadable


class _Part(msgspec.Struct, frozen=True):
    """Rows of one status list. `last`: rows behind this modified date (or id) may be missing; None: it is complete."""

    answers: list[Answer]
    rows: Sequence[msgspec.Raw]
    orders: list[Rated]
    last: int | None


class WooCommerceOrders:
    """OrdersPort of one WooCommerce shop.

    `describe` should be called first: it learns for how long the shop holds units for unpaid orders.
    """

    def __init__(
        self,
        api: Api,
        *,
        statuses: Mapping[str, Phase],
        hold_stock_minutes: int | None,
        settle_us: int,
    ) -> None:
        self._api = api
        self._statuses = StatusList(api)
        self._hold_minutes = hold_stock_minutes
        self._terms = Terms({**PHASES, **statuses}, (hold_stock_minutes or 0) * MINUTE_US)
        self._traits = ScanTraits(
            grain_us=SECOND,
            page_max=PER_PAGE_MAX,
            exclude_max=EXCLUDE_MAX,
            settle_us=settle_us,
            settle_wait_max_us=max(SETTLE_WAIT_MAX_US, settle_us),
        )
        self._places: dict[tuple[str, int], int] = {}

    @property
    def traits(self) -> ScanTraits:
        """What the order list can do."""
        return self._traits

    async def describe(self) -> StoreDescription:
        """Identity, behaviour and clock. Four requests; the statuses are read anew as well (a fifth)."""
        description, hold_minutes = await describe(self._api)
        if self._hold_minutes is None:
            self._terms = Terms(self._terms.phases, hold_minutes * MINUTE_US)
        await self._statuses.refresh()
        return description

    async def changed(self, request: ScanRequest) -> OrderPage:
        """One request, trash, drafts and custom statuses included.

        The platform's bound is strict and has a second's grain, so it is set a second before `since` is.
        """
        limit = min(request.limit, PER_PAGE_MAX)
        query = [("orderby", "modified"), ("order", "asc"), ("per_page", str(limit))]
        if request.since >= UNBOUNDED_BEFORE:
            query += [("modified_after", write_gmt(request.since - SECOND)), ("dates_are_gmt", "true")]
        if request.exclude:
            query.append(("exclude", ",".join(request.exclude)))

        async def read(status: str) -> _Part:
            found = [*query, ("status", status)]
            if status == TRASH:
                return await self._read_trash(found, limit, request.page)
            answer, rows = await self._api.read_rows(ORDERS, [*found, ("page", str(request.page))])
            return self._part([answer], rows, full=len(rows) >= limit)

        return _joined(await self._statuses.each(read))

    async def by_ids(self, orders: Sequence[str]) -> OrderPage:
        """One request for all, and one for each that the list doesn't show: only that can say that there is none."""
        if len(orders) > PER_PAGE_MAX:
            raise BugError(f"asked for {len(orders)} orders at once, {PER_PAGE_MAX} are allowed")
        wanted = set(orders)
        if not wanted:
            raise BugError("asked for no orders: the shop would take an empty list for all")
        query = [("include", ",".join(orders)), ("per_page", str(PER_PAGE_MAX)), ("orderby", "id"), ("order", "asc")]

        async def read(status: str) -> _Part:
            answer, rows = await self._api.read_rows(ORDERS, [*query, ("status", status)])
            return self._part([answer], rows, full=False)

        page = _joined(await self._statuses.each(read))
        found = [order for order in page.orders if order.order in wanted]
        missing: list[str] = []
        raw, began, ended = page.raw, page.began, page.ended
        for number in sorted(wanted - {order.order for order in found}):
            try:
                answer = await self._api.read(f"{ORDERS}/{number}")
            except NotFound as refusal:
                if refusal.code == INVALID_ID:
                    missing.append(number)
            else:
                order = read_order(answer.body, self._terms)
                began, ended = min(began, answer.began), max(ended, answer.ended)
                if order.order == number:
                    found.append(order)
                    raw = _array([*msgspec.json.decode(raw, type=Rows), answer.body])
        return OrderPage(
            tuple(found), raw, began, ended, full=False, missing=tuple(missing),
            clock_ahead_us=page.clock_ahead_us, clock_error_us=page.clock_error_us,
        )  # fmt: skip

    async def by_number(self, after: str, limit: int) -> OrderPage:
        """Up to `limit` orders with ids above `after`; `full` says that there may be more.

        One request where this reader has been at `after` before; else about twice the logarithm of the number of orders
        to find the place again. How rows that vanish meanwhile are not lost: see `windows`.
        """
        last = int(after) if after else 0
        wanted = max(1, min(limit, PER_PAGE_MAX))

        async def read(status: str) -> _Part:
            async def fetch(skip: int, rows: int) -> tuple[Answer, Rows]:
                return await self._api.read_rows(ORDERS, [*_by_id(skip, rows), ("status", status)])

            skip = 0 if last == 0 else self._places.get((status, last))
            if skip is None:
                skip = await find_place(fetch, last)
            window = await read_window(fetch, last, skip, wanted)
            self._remember(status, last, window)
            part = self._part([window.answer], list(window.rows), full=False)
            known = [number for number in window.ids if number is not None]
            return _Part(part.answers, part.rows, part.orders, known[-1] if window.full and known else None)

        parts = await self._statuses.each(read)
        return _joined(parts, by_number=True)

    async def _read_trash(self, query: Query, limit: int, page: int) -> _Part:
        """The trash from its first page on, whatever page is asked for: what was cut off a joined page comes again."""
        answers: list[Answer] = []
        trashed: Rows = []
        full = True
        for number in range(1, page + TRASH_PAGES_MAX):
            answer, rows = await self._api.read_rows(ORDERS, [*query, ("page", str(number))])
            answers.append(answer)
            trashed += rows
            full = len(rows) >= limit
            if not full:
                break
        return self._part(answers, trashed, full=full)

    def _part(self, answers: list[Answer], rows: Sequence[msgspec.Raw], *, full: bool) -> _Part:
        terms = self._terms
        orders = [read_order(row, terms) for row in rows]
        stamps = [order.modified for order in orders if order.modified is not None]
        return _Part(answers, rows, orders, max(stamps, default=0) if full else None)

    def _remember(self, status: str, after: int, window: Window) -> None:
        """Where this window ended, and where it began: its reader may come again from either."""
        known = [number for number in window.ids if number is not None]
        if known:
            self._places[status, after] = max(0, window.skip - len(window.ids))
            self._places[status, known[-1]] = window.skip
            while len(self._places) > PLACES_MAX:
                del self._places[next(iter(self._places))]


def _by_id(skip: int, rows: int) -> list[tuple[str, str]]:
    return [("orderby", "id"), ("order", "asc"), ("per_page", str(rows)), ("offset", str(skip))]


def _joined(parts: Sequence[_Part], *, by_number: bool = False) -> OrderPage:
    """One page of all parts, in order. What lies beyond the end of a part that goes on is left for later pages."""
    answers = [answer for part in parts for answer in part.answers]
    began, ended = span(answers)
    ahead, error = clock_of(answers) or (None, 0)
    if len(answers) == 1:
        return OrderPage(
            tuple(parts[0].orders), answers[0].body, began, ended, full=parts[0].last is not None,
            clock_ahead_us=ahead, clock_error_us=error,
        )  # fmt: skip
    place = _number_of if by_number else _stamp_of
    end = min([part.last for part in parts if part.last is not None], default=None)
    found = [(order, row) for part in parts for order, row in zip(part.orders, part.rows, strict=True)]
    found = sorted([pair for pair in found if end is None or place(pair[0]) <= end], key=lambda pair: place(pair[0]))
    raw = _array([row for _, row in found])
    return OrderPage(
        tuple([order for order, _ in found]), raw, began, ended, full=end is not None,
        clock_ahead_us=ahead, clock_error_us=error,
    )  # fmt: skip


def _array(rows: Sequence[bytes | msgspec.Raw]) -> bytes:
    return b"[" + b",".join([bytes(row) for row in rows]) + b"]"


def _stamp_of(order: Rated) -> int:
    return order.modified or 0


def _number_of(order: Rated) -> int:
    return int(order.order) if order.order.isdecimal() else 0
