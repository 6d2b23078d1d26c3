"""The filters and sorting of the list of orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from itertools import groupby
from random import Random
from typing import Any, Final

from syncd.simulator.bigcommerce.book import OrderBook
from syncd.simulator.bigcommerce.dates import parse_moment
from syncd.simulator.bigcommerce.order_amounts import of_order
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.settings import Switches
from syncd.simulator.bigcommerce.shop import Shop

_NUMBERS: Final = ("min_id", "max_id", "status_id", "channel_id", "customer_id")
_DATES: Final = ("min_date_modified", "max_date_modified", "min_date_created", "max_date_created")
_TOTALS: Final = ("min_total", "max_total")
_TEXTS: Final = ("cart_id", "external_order_id", "payment_method", "email")
_SORTS: Final[dict[str, Callable[[Order], Any]]] = {
    "id": lambda order: order.id,
    "customer_id": lambda order: order.customer_id,
    "date_created": lambda order: order.created_seconds,
    "date_modified": lambda order: order.modified_seconds,
    "status_id": lambda order: order.status_id,
    "channel_id": lambda order: order.channel_id,
    "external_id": lambda order: order.external_order_id,
}


class BadFilter(Exception):
    """A filter that can't be read; `name` tells which. Only raised where the switch says so."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The field '{name}' is invalid.")
        self.name = name


class Filters:
    """What a request asks for, read from its query. Names that the vendor doesn't know are ignored."""

    def __init__(self, query: Mapping[str, str], switches: Switches, *, ignored: bool = False) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[str, str] = {}
        sort, _, direction = query.get("sort", "id").partition(":")
        self.sort = sort if sort in _SORTS else "id"
        self.descending = direction == "desc"
        self._archived = "listed" if switches.archived_listed else "hidden"
        if ignored:
            return
        for name in (*_NUMBERS, *_DATES, *_TOTALS):
            text = query.get(name)
            if text is None:
                continue
            value = parse_moment(text) if name in _DATES else _cents(text) if name in _TOTALS else _integer(text)
            if value is not None:
                self._numbers[name] = value
            elif not switches.bad_filters_ignored:
                raise BadFilter(name)
        self._texts = {name: query[name] for name in _TEXTS if name in query}
        if switches.is_deleted_filter and query.get("is_deleted") == "true":
            self._archived = "only"
        if not switches.min_date_inclusive:
            for name in ("min_date_modified", "min_date_created"):
                if name in self._numbers:
                    self._numbers[name] += 1

    def select(self, shop: Shop, ties: Random | None = None) -> Iterator[Order]:
        """The orders that a list shows, sorted; with `ties` equal rows come in random order. Lazy, so a page is cheap.

        `Shop.seen` has still to be asked how each row looks.
        """
        rest: set[str] = self._numbers.keys() | self._texts.keys()
        if shop.faults.stale_orders_seconds > 0:
            old = (seen for order in shop.book if (seen := shop.seen(order)) is not None)
            shown = self._sorted(order for order in old if self._matches(order))
        else:
            now_us, plain = shop.now(), not rest - self._answered() and self._archived == "hidden"
            there = (order for order in self._found(shop.book) if order.visible_from_us <= now_us)
            shown = (order for order in there if (not order.archived if plain else self._matches(order)))
        return shown if ties is None else _shuffle(shown, _SORTS[self.sort], ties)

    def _found(self, book: OrderBook) -> Iterator[Order]:
        """The orders of the book, sorted, within the bounds that its own sorting answers."""
        wanted = self._numbers
        low, high = wanted.get("min_date_modified"), wanted.get("max_date_modified")
        by_stamp = low is not None or high is not None
        if self.sort == "date_modified":
            return book.by_modified(low, high, descending=self.descending)
        if self.sort == "id" and not by_stamp:
            return book.by_id(wanted.get("min_id"), wanted.get("max_id"), descending=self.descending)
        return self._sorted(book.by_modified(low, high, descending=False))

    def _sorted(self, some: Iterable[Order]) -> Iterator[Order]:
        key = _SORTS[self.sort]
        return iter(sorted(some, key=lambda order: (key(order), order.id), reverse=self.descending))

    def _answered(self) -> set[str]:
        """The filters that `_found` has answered already."""
        stamps = {"min_date_modified", "max_date_modified"}
        if self.sort == "date_modified" or stamps & self._numbers.keys():
            return stamps
        return {"min_id", "max_id"} if self.sort == "id" else set()

    def _matches(self, order: Order) -> bool:
        if order.archived and self._archived == "hidden":
            return False
        if not order.archived and self._archived == "only":
            return False
        wanted = self._numbers
        if wanted and not (
            wanted.get("min_id", 0) <= order.id <= wanted.get("max_id", order.id)
            and order.status_id == wanted.get("status_id", order.status_id)
            and order.channel_id == wanted.get("channel_id", order.channel_id)
            and order.customer_id == wanted.get("customer_id", order.customer_id)
            and wanted.get("min_date_created", 0) <= order.created_seconds
            and order.created_seconds <= wanted.get("max_date_created", order.created_seconds)
            and wanted.get("min_date_modified", 0) <= order.modified_seconds
            and order.modified_seconds <= wanted.get("max_date_modified", order.modified_seconds)
        ):
            return False
        if _TOTALS[0] in wanted or _TOTALS[1] in wanted:
            total = of_order(order)["total_inc_tax"] * 100
            if not wanted.get("min_total", total) <= total <= wanted.get("max_total", total):
                return False
        return all(_text(order, name) == value for name, value in self._texts.items())


def _text(order: Order, name: str) -> str:
    return str(order.billing.get("email", "")) if name == "email" else str(getattr(order, name))


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _cents(text: str) -> int | None:
    """An amount in hundredths."""
    try:
        return int(Decimal(text) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _shuffle(found: Iterator[Order], key: Callable[[Order], Any], ties: Random) -> Iterator[Order]:
    for _, group in groupby(found, key):
        rows = list(group)
        ties.shuffle(rows)
        yield from rows
