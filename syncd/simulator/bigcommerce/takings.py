"""When an order moves stock: the vendor's rules, told by transitions and ruled by the settings then in force.

- `order_placed`: a line is taken when its order enters a status that holds stock.
- `order_completed_or_shipped`: shipped units are taken as they are shipped, the rest on Shipped or Completed.
- Cancelled and Refunded give back what was taken if `refund_order_stock_adjustment` is on; Partially Refunded never.
- Edits move stock only if `edit_order_stock_adjustment` is on, and only for lines that were counted before.
- Custom lines and untracked products move nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.orders import Line, Order
from syncd.simulator.bigcommerce.products import DEFAULT_LOCATION, Catalog, ItemKey
from syncd.simulator.bigcommerce.settings import Settings, StockRules
from syncd.simulator.bigcommerce.stockroom import Counter, Stockroom

_DONE: Final = frozenset({orders.SHIPPED, orders.COMPLETED})


class Takings:
    """Moves stock for orders."""

    def __init__(self, catalog: Catalog, stockroom: Stockroom, settings: Settings) -> None:
        self._catalog = catalog
        self._stockroom = stockroom
        self._settings = settings
        self.sold: dict[str, int] = {}
        """Units that orders took, by the SKU of the line; never lowered."""
        self.returned: dict[str, int] = {}
        """Units that went back because of an order, by the SKU of the line."""

    def rules(self, order: Order) -> StockRules:
        """The settings in force for an order now."""
        return self._settings.rules_for(order.channel_id, manual=order.manual)

    def available(self, item: ItemKey) -> int:
        """Units of an item that an order may take."""
        return sum(counter.available for counter in self._counters(item))

    def missing(self, lines: Iterable[tuple[ItemKey | None, int]]) -> list[ItemKey]:
        """The items of which there isn't enough for all of these lines together."""
        wanted: dict[ItemKey, int] = {}
        for item, units in lines:
            if item is not None and units > 0:
                wanted[item] = wanted.get(item, 0) + units
        return [item for item, units in wanted.items() if units > self.available(item)]

    def holds(self, order: Order, status_id: int) -> bool:
        """Whether an order in this status holds stock from its placing on."""
        switches = self._settings.switches
        if self.rules(order).update_stock_behavior != "order_placed" or self._is_history(order):
            return False
        if status_id in {orders.CANCELLED, orders.REFUNDED}:
            return False
        if status_id == orders.INCOMPLETE:
            return switches.incomplete_holds
        if status_id == orders.DECLINED:
            return switches.declined_holds
        if status_id in {orders.PENDING, orders.AWAITING_PAYMENT}:
            return switches.unpaid_holds
        return True

    def _is_history(self, order: Order) -> bool:
        return order.external_source == "M-MIG" and not self._settings.switches.migrated_takes_stock

    def _takes_when_done(self, order: Order) -> bool:
        behavior = self.rules(order).update_stock_behavior
        return behavior == "order_completed_or_shipped" and not self._is_history(order)

    def entered(
        self, order: Order, status_id: int, now_us: int, *, left: int | None = None, by_refund_api: bool = False
    ) -> None:
        """An order entered a status, also the one that it was created in; `left`: the one it was in before."""
        switches = self._settings.switches
        if status_id in {orders.CANCELLED, orders.REFUNDED}:
            allowed = switches.refund_api_restocks if by_refund_api else True
            if allowed and self.rules(order).refund_order_stock_adjustment:
                self.give_all_back(order, now_us)
            return
        if status_id == orders.DECLINED or (status_id == orders.INCOMPLETE and not switches.incomplete_holds):
            if status_id == orders.INCOMPLETE or not switches.declined_holds:
                self.give_all_back(order, now_us)
            return
        done = status_id in _DONE and self._takes_when_done(order)
        late = left is not None and not switches.settings_catch_up and self.holds(order, left)
        if done or (self.holds(order, status_id) and not late):
            for line in order.lines:
                if not line.counted:
                    self._take(order, line, line.quantity - line.restocked - line.taken_units, now_us)
                    line.counted = True

    def shipped(self, order: Order, line: Line, units: int, now_us: int) -> None:
        """Units of a line left the house."""
        if not line.counted and self._takes_when_done(order):
            self._take(order, line, units, now_us)

    def unshipped(self, order: Order, line: Line, units: int, now_us: int) -> None:
        """A shipment of units of a line was deleted."""
        if self._settings.switches.shipment_deletion_returns and self._takes_when_done(order):
            self.give_back(order, line, units, now_us)
            line.counted = False

    def edited(self, order: Order, line: Line, units_more: int, now_us: int) -> None:
        """A line's quantity changed by so many units; its order's lines were counted or not before."""
        if line.counted and self.rules(order).edit_order_stock_adjustment:
            if units_more > 0:
                self._take(order, line, units_more, now_us)
            else:
                self.give_back(order, line, -units_more, now_us)

    def added(self, order: Order, line: Line, now_us: int) -> None:
        """A line was added to an order that existed."""
        if self.holds(order, order.status_id) or any(other.counted for other in order.lines if other is not line):
            line.counted = True
            self.edited(order, line, line.quantity, now_us)

    def give_all_back(self, order: Order, now_us: int) -> None:
        """Give back everything that was taken for an order; it may be taken again by a later status."""
        for line in order.lines:
            self.give_back(order, line, line.taken_units, now_us)
            line.counted = line.counted and not self._settings.switches.revived_takes_again

    def give_back(self, order: Order, line: Line, units: int, now_us: int, cause: str = "") -> int:
        """Give units of a line back to the counters they came from, at most what was taken. Returns how many."""
        given = 0
        for location_id in sorted(line.taken, reverse=True):
            part = min(units - given, line.taken[location_id])
            if part > 0 and line.item is not None:
                counter = self._stockroom.counter(line.item, self._catalog.sku_of(line.item), location_id)
                self._stockroom.move(counter, part, now_us, cause or f"order {order.id}")
                line.taken[location_id] -= part
                given += part
        if given:
            self.returned[line.sku] = self.returned.get(line.sku, 0) + given
        return given

    def _take(self, order: Order, line: Line, units: int, now_us: int) -> None:
        if line.item is None or units <= 0 or self._is_only_picked(line):
            return
        self.sold[line.sku] = self.sold.get(line.sku, 0) + units
        counters = self._counters(line.item)
        left = units
        for counter in counters:
            part = left if counter is counters[-1] else min(left, counter.available)
            if part > 0:
                self._stockroom.move(counter, -part, now_us, f"order {order.id}")
                line.taken[counter.location_id] = line.taken.get(counter.location_id, 0) + part
                left -= part

    def _is_only_picked(self, line: Line) -> bool:
        """Whether the line was chosen from a pick list that leaves stock alone."""
        if self._settings.switches.pick_lists_adjust_inventory or line.details is None:
            return False
        return line.details.parent_id is not None

    def _counters(self, item: ItemKey) -> list[Counter]:
        """The counters that orders take from, the default location's last: it bears what is missing."""
        default = self._stockroom.counter(item, self._catalog.sku_of(item), DEFAULT_LOCATION)
        if not self._settings.switches.aggregated_locations:
            return [default]
        locations = self._catalog.locations
        others = [
            one for one in self._stockroom.counters(item) if one is not default and locations[one.location_id].enabled
        ]
        return [*others, default]
