"""The ground truth as JSON: what shoppers really took, by SKU and by order, and what was written over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.simulator.woocommerce.records import TAKING, Line, Order, Tally

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

OPEN = frozenset({"pending", "checkout-draft"})
"""Statuses whose lines may still take stock."""


def true_state(shop: Shop) -> dict[str, Any]:
    """GET /_sim/truth: see `control` for the shape.

    `sold` are units that orders took from the counter (edits upwards included), `returned` those that orders gave back,
    so the level is opening + writes + returned - sold. `open` are units in pending orders and drafts, not taken yet.
    `oversold` are units sold though there were none, never lowered by a later return.
    """
    orders = [*shop.book.orders.values(), *shop.book.gone.values()]
    waiting: dict[str, int] = {}
    for order in orders:
        if order.status in OPEN and not order.deleted:
            for line in order.true_lines:
                waiting[line.sku] = waiting.get(line.sku, 0) + line.quantity - line.reduced
    tallies = shop.catalog.tallies
    names = {product.sku for product in shop.catalog.sellable()} | tallies.keys() | (waiting.keys() - {""})
    return {
        "skus": {
            sku: {
                "level": shop.catalog.level(shop.catalog.by_sku[sku]) if sku in shop.catalog.by_sku else None,
                "pending": 0,
                "sold": tallies.get(sku, Tally()).sold,
                "returned": tallies.get(sku, Tally()).returned,
                "open": waiting.get(sku, 0),
            }
            for sku in sorted(names)
        },
        "orders": [_order(order) for order in sorted(orders, key=lambda order: order.id)],
        "writes": {"absolute": shop.catalog.absolute_writes},
        "requests": shop.request_count,
        "oversold": {sku: tally.oversold for sku, tally in sorted(tallies.items()) if tally.oversold},
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "order": str(order.id),
        "status": "deleted" if order.deleted else order.status,
        "takes_stock": order.status in TAKING,
        "lines": [_line(order, line, line.quantity) for line in order.true_lines]
        + [_line(order, line, 0) for line in order.removed],
    }


def _line(order: Order, line: Line, quantity: int) -> dict[str, Any]:
    return {
        "line": str(line.id),
        "sku": line.sku,
        "quantity": quantity,
        "restocked": line.restocked,
        "refunded": order.refunded_units(line.id),
        "reduced": line.reduced,
    }
