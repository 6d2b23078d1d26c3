"""A BigCommerce shop in memory: what its shoppers and its merchant really do. No HTTP here.

This is the ground truth. The vendor's HTTP surface reads and writes it; tests and the control API drive it and ask
`truth()` what happened. Lines and orders are named by the vendor's integer ids; the methods also take them as text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.carts import Carts
from syncd.simulator.bigcommerce.dates import Clock
from syncd.simulator.bigcommerce.order_amounts import MANUAL, shares
from syncd.simulator.bigcommerce.order_details import Discount
from syncd.simulator.bigcommerce.orders import Line, Order, Shipment
from syncd.simulator.bigcommerce.refunds import Refunds
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.truth import show_changes, show_order, tally


class Shop(Refunds):
    """One shop: catalog, counters, orders, carts, settings, faults. Nothing in it waits; time is the injected clock's."""

    def __init__(self, clock: Clock, chance: Random, *, name: str = "Simulated shop") -> None:
        super().__init__(clock, chance, name=name)
        self.carts = Carts(self)

    def pay(self, number: int | str) -> Order:
        """The shopper pays: if the order was made of a cart, that is no more. Raises as in `Sales`."""
        order = super().pay(number)
        self.carts.placed(order)
        return order

    def ship(self, number: int | str, lines: Iterable[Mapping[str, Any]] = (), **fields: Any) -> Shipment:
        """Ship units of lines, all that is left by default. Raises NoSuch, NotPossible (more than is left)."""
        order = self.order(number)
        wanted = self.units_of(order, lines) or {line.id: line.quantity - line.shipped for line in order.lines}
        wanted = {line_id: units for line_id, units in wanted.items() if units > 0}
        if not wanted or any(
            units > order.line(one).quantity - order.line(one).shipped for one, units in wanted.items()
        ):
            raise NotPossible("there is nothing to ship, or less than that")
        now_us = self.now()
        for line_id, units in wanted.items():
            line = order.line(line_id)
            line.shipped += units
            self.takings.shipped(order, line, units, now_us)
        address_id = order.address_of(order.line(next(iter(wanted))))
        shipment = Shipment(self.next_id("shipment"), self.stamp(), wanted, fields, address_id)
        order.shipments.append(shipment)
        self.hooks.fire("store/shipment/created", "shipment", shipment.id, orderId=order.id)
        whole = all(line.shipped >= line.quantity for line in order.lines)
        if whole:
            order.shipped_seconds = self.stamp()
        if order.status_id not in {orders.CANCELLED, orders.REFUNDED}:
            self.set_status(order, orders.SHIPPED if whole else orders.PARTIALLY_SHIPPED)
        self.touch(order, may_be_silent=True)
        return shipment

    def delete_shipment(self, number: int | str, shipment_id: int) -> None:
        """Delete a shipment. The order stays in its status (vendor page "Orders overview"). Raises NoSuch."""
        order = self.order(number)
        found = [one for one in order.shipments if one.id == shipment_id]
        if not found:
            raise NoSuch(f"no shipment {shipment_id} in order {number}")
        order.shipments.remove(found[0])
        now_us = self.now()
        for line in order.lines:
            units = found[0].items.get(line.id, 0)
            line.shipped -= units
            self.takings.unshipped(order, line, units, now_us)
        self.hooks.fire("store/shipment/deleted", "shipment", shipment_id, orderId=order.id)
        self.touch(order, may_be_silent=True)

    def edit(
        self,
        number: int | str,
        lines: Iterable[Mapping[str, Any]] = (),
        add: Iterable[Mapping[str, Any]] = (),
    ) -> Order:
        """Change quantities of lines (0 removes one), add others. Raises NoSuch, NotPossible, OutOfStock.

        Stock moves only if the channel's edit_order_stock_adjustment is on. Only then is there a check of stock.
        """
        order = self.order(number)
        wanted = self.units_of(order, lines)
        new = [self.line_of(one["sku"], int(one["quantity"])) for one in add]
        self.apply_edit(order, wanted, new)
        return order

    def apply_edit(
        self, order: Order, quantities: Mapping[int, int], new: Sequence[Line], touched: Collection[int] = ()
    ) -> None:
        """Set quantities by line id and append lines. Raises OutOfStock, NotPossible; nothing is changed then.

        Lines whose quantity is set, and those `touched` otherwise, lose their discounts, also their share of the order's.
        """
        now_us = self.now()
        more = [(order.line(one).item, units - order.line(one).quantity) for one, units in quantities.items()]
        more += [(line.item, line.quantity) for line in new]
        if any(units < 0 for units in quantities.values()):
            raise NotPossible("a quantity is at least 0")
        if self.takings.rules(order).edit_order_stock_adjustment and (missing := self.takings.missing(more)):
            raise OutOfStock(missing)
        self._clear_discounts(order, {*quantities, *touched})
        for line_id, units in quantities.items():
            line = order.line(line_id)
            self.takings.edited(order, line, units - line.quantity, now_us)
            line.quantity = units
        order.removed += [line for line in order.lines if line.quantity == 0]
        order.lines = [line for line in order.lines if line.quantity > 0]
        for line in new:
            order.lines.append(line)
            self.takings.added(order, line, now_us)
            if line.details is not None:
                order.detailed()
        self.touch(order, may_be_silent=True)

    def _clear_discounts(self, order: Order, changed: Collection[int]) -> None:
        """Take the discounts off some lines; of the order's own discount the other lines keep the share they have."""
        parts = shares(order)
        order.discount = Decimal(0)
        for line in order.lines:
            if line.id in changed:
                if line.details is not None:
                    line.details.discounts.clear()
            elif line.id in parts:
                line.detailed().discounts.append(Discount(MANUAL[0], parts[line.id], MANUAL[1]))
                order.detailed()

    def truth(self) -> dict[str, Any]:
        """What really happened; the shape is GET /_sim/truth (less the number of requests).

        `level` is the counter at all locations once everything in flight is applied, `pending` the part of it that
        isn't applied yet. `sold` are the units that orders took from counters, `returned` those that went back because
        of orders: level = opening + writes + returned - sold (+ oversold, where counters stop at 0). `open` are units
        in orders that haven't taken them and still may. `oversold` are units taken though there were none.
        """
        self.now()
        return {
            "skus": tally(self),
            "orders": [show_order(order) for order in self.book.kept.values()],
            "writes": {"relative": self.stockroom.relative_writes, "absolute": self.stockroom.absolute_writes},
            "oversold": dict(self.stockroom.oversold),
            "tax_documents": [
                {"order": str(one.order), "kind": one.kind, "at": one.at_us, "status_id": one.status_id}
                for one in self.tax_documents.filings
            ],
        }

    def history(self, sku: str) -> list[dict[str, Any]]:
        """Each change of a SKU's counters, by time: at (microseconds), change, level after it, location, cause."""
        self.now()
        counters = self.stockroom.counters(self.counter(sku).item)
        return sorted((entry for one in counters for entry in show_changes(one)), key=lambda entry: int(entry["at"]))
