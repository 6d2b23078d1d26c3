"""Refunds: money goes back, and perhaps, by another hand, stock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.order_amounts import ZERO, of_lines, of_order, rounded
from syncd.simulator.bigcommerce.orders import Line, Order, Refund, RefundPart
from syncd.simulator.bigcommerce.payments import Payments
from syncd.simulator.bigcommerce.products import DEFAULT_LOCATION
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible


class Refunds(Payments):
    """Refunds by the API and by the merchant."""

    def refund(self, number: int | str, lines: Iterable[Mapping[str, Any]] = (), *, restock: bool = False) -> Refund:
        """The merchant refunds units of lines, all that is left by default. Raises NoSuch, NotPossible.

        With `restock` the units go back to the counter: where the refund completes the order and the channel's
        refund_order_stock_adjustment is on, by the status Refunded; else the merchant adds them by hand (the platform
        itself doesn't return units of a partial refund). Without `restock` a counter never moves.
        """
        order = self.order(number)
        wanted = self.units_of(order, lines) or {line.id: line.quantity - line.refunded for line in order.lines}
        refund = self.book_refund(order, wanted)
        now_us = self.now()
        if restock:
            before = {line.id: line.taken_units for line in order.lines}
            if order.status_id == orders.REFUNDED:
                self.takings.entered(order, orders.REFUNDED, now_us)
            for line in order.lines:
                returned = before[line.id] - line.taken_units
                units = wanted.get(line.id, 0)
                if returned < units:
                    returned += self._put_back(order, line, units - returned, now_us)
                line.restocked += returned
        return refund

    def book_refund(
        self, order: Order, items: Mapping[int, int], reason: str = "", provider_id: str = "custom"
    ) -> Refund:
        """A refund of units of lines, as the refund API makes it. Raises NotPossible (more than is left)."""
        parts = [RefundPart("PRODUCT", line_id, units) for line_id, units in items.items() if units > 0]
        return self.book_refund_parts(order, parts, reason, provider_id)

    def book_refund_parts(
        self, order: Order, parts: Sequence[RefundPart], reason: str = "", provider_id: str = "custom"
    ) -> Refund:
        """A refund of money. Raises NotPossible (nothing, or more than is left)."""
        amount, tax = self.refundable(order, parts)
        self.now()
        for part in parts:
            if part.kind == "PRODUCT":
                order.line(part.item_id).refunded += part.units
        refund = Refund(self.next_id("refund"), order.id, self.stamp(), list(parts), amount, tax, reason, provider_id)
        order.refunds.append(refund)
        self.refunds.append(refund)
        self.hooks.fire("store/order/refund/created", "order", order.id, refund={"refund_id": refund.id})
        if any(part.kind == "PRODUCT" for part in parts):
            whole = all(line.refunded >= line.quantity for line in order.lines)
        else:
            whole = sum((one.amount for one in order.refunds), ZERO) >= of_order(order)["total_inc_tax"]
        order.payment_status = "refunded" if whole else "partially refunded"
        before = {line.id: line.taken_units for line in order.lines}
        self.set_status(order, orders.REFUNDED if whole else orders.PARTIALLY_REFUNDED, by_refund_api=True)
        for line in order.lines:
            line.restocked += before[line.id] - line.taken_units if whole else 0
        self._pay_back(order, refund)
        if self.settings.switches.refund_moves_date:
            self.touch(order, may_be_silent=True)
        else:
            self.changed_silently(order)
        return refund

    def _pay_back(self, order: Order, refund: Refund) -> None:
        """Where money came by transactions, it goes back by one, unless it is paid outside of the shop."""
        paid = order.details.transactions if order.details is not None else []
        found = [one for one in paid if one.gateway == refund.provider_id and one.event in {"purchase", "capture"}]
        if found:
            last = found[-1]
            back = self.transact(
                order.id, "refund", refund.amount, method=last.method, gateway=last.gateway, reference_id=last.id
            )
            refund.transaction_id = str(back.id)

    def refundable(self, order: Order, parts: Sequence[RefundPart]) -> tuple[Decimal, Decimal]:
        """What a refund of these parts gives back, and the tax in it. Raises NotPossible (nothing, or more than is left)."""
        units: dict[int, int] = {}
        amount = tax = ZERO
        amounts = {line.id: found for line, found in of_lines(order)}
        for part in parts:
            if part.kind not in {"PRODUCT", "GIFT_WRAPPING"}:
                amount += part.amount or ZERO
                continue
            line = order.line(part.item_id)
            share = Decimal(part.units) / line.quantity
            if part.kind == "PRODUCT":
                units[line.id] = units.get(line.id, 0) + part.units
                amount += amounts[line.id].paid_inc * share
                tax += amounts[line.id].tax * share
            elif line.details is None or line.details.wrapping is None:
                raise NotPossible(f"line {line.id} is not wrapped")
            else:
                amount += line.details.wrapping.cost_inc * share
                tax += (line.details.wrapping.cost_inc - line.details.wrapping.cost_ex) * share
        left = of_order(order)["total_inc_tax"] - sum((one.amount for one in order.refunds), ZERO)
        too_many = any(number > order.line(one).quantity - order.line(one).refunded for one, number in units.items())
        if not parts or any(number <= 0 for number in units.values()) or too_many:
            raise NotPossible("there is nothing to refund, or less than that")
        if not units and amount > left:
            raise NotPossible("there is less left to refund than that")
        return rounded(amount), rounded(tax)

    def _put_back(self, order: Order, line: Line, units: int, now_us: int) -> int:
        """The merchant adds units to the counter by hand: those that were taken from it, or have left the house.

        A later cancel doesn't give them back again. Returns how many were added.
        """
        if line.item is None:
            return 0
        cause = f"hand: refund of order {order.id}"
        given = self.takings.give_back(order, line, units, now_us, cause)
        more = min(units, line.shipped) - given
        if more > 0:
            counter = self.stockroom.counter(line.item, self.catalog.sku_of(line.item), DEFAULT_LOCATION)
            self.stockroom.move(counter, more, now_us, cause)
            self.takings.returned[line.sku] = self.takings.returned.get(line.sku, 0) + more
        return given + max(0, more)

    def units_of(self, order: Order, lines: Iterable[Mapping[str, Any]]) -> dict[int, int]:
        """Units by the line's id. Raises NoSuch."""
        wanted: dict[int, int] = {}
        for line in lines:
            line_id = int(line["line"])
            if not any(one.id == line_id for one in order.lines):
                raise NoSuch(f"no line {line_id} in order {order.id}")
            wanted[line_id] = wanted.get(line_id, 0) + int(line["quantity"])
        return wanted
