"""The shop itself, without HTTP: what shoppers and the merchant really do, and what is true after it.

Waiting is never done here. What takes time (an order that is torn for a while, the hourly job) is kept with its due
instant and caught up by `advance`, which the server calls before each request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Protocol

from syncd.simulator.woocommerce import checkout
from syncd.simulator.woocommerce.catalog import Catalog
from syncd.simulator.woocommerce.editing import Edits
from syncd.simulator.woocommerce.faults import Faults
from syncd.simulator.woocommerce.order_book import SECOND, OrderBook
from syncd.simulator.woocommerce.records import Meta, Order, Product, Refund, Seen, ShopRefusal
from syncd.simulator.woocommerce.settings import Settings
from syncd.simulator.woocommerce.stages import Stage, Stages
from syncd.simulator.woocommerce.stock_rules import StockRules
from syncd.simulator.woocommerce.truth import true_state
from syncd.simulator.woocommerce.webhooks import Webhooks

REQUESTS_MAX = 1_000  # requests shown by /_sim/requests
FIRST_POST_ID = 10  # products, variations, orders and refunds share WordPress's one sequence of ids
KEY_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"

Wanted = list[tuple[str, int]]
"""SKU and quantity, for each line."""


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> int:
        """Microseconds since 1970, UTC."""


class Shop:
    """One shop: settings, dials, products, orders. Everything that happens goes through its methods."""

    def __init__(
        self, *, clock: Clock, rng: Random, settings: Settings | None = None, faults: Faults | None = None
    ) -> None:
        self._clock = clock
        self.rng = rng
        self.settings = settings or Settings()
        self.faults = faults or Faults()
        self.catalog = Catalog(
            self.now,
            stock_managed=lambda: self.settings.manage_stock,
            dates_follow_orders=lambda: not self.draw(self.faults.silent_stock_dates),
        )
        self.book = OrderBook()
        self.stock = StockRules(self.catalog, self.next_meta_id)
        self.edits = Edits(self)
        self.requests: deque[Seen] = deque(maxlen=REQUESTS_MAX)
        self.request_count = 0
        self.order_lists = 0
        self._post_id = FIRST_POST_ID - 1
        self._item_id = 0
        self._meta_id = 0
        self.stages = Stages()
        self.webhooks = Webhooks(self, clock.now)

    # --- time, chance, ids

    def now(self) -> int:
        """The shop's own clock: microseconds UTC, with its skew."""
        real = self._clock.now() if self.stages.at_us is None else self.stages.at_us
        return real + round(self.faults.clock_skew_seconds * SECOND)

    def stamp_now(self) -> int:
        """The time that a change of an order is stamped with: the clock of the web server that happened to do it."""
        low, high = self.faults.server_skew_seconds
        return self.now() + (round(self.rng.uniform(low, high) * SECOND) if low or high else 0)

    def draw(self, probability: float) -> bool:
        """Whether a fault strikes. Takes no randomness while its dial is off."""
        return probability > 0 and self.rng.random() < probability

    def next_post_id(self) -> int:
        """An id of WordPress's sequence."""
        self._post_id += 1
        return self._post_id

    def next_item_id(self) -> int:
        """An id for a line."""
        self._item_id += 1
        return self._item_id

    def next_meta_id(self) -> int:
        """An id for a row of meta data."""
        self._meta_id += 1
        return self._meta_id

    def order_key(self) -> str:
        """A new order's key."""
        return "wc_order_" + "".join(self.rng.choices(KEY_LETTERS, k=13))

    def advance(self) -> None:
        """Catch up with what was due: stages of torn orders, and unpaid orders whose time is over."""
        self.stages.catch_up(self._clock.now())
        if self.settings.cancel_unpaid:
            checkout.cancel_unpaid(self)

    def later(self, order: Order, steps: list[Stage], last_us: int) -> None:
        """Run these one after another until `last_us` from now."""
        self.stages.plan(order.id, steps, self._clock.now(), last_us)

    def finish(self, order: Order) -> None:
        """Run what is left of a torn order's steps at once."""
        self.stages.finish(order.id)

    @contextmanager
    def changing(self, order: Order, *, touch: bool = True, event: str = "updated") -> Iterator[Order]:
        """Around each change of an order: its past is kept, its JSON forgotten; date_modified moves and webhooks of
        `order.EVENT` are called (if `touch`)."""
        self.finish(order)
        self.book.keep_past(order, self.now(), remember=self.faults.stale_seconds > 0)
        try:
            yield order
        finally:
            order.rendered.clear()
            self.book.sort_in(order)
            if touch and not order.deleted:
                self.book.restamp(order, self.stamp_now())
                self.webhooks.fire(event, order.id)

    # --- products, by the merchant

    def level(self, sku: str) -> int | None:
        """What counts for a SKU now; None where no stock is managed."""
        return self.catalog.level(self.catalog.named(sku))

    def add_product(
        self,
        sku: str,
        *,
        stock: int | None = 0,
        name: str = "",
        price_cents: int = 1000,
        manage_stock: bool = True,
        kind: str = "simple",
        parent: Product | None = None,
    ) -> Product:
        """A new product or, with a parent, variation. `stock` None: it manages none (a variation: its parent does)."""
        now = self.now()
        product = Product(
            id=self.next_post_id(),
            sku=sku,
            name=name or sku,
            kind="variation" if parent else kind,
            created_us=now,
            modified_us=now,
            parent_id=parent.id if parent else 0,
            price_cents=price_cents,
            manage_stock=manage_stock and stock is not None,
            level=stock or 0,
            option=name or sku if parent else "",
        )
        self.catalog.add(product)
        return product

    def set_stock(self, sku: str, level: int) -> None:
        """The merchant types a level by hand."""
        counter = self.catalog.counter_of(self.catalog.named(sku))
        if counter is None:
            raise ShopRefusal(409, "not_managed", f"{sku} manages no stock")
        self.catalog.write(counter, level, "hand")

    # --- orders, by shoppers

    def checkout(self, lines: Wanted, **details: Any) -> Order:
        """A shopper buys: see `checkout.place_order` for the details. Raises OutOfStock."""
        self.advance()
        return checkout.place_order(self, lines, **details)

    def place(self, order: Order, *, paid: bool = True, method: str = "") -> None:
        """The shopper finishes a draft."""
        order.payment_method = method or order.payment_method
        self.set_status(order, checkout.target_status(paid=paid, method=method))

    def pay(self, order: Order) -> None:
        """The payment arrives: processing."""
        self.set_status(order, "processing")

    def order(self, order_id: int) -> Order:
        """An order that exists (trashed ones do). Raises ShopRefusal as REST does for a GET."""
        order = self.book.orders.get(order_id)
        if order is None:
            raise ShopRefusal(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return order

    def set_status(self, order: Order, status: str) -> None:
        """Any change of status, with its effect on the stock."""
        with self.changing(order):
            self.enter(order, status)

    def enter(self, order: Order, status: str) -> None:
        """Inside `changing`: enter a status. The same status again does nothing."""
        if order.status == status:
            return
        if order.status == "trash":
            order.meta = [row for row in order.meta if not row.key.startswith("_wp_trash_meta_")]
        order.status = status
        self.stamp(order)
        self.stock.entered(order)
        left = order.total_cents - order.refunded_cents
        if status == "refunded" and left > 0:  # woocommerce makes a refund of money alone for what is left
            order.refunds.append(Refund(self.next_post_id(), self.now(), left, "Order fully refunded."))

    def stamp(self, order: Order) -> None:
        """Set date_paid and date_completed as the status asks (woocommerce: maybe_set_date_paid)."""
        if order.status == "completed":
            order.completed_us = self.now()
        done = "processing" if self.needs_processing(order) and order.payment_method != "cod" else "completed"
        if order.paid_us is None and (order.status == done or (order.status == "completed" and done == "processing")):
            order.paid_us = self.now()

    def needs_processing(self, order: Order) -> bool:
        """Whether anything has to be shipped: a line whose product is known."""
        return any(line.product_id for line in order.lines)

    # --- orders, by the merchant in wp-admin

    def complete(self, order: Order) -> None:
        """All is shipped."""
        self.set_status(order, "completed")

    def cancel(self, order: Order) -> None:
        """Cancelled: the stock comes back."""
        self.set_status(order, "cancelled")

    def fail(self, order: Order) -> None:
        """The payment failed: what was taken stays taken."""
        self.set_status(order, "failed")

    def trash(self, order: Order) -> None:
        """To the trash; the stock isn't restored, date_modified moves."""
        with self.changing(order, event="deleted"):
            order.status_before_trash = order.status
            order.status = "trash"
            rows = (
                ("_wp_trash_meta_status", f"wc-{order.status_before_trash}"),
                ("_wp_trash_meta_time", str(self.now() // SECOND)),
            )
            order.meta += [Meta(self.next_meta_id(), key, value) for key, value in rows]

    def untrash(self, order: Order) -> None:
        """Back from the trash, in the status it had; stock doesn't move."""
        if order.status != "trash":
            raise ShopRefusal(409, "not_trashed", f"order {order.id} is not in the trash")
        with self.changing(order):
            order.meta = [row for row in order.meta if not row.key.startswith("_wp_trash_meta_")]
            order.status = order.status_before_trash
        self.webhooks.fire("restored", order.id)

    def delete(self, order: Order) -> None:
        """For good: no trace in any list, stock not restored, no webhook."""
        self.finish(order)
        self.book.remove(order, self.now(), remember=self.faults.stale_seconds > 0)

    def edit(self, order: Order, quantities: dict[int, int], add: Wanted | None = None) -> None:
        """The merchant edits lines: quantity 0 removes one; `add` brings new ones in."""
        with self.changing(order, touch=not self.draw(self.faults.silent_edits)):
            for line_id, quantity in quantities.items():
                self.edits.resize(order, order.line(line_id), quantity)
            for sku, quantity in add or []:
                self.edits.append(order, self.catalog.named(sku), quantity)

    def refund(self, order: Order, units: dict[int, int], *, restock: bool = True, reason: str = "") -> Refund:
        """The merchant refunds units of lines (at their price), and puts them back to stock or not."""
        lines = [order.line(line_id) for line_id in units]
        cents = {line.id: line.total_cents * units[line.id] // max(1, line.quantity) for line in lines}
        return self.edits.refund(order, sum(cents.values()), reason, units, cents, restock=restock)

    def move_some_order(self) -> None:
        """Touch a random order, as if someone had saved it: the dial move_order_every."""
        if self.book.orders:
            order = self.book.orders[self.rng.choice(list(self.book.orders))]
            with self.changing(order):
                pass

    def held_units(self, sku: str) -> int:
        """Units of a SKU's counter that unpaid orders have reserved (never subtracted in REST)."""
        counter = self.catalog.counter_of(self.catalog.named(sku))
        return 0 if counter is None else checkout.reserved(self, counter)

    def truth(self) -> dict[str, Any]:
        """The ground truth, as GET /_sim/truth shows it."""
        self.advance()
        return true_state(self)
