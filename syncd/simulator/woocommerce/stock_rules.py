"""When an order takes stock, gives it back, and how edits and refunds count: WooCommerce's rules, line by line.

Measured on WooCommerce 10.0.2 (the whole matrix of statuses), names and corner cases as in its
`includes/wc-stock-functions.php`. Order-driven changes are atomic (one SQL statement each).
"""

from __future__ import annotations

from collections.abc import Callable

from syncd.simulator.woocommerce.catalog import Catalog
from syncd.simulator.woocommerce.records import GIVING_BACK, TAKING, Line, Order

REDUCED = "_reduced_stock"
RESTOCKED = "_restock_refunded_items"


class StockRules:
    """The stock side of orders. `next_meta_id` gives ids for new rows of meta data."""

    def __init__(self, catalog: Catalog, next_meta_id: Callable[[], int]) -> None:
        self._catalog = catalog
        self._next_meta_id = next_meta_id

    def entered(self, order: Order) -> None:
        """The order has entered its status: take once, or give back once; failed and refunded change nothing."""
        if order.status in TAKING and not order.stock_reduced:
            for line in order.lines:
                self.take(order, line)
            order.stock_reduced = True
        elif order.status in GIVING_BACK and order.stock_reduced:
            for line in order.lines:
                self.give_back(order, line)
            order.stock_reduced = False

    def take(self, order: Order, line: Line) -> None:
        """Take a line's whole quantity, unless it holds some already."""
        if not any(row.key == REDUCED for row in line.meta):
            self._move(order, line, -line.quantity, holds=line.quantity)

    def give_back(self, order: Order, line: Line) -> None:
        """Give back what a line holds."""
        if line.reduced:
            self._move(order, line, line.reduced, holds=None)
        line.drop(REDUCED)

    def adjust(self, order: Order, line: Line) -> None:
        """After an edit of a reduced order: hold the new quantity, less what refunds put back."""
        wanted = line.quantity - line.restocked
        if order.stock_reduced and wanted != line.reduced:
            self._move(order, line, line.reduced - wanted, holds=wanted)

    def restock(self, order: Order, line: Line, units: int) -> None:
        """A refund puts units of a line back: only from a line that holds some."""
        if line.reduced and units and self._move(order, line, units, holds=line.reduced - units):
            line.write(RESTOCKED, str(line.restocked + units), self._next_meta_id())

    def _move(self, order: Order, line: Line, change: int, *, holds: int | None) -> bool:
        product = self._catalog.products.get(line.counter_id)
        if product is None or not self._catalog.move(product, change, order.id, line.sku):
            return False
        if holds is not None:
            line.write(REDUCED, str(holds), self._next_meta_id())
        return True
