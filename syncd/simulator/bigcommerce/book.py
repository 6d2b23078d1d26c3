"""The shop's order book: orders by id, and sorted by when they changed, so that a page of a long list is cheap."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from syncd.simulator.bigcommerce.orders import Order


class OrderBook:
    """All orders that can still be read."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._ids: list[int] = []
        self._by_modified: list[tuple[int, int]] = []
        self.kept: dict[int, Order] = {}
        """Every order there ever was, also those deleted for good: the truth needs them."""

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self._orders.values())

    def get(self, number: int) -> Order | None:
        """An order by id."""
        return self._orders.get(number)

    def add(self, order: Order) -> None:
        """Enter a new order; ids must ascend."""
        assert not self._ids or order.id > self._ids[-1]
        self._orders[order.id] = order
        self.kept[order.id] = order
        self._ids.append(order.id)
        insort(self._by_modified, (order.modified_seconds, order.id))

    def restamp(self, order: Order, modified_seconds: int) -> None:
        """Give an order another date_modified."""
        if modified_seconds != order.modified_seconds and order.id in self._orders:
            del self._by_modified[bisect_left(self._by_modified, (order.modified_seconds, order.id))]
            insort(self._by_modified, (modified_seconds, order.id))
        order.modified_seconds = modified_seconds

    def drop(self, order: Order) -> None:
        """Delete an order for good."""
        del self._orders[order.id]
        del self._ids[bisect_left(self._ids, order.id)]
        del self._by_modified[bisect_left(self._by_modified, (order.modified_seconds, order.id))]

    def nth(self, place: int) -> Order:
        """An order by its place in the sequence of ids."""
        return self._orders[self._ids[place]]

    def by_id(self, low: int | None, high: int | None, *, descending: bool) -> Iterator[Order]:
        """Orders with low <= id <= high, sorted by id."""
        start = 0 if low is None else bisect_left(self._ids, low)
        stop = len(self._ids) if high is None else bisect_right(self._ids, high)
        places = range(start, stop)
        return (self._orders[self._ids[place]] for place in (reversed(places) if descending else places))

    def by_modified(self, low: int | None, high: int | None, *, descending: bool) -> Iterator[Order]:
        """Orders with low <= date_modified <= high (seconds), sorted by it, then by id."""
        start = 0 if low is None else bisect_left(self._by_modified, (low, 0))
        stop = len(self._by_modified) if high is None else bisect_left(self._by_modified, (high + 1, 0))
        places = range(start, stop)
        return (self._orders[self._by_modified[place][1]] for place in (reversed(places) if descending else places))
