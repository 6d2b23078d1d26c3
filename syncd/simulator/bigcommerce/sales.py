"""Selling: how an order comes to be, and how it changes its status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.dates import SECOND_US
from syncd.simulator.bigcommerce.order_details import OrderDetails
from syncd.simulator.bigcommerce.orders import NO_ADDRESS, Line, Order
from syncd.simulator.bigcommerce.premises import Premises
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock


class Sales(Premises):
    """Orders, from the shopper's purchase to a final status."""

    def sell(
        self,
        lines: Iterable[Mapping[str, Any]],
        *,
        paid: bool = True,
        channel: int = 1,
        custom_lines: Iterable[Mapping[str, Any]] = (),
        status_id: int | None = None,
        source: str = "www",
        cart_id: str | None = None,
    ) -> Order:
        """A shopper buys: `lines` of sku, quantity and, for an order to several addresses, which `address` (0 is the first).
        Raises OutOfStock, NoSuch, NotPossible.

        Paid is status 11; unpaid is the switch's 7 or 1; `status_id=0` is a shopper who reached the payment page and
        hasn't paid (nothing is checked or taken then). Such a shopper may go back and leave several orders with the
        same `cart_id`; by default each order has a cart of its own.
        """
        wanted = []
        for line in lines:
            wanted.append(self.line_of(line["sku"], int(line["quantity"])))
            wanted[-1].address = int(line.get("address", wanted[-1].address))
        wanted += [self.custom_line(line["name"], int(line["quantity"])) for line in custom_lines]
        if status_id is None:
            status_id = orders.AWAITING_FULFILLMENT if paid else self.settings.switches.unpaid_status
        cart = {} if cart_id is None else {"cart_id": cart_id}
        return self.place(wanted, status_id=status_id, channel_id=channel, source=source, **cart)

    def line_of(self, sku: str, quantity: int, price: Decimal | None = None) -> Line:
        """A line for a SKU of the catalog, not yet in an order. Raises NoSuch, NotPossible."""
        try:
            product, variant = self.catalog.sold_as(sku)
        except KeyError:
            raise NoSuch(f"nothing is sold under the SKU {sku!r}") from None
        if quantity < 1:
            raise NotPossible("a quantity is at least 1")
        shown = variant.price if price is None else price
        number, item = self.next_id("line"), product.item_of(variant.id)
        line = Line(number, product.id, variant.id, sku, product.name, quantity, shown, item)
        if product.kind != "physical":
            line.address, line.detailed().kind = NO_ADDRESS, product.kind
        return line

    def custom_line(self, name: str, quantity: int, price: Decimal = Decimal(5), sku: str = "") -> Line:
        """A line that isn't in the catalog and never moves stock. Raises NotPossible."""
        if quantity < 1:
            raise NotPossible("a quantity is at least 1")
        return Line(self.next_id("line"), 0, None, sku, name, quantity, price, None)

    def place(self, lines: Sequence[Line], *, status_id: int, channel_id: int, source: str, **fields: Any) -> Order:
        """Enter an order. `fields` are attributes of Order. Raises OutOfStock, NotPossible."""
        if not lines:
            raise NotPossible("an order has at least one line")
        if channel_id not in self.channels:
            raise NotPossible(f"no channel {channel_id}")
        now_us, second = self.now(), self.stamp()
        if status_id != orders.INCOMPLETE and (
            missing := self.takings.missing((one.item, one.quantity) for one in lines)
        ):
            raise OutOfStock(missing)
        number = self.next_id("order")
        cart_id = str(UUID(int=self.chance.getrandbits(128), version=4)) if source == "www" else ""
        paid = status_id not in {orders.INCOMPLETE, orders.PENDING, orders.AWAITING_PAYMENT}
        order = Order(
            id=number,
            created_us=now_us,
            created_seconds=second,
            modified_seconds=second,
            status_id=status_id,
            channel_id=channel_id,
            source=source,
            cart_id=cart_id,
            address_id=number,
            lines=list(lines),
            payment_status="captured" if paid and source == "www" else "",
            visible_from_us=now_us + self.draw_us(self.faults.late_orders_seconds),
        )
        for name, value in fields.items():
            setattr(order, name, value)
        if order.details is None and any(line.details is not None or line.address > 0 for line in lines):
            order.details = OrderDetails()
        if self.happens(self.faults.torn_orders):
            order.torn_until_us = order.visible_from_us + self.draw_us(self.faults.torn_seconds)
        self.book.add(order)
        self.takings.entered(order, status_id, now_us)
        self.tax_documents.entered(order, now_us)
        self._remember(order)
        self.hooks.fire("store/order/created", "order", order.id)
        return order

    def order(self, number: int | str) -> Order:
        """An order in its true state. Raises NoSuch."""
        found = self.book.get(int(number))
        if found is None:
            raise NoSuch(f"no order {number}")
        return found

    def touch(self, order: Order, *, may_be_silent: bool = False) -> None:
        """Set date_modified to the shop's time. Each change of an order ends here."""
        order.version += 1
        if not (may_be_silent and self.happens(self.faults.silent_edits)):
            self.book.restamp(order, self.stamp())
            self.hooks.fire("store/order/updated", "order", order.id)
        self._remember(order)

    def changed_silently(self, order: Order) -> None:
        """A change of an order that no stamp tells."""
        order.version += 1
        self._remember(order)

    def _remember(self, order: Order) -> None:
        if self.faults.stale_orders_seconds > 0:
            order.remember(self.clock.now(), self._stale_us())

    def _stale_us(self) -> int:
        return round(self.faults.stale_orders_seconds * SECOND_US)

    def seen(self, order: Order) -> Order | None:
        """An order as a reader sees it now: late, stale or torn, where a dial says so. None: not there yet."""
        now_us = self.clock.now()
        if now_us < order.visible_from_us:
            return None
        shown = order.state_at(now_us - self._stale_us()) if self.faults.stale_orders_seconds > 0 else order
        if shown is None or now_us >= order.torn_until_us:
            return shown
        lines = [] if self.faults.torn_as != "incomplete" else shown.lines
        status_id = orders.INCOMPLETE if self.faults.torn_as != "no_lines" else shown.status_id
        return replace(shown, lines=lines, status_id=status_id)

    def set_status(self, order: Order, status_id: int, *, by_refund_api: bool = False) -> None:
        """Write a status, with what that does to stock. Entering a status again does nothing."""
        now_us = self.now()
        if status_id == order.status_id:
            return
        left = order.status_id
        statuses = {"previous_status_id": left, "new_status_id": status_id}
        order.status_id = status_id
        order.version += 1
        self.hooks.fire("store/order/statusUpdated", "order", order.id, status=statuses)
        self.takings.entered(order, status_id, now_us, left=left, by_refund_api=by_refund_api)
        if not by_refund_api:
            self.tax_documents.entered(order, now_us, left=left)

    def pay(self, number: int | str) -> Order:
        """The shopper pays. Raises NoSuch, and OutOfStock if nothing was held and others were quicker."""
        order = self.order(number)
        self.now()
        if order.status_id not in {orders.INCOMPLETE, orders.PENDING, orders.AWAITING_PAYMENT}:
            raise NotPossible(f"the order is {orders.STATUS_NAMES[order.status_id]}")
        unheld = [(line.item, line.quantity) for line in order.lines if not line.counted]
        if order.status_id == orders.INCOMPLETE and (missing := self.takings.missing(unheld)):
            raise OutOfStock(missing)
        self.set_status(order, orders.AWAITING_FULFILLMENT)
        order.payment_status = "captured"
        self.touch(order)
        return order

    def complete(self, number: int | str) -> Order:
        """The merchant sets the order to Completed."""
        return self._finish(number, orders.COMPLETED)

    def cancel(self, number: int | str) -> Order:
        """The merchant sets the order to Cancelled."""
        return self._finish(number, orders.CANCELLED)

    def decline(self, number: int | str) -> Order:
        """The merchant sets the order to Declined."""
        return self._finish(number, orders.DECLINED)

    def write_status(self, number: int | str, status_id: int) -> Order:
        """The merchant writes any status. Raises NotPossible for one that there isn't."""
        if status_id not in range(len(orders.STATUS_NAMES)):
            raise NotPossible(f"no status {status_id}")
        return self._finish(number, status_id)

    def _finish(self, number: int | str, status_id: int) -> Order:
        order = self.order(number)
        self.set_status(order, status_id)
        self.touch(order)
        return order

    def archive(self, number: int | str) -> Order:
        """Archive an order: it leaves the default list and can still be read by its id."""
        order = self.order(number)
        order.archived = True
        if self.settings.switches.archive_returns_stock:
            self.takings.give_all_back(order, self.now())
        self.hooks.fire("store/order/archived", "order", order.id)
        self.touch(order)
        return order

    def restore(self, number: int | str) -> Order:
        """Take an order out of the archive. It takes the stock that archiving gave back."""
        order = self.order(number)
        if order.archived:
            order.archived = False
            self.takings.entered(order, order.status_id, self.now())
            self.touch(order)
        return order

    def delete(self, number: int | str) -> Order:
        """Delete an order for good: 404 from now on, no stock is moved, no hook called. The API itself can only archive."""
        order = self.order(number)
        order.deleted = True
        self.book.drop(order)
        return order
