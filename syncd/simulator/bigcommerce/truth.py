"""The shop's ground truth as JSON: counters, what was sold, every order there ever was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.orders import Order
from syncd.simulator.bigcommerce.premises import Premises
from syncd.simulator.bigcommerce.stockroom import Counter


def tally(shop: Premises) -> dict[str, dict[str, int]]:
    """For each SKU that has a counter or was sold: level, pending, sold, returned, open (see `Shop.truth`)."""
    skus: dict[str, dict[str, int]] = {}

    def entry(sku: str) -> dict[str, int]:
        return skus.setdefault(sku, {"level": 0, "pending": 0, "sold": 0, "returned": 0, "open": 0})

    for counter in shop.stockroom.all():
        final = shop.stockroom.final_level(counter)
        entry(counter.sku)["level"] += final
        entry(counter.sku)["pending"] += final - (counter.level or 0)
    for sku, units in shop.takings.sold.items():
        entry(sku)["sold"] += units
    for sku, units in shop.takings.returned.items():
        entry(sku)["returned"] += units
    for order in shop.book.kept.values():
        if order.deleted or order.archived or order.status_id in orders.DEAD_STATUSES:
            continue
        for line in order.lines:
            if line.item is not None and not line.counted:
                entry(line.sku)["open"] += line.quantity - line.taken_units
    return skus


def show_order(order: Order) -> dict[str, Any]:
    """An order, in its true state; lines that were edited away show a quantity of 0."""
    return {
        "order": str(order.id),
        "status": "Deleted" if order.deleted else orders.STATUS_NAMES[order.status_id],
        "status_id": order.status_id,
        "archived": order.archived,
        "deleted": order.deleted,
        "external_order_id": order.external_order_id,
        "lines": [
            {
                "line": str(line.id),
                "sku": line.sku,
                "quantity": line.quantity,
                "restocked": line.restocked,
                "refunded": line.refunded,
                "shipped": line.shipped,
                "taken": line.taken_units,
            }
            for line in (*order.lines, *order.removed)
        ],
    }


def show_changes(counter: Counter) -> Iterator[dict[str, Any]]:
    """The changes of one counter."""
    for change in counter.changes:
        yield {
            "at": change.at_us,
            "change": change.change,
            "level": change.level,
            "location": counter.location_id,
            "cause": change.cause,
        }
