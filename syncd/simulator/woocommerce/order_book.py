"""All orders of a shop, sorted by their stamps, with a short memory of how they were (for stale reads)."""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right, insort
from collections import deque

from syncd.simulator.woocommerce.records import Order

SECOND = 1_000_000
PAST_MAX = 2_000  # former states of orders kept for stale reads: minutes of a busy shop

UNPAID = frozenset({"pending", "checkout-draft"})

Key = tuple[int, int]
"""(stamp in whole seconds, order id)"""


class OrderBook:
    """Orders by id, and two sorted lists of keys: by date_modified and by date_created. Deleted ones are in `gone`."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.gone: dict[int, Order] = {}
        self.unpaid: dict[int, Order] = {}
        """Pending orders and drafts: those that may reserve stock."""
        self.unpaid_of: dict[int, dict[int, Order]] = {}
        """The same by product or variation id (with some that have lost that product since)."""
        self.hidden: set[int] = set()
        """The ids in the trash."""
        self._modified: list[Key] = []
        self._created: list[Key] = []
        self._past: deque[tuple[int, int, Order | None]] = deque(maxlen=PAST_MAX)

    def add(self, order: Order, now: int, *, remember: bool) -> None:
        """Take a new order in."""
        if remember:
            self._past.append((now, order.id, None))
        self.orders[order.id] = order
        self.sort_in(order)
        insort(self._modified, (order.modified_us // SECOND, order.id))
        insort(self._created, (order.created_us // SECOND, order.id))

    def remove(self, order: Order, now: int, *, remember: bool) -> None:
        """Delete an order for good: it is found nowhere any more."""
        self.keep_past(order, now, remember=remember)
        del self.orders[order.id]
        self.gone[order.id] = order
        order.deleted = True
        self.sort_in(order)
        _drop(self._modified, (order.modified_us // SECOND, order.id))
        _drop(self._created, (order.created_us // SECOND, order.id))

    def sort_in(self, order: Order) -> None:
        """After any change of an order's status or lines."""
        if order.status == "trash" and not order.deleted:
            self.hidden.add(order.id)
        else:
            self.hidden.discard(order.id)
        if order.status in UNPAID and not order.deleted:
            self.unpaid[order.id] = order
            for line in order.lines:
                self.unpaid_of.setdefault(line.counter_id, {})[order.id] = order
        elif self.unpaid.pop(order.id, None) is not None:
            for line in order.lines:
                self.unpaid_of.get(line.counter_id, {}).pop(order.id, None)

    def keep_past(self, order: Order, now: int, *, remember: bool) -> None:
        """Before an order changes: keep its state, where stale reads may ask for it."""
        if remember:
            self._past.append((now, order.id, copy.deepcopy(order)))

    def restamp(self, order: Order, now: int) -> None:
        """Move date_modified to now."""
        before, after = order.modified_us // SECOND, now // SECOND
        order.modified_us = now
        if before != after:
            _drop(self._modified, (before, order.id))
            insort(self._modified, (after, order.id))

    def as_of(self, at: int) -> dict[int, Order]:
        """The orders as they stood at an instant, as far as the memory reaches."""
        then: dict[int, Order | None] = {}
        for changed, order_id, order in reversed(self._past):
            if changed <= at:
                break
            then[order_id] = order
        if not then:
            return self.orders
        merged = {**self.orders, **{number: order for number, order in then.items() if order is not None}}
        for number, order in then.items():
            if order is None:
                merged.pop(number, None)
        return dict(sorted(merged.items()))

    def keys_by(self, stamp: str, orders: dict[int, Order]) -> list[Key]:
        """All keys by "modified" or "created", ascending."""
        if orders is self.orders:
            return self._modified if stamp == "modified" else self._created
        if stamp == "modified":
            return sorted((order.modified_us // SECOND, order.id) for order in orders.values())
        return sorted((order.created_us // SECOND, order.id) for order in orders.values())


def between(keys: list[Key], after: int | None, before: int | None) -> list[Key]:
    """The keys strictly after and strictly before, both in whole seconds."""
    first = 0 if after is None else bisect_right(keys, (after, 2**62))
    last = len(keys) if before is None else bisect_left(keys, (before, -1))
    return keys[first:last]


def _drop(keys: list[Key], key: Key) -> None:
    place = bisect_left(keys, key)
    if place < len(keys) and keys[place] == key:
        del keys[place]
