"""Editing orders: lines in, out and resized, and refunds. Shared by wp-admin's actions and by REST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.simulator.woocommerce.records import ExtraLine, Line, Meta, Order, Product, Refund, ShopRefusal

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop


class Edits:
    """Changes inside an order. The caller is inside `shop.changing(order)`, but for `refund`."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def new_line(self, product: Product, quantity: int) -> Line:
        """A line for a product or a variation at its price, in no order yet."""
        shop = self._shop
        parent = shop.catalog.products.get(product.parent_id)
        cents = product.price_cents * quantity
        line = Line(
            id=shop.next_item_id(),
            name=f"{parent.name} - {product.option}" if parent else product.name,
            sku=product.sku,
            product_id=parent.id if parent else product.id,
            variation_id=product.id if parent else 0,
            quantity=quantity,
            subtotal_cents=cents,
            total_cents=cents,
            parent_name=parent.name if parent else None,
        )
        if parent:
            line.meta.append(Meta(shop.next_meta_id(), "size", product.option))
        return line

    def extra_line(self, what: str, label: str, total_cents: int, *, per_cent: int = 0) -> ExtraLine:
        """A fee, shipping or coupon line, in no order yet."""
        return ExtraLine(self._shop.next_item_id(), what, label, total_cents, per_cent=per_cent)

    def unknown_line(self, quantity: int) -> Line:
        """A line for a product id that doesn't exist: REST takes it, without name, product and price."""
        return Line(self._shop.next_item_id(), "", "", 0, 0, quantity, 0, 0)

    def append(self, order: Order, product: Product, quantity: int, *, by_rest: bool = False) -> Line:
        """Add a line; a reduced order takes its stock at once."""
        line = self.new_line(product, quantity)
        order.lines = [*order.lines, line]
        if self._adjusts(by_rest=by_rest):
            self._shop.stock.adjust(order, line)
        return line

    def resize(self, order: Order, line: Line, quantity: int, *, by_rest: bool = False) -> None:
        """Give a line another quantity; 0 removes it. wp-admin works out the price anew, REST leaves it as it was."""
        if quantity <= 0:
            self.remove(order, line, by_rest=by_rest)
            return
        if not by_rest:
            line.subtotal_cents = line.subtotal_cents * quantity // max(1, line.quantity)
            line.total_cents = line.total_cents * quantity // max(1, line.quantity)
        line.quantity = quantity
        if self._adjusts(by_rest=by_rest):
            self._shop.stock.adjust(order, line)

    def remove(self, order: Order, line: Line, *, by_rest: bool = False) -> None:
        """Take a line out; what it held goes back."""
        if self._adjusts(by_rest=by_rest):
            self._shop.stock.give_back(order, line)
        order.lines = [other for other in order.lines if other is not line]
        order.removed.append(line)

    def _adjusts(self, *, by_rest: bool) -> bool:
        return not by_rest or self._shop.settings.at_least(9, 5)

    def refund(
        self,
        order: Order,
        amount_cents: int,
        reason: str,
        units: dict[int, int],
        cents: dict[int, int],
        *,
        restock: bool,
    ) -> Refund:
        """Refund money, and units of lines: they become lines of negative quantity. Raises ShopRefusal.

        Only units of lines are restocked; an amount alone never is. Fully refunded, the order's status is `refunded`.
        """
        if amount_cents < 0:
            message = "Refund amount must be greater than zero."
            raise ShopRefusal(400, "woocommerce_rest_invalid_order_refund", message)
        shop = self._shop
        shop.finish(order)
        if amount_cents > order.total_cents - order.refunded_cents:
            raise ShopRefusal(500, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.")
        with shop.changing(order):
            lines = {line.id: line for line in order.lines}
            refund = Refund(shop.next_post_id(), shop.now(), amount_cents, reason)
            for line_id, quantity in units.items():
                if line_id in lines:
                    refund.lines.append(self._refund_line(lines[line_id], quantity, cents.get(line_id, 0)))
            order.refunds.append(refund)
            if restock:
                for line_id, quantity in units.items():
                    if line_id in lines:
                        shop.stock.restock(order, lines[line_id], quantity)
            if order.refunded_cents >= order.total_cents:
                shop.enter(order, "refunded")
        return refund

    def _refund_line(self, line: Line, quantity: int, cents: int) -> Line:
        return Line(
            id=self._shop.next_item_id(),
            name=line.name,
            sku=line.sku,
            product_id=line.product_id,
            variation_id=line.variation_id,
            quantity=-quantity,
            subtotal_cents=-cents,
            total_cents=-cents,
            parent_name=line.parent_name,
            meta=[Meta(self._shop.next_meta_id(), "_refunded_item_id", str(line.id))],
        )

    def drop_refund(self, order: Order, refund: Refund) -> None:
        """Delete a refund: stock isn't taken back, date_modified doesn't move (woocommerce issue 26532)."""
        with self._shop.changing(order, touch=False):
            order.refunds.remove(refund)
