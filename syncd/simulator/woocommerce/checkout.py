"""How a shopper's order comes to be: the availability check with its reservations, the draft, and the torn states.

The check is the Store API's: a unit counts as free when the counter less other shoppers' reservations covers it. Two
of six simultaneous buyers got the last unit on a real shop; the dial `oversell` lets that happen here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from syncd.simulator.woocommerce.order_book import SECOND
from syncd.simulator.woocommerce.records import TAKING, Meta, Order, OutOfStock, Product, ShopRefusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.simulator.woocommerce.records import Line
    from syncd.simulator.woocommerce.shop import Shop
    from syncd.simulator.woocommerce.stages import Stage

DRAFT_MINUTES = 10  # a block checkout's draft reserves this long
ADDRESS_KEYS = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country")
SHOPPER = {
    **dict.fromkeys(ADDRESS_KEYS, ""),
    "first_name": "Ada",
    "last_name": "Beispiel",
    "address_1": "Teststr. 1",
    "city": "Berlin",
    "state": "DE-BE",
    "postcode": "10115",
    "country": "DE",
    "email": "ada@example.test",
    "phone": "+49 30 000000",
}
NOTHING_HASH = "d751713988987e9331980363e24189ce"  # md5 of "[]", as the block checkout writes it
CHECKOUT_META = {
    "_coupons_hash": NOTHING_HASH,
    "_fees_hash": NOTHING_HASH,
    "_shipping_hash": "64656d37dd2ad316b3e09febf0b4dff2",
    "_taxes_hash": NOTHING_HASH,
    "is_vat_exempt": "no",
}
NO_BILLING = {**dict.fromkeys(ADDRESS_KEYS, ""), "email": "", "phone": ""}
NO_SHIPPING = {**dict.fromkeys(ADDRESS_KEYS, ""), "phone": ""}


def place_order(
    shop: Shop,
    lines: Sequence[tuple[str, int]],
    *,
    paid: bool = True,
    method: str = "",
    fees: Sequence[str] = (),
    draft: bool = False,
) -> Order:
    """A shopper's checkout: processing when paid, on-hold by `bacs`, else pending; a draft stays checkout-draft.

    Raises OutOfStock where a line isn't available, ShopRefusal for an unknown SKU.
    """
    wanted = [(shop.catalog.named(sku), quantity) for sku, quantity in lines]
    _check(shop, wanted)
    order = new_order(shop, "checkout-draft" if draft else "pending", shop.settings.created_via)
    order.billing, order.customer_ip = dict(SHOPPER), "127.0.0.1"
    order.shipping = {key: order.billing[key] for key in NO_SHIPPING}
    order.payment_method = method or ("stripe" if paid else "")
    order.payment_title = order.payment_method.upper()
    order.cart_hash = f"{shop.rng.getrandbits(128):032x}"
    order.meta = [Meta(shop.next_meta_id(), key, value) for key, value in CHECKOUT_META.items()]
    ready = [shop.edits.new_line(product, quantity) for product, quantity in wanted]
    order.extras = [shop.edits.extra_line("fee", name, 250) for name in fees]
    if draft:
        order.lines = ready
        file_order(shop, order)
    else:
        file_order(shop, order)
        settle(shop, order, ready, target_status(paid=paid, method=method))
    return order


def target_status(*, paid: bool, method: str) -> str:
    """Where a checkout leads to."""
    if method == "bacs":
        return "on-hold"
    return "processing" if paid else "pending"


def new_order(shop: Shop, status: str, created_via: str) -> Order:
    """An empty order, not in the book yet."""
    now = shop.stamp_now()
    return Order(
        id=shop.next_post_id(),
        key=shop.order_key(),
        status=status,
        created_us=now,
        modified_us=now,
        created_via=created_via,
        billing=dict(NO_BILLING),
        shipping=dict(NO_SHIPPING),
    )


def file_order(shop: Shop, order: Order) -> None:
    """Put a new order into the book. It is created and updated: two webhooks (woocommerce issues 19764, 20047)."""
    shop.book.add(order, shop.now(), remember=shop.faults.stale_seconds > 0)
    shop.webhooks.fire("created", order.id)
    shop.webhooks.fire("updated", order.id)


def settle(shop: Shop, order: Order, lines: list[Line], status: str) -> int:
    """Give a new order its lines and its status: at once, or in the torn stages seen on a real shop.

    Returns how long that takes, in microseconds.
    """
    if not shop.draw(shop.faults.torn_orders):
        with shop.changing(order, touch=False):
            order.lines = lines
            shop.enter(order, status)
        return 0
    order.total_ready, order.planned = False, lines
    shop.later(order, _stages(shop, order, lines, status), duration := _torn_us(shop))
    return duration


def _stages(shop: Shop, order: Order, lines: list[Line], status: str) -> list[Stage]:
    """Lines one by one with a total of 0.00, then the status, then the stock line by line."""

    def saved(step: Stage) -> None:
        shop.book.keep_past(order, shop.now(), remember=shop.faults.stale_seconds > 0)
        step()
        order.rendered.clear()
        shop.book.sort_in(order)
        shop.book.restamp(order, shop.stamp_now())
        shop.webhooks.fire("updated", order.id)

    def add(line: Line) -> None:
        order.lines = [*order.lines, line]

    def enter() -> None:
        order.total_ready = True
        order.status = status
        shop.stamp(order)

    def take(line: Line) -> None:
        if order.status in TAKING:
            shop.stock.take(order, line)

    def end() -> None:
        shop.stock.entered(order)

    steps: list[Stage] = [*(partial(add, line) for line in lines), enter, *(partial(take, line) for line in lines), end]
    return [partial(saved, step) for step in steps]


def _torn_us(shop: Shop) -> int:
    low, high = shop.faults.torn_seconds
    return round(shop.rng.uniform(low, high) * SECOND)


def _check(shop: Shop, wanted: list[tuple[Product, int]]) -> None:
    at = None
    if shop.draw(shop.faults.oversell):
        at = shop.now() - round(shop.faults.oversell_window_seconds * SECOND)
    needed: dict[int, int] = {}
    for product, quantity in wanted:
        if quantity < 1:
            raise ShopRefusal(400, "bad_quantity", f"{product.sku}: a shopper buys at least 1")
        counter = shop.catalog.counter_of(product)
        if counter is None or counter.backorders != "no":
            continue
        needed[counter.id] = needed.get(counter.id, 0) + quantity
        free = shop.catalog.count(counter, at) - (reserved(shop, counter) if at is None else 0)
        if needed[counter.id] > free:
            raise OutOfStock(product.sku)


def reserved(shop: Shop, counter: Product) -> int:
    """Units that unpaid orders of shoppers and drafts hold, for as long as the shop reserves."""
    pending_since = shop.now() - shop.settings.hold_stock_minutes * 60 * SECOND
    draft_since = shop.now() - DRAFT_MINUTES * 60 * SECOND
    held = 0
    orders: dict[int, Order] = {}
    for part in (counter.id, *counter.children):
        orders |= shop.book.unpaid_of.get(part, {})
    for order in orders.values():
        since = {"pending": pending_since, "checkout-draft": draft_since}.get(order.status)
        if since is not None and order.created_us > since and order.created_via != "rest-api":
            for line in order.lines:
                product = shop.catalog.products.get(line.counter_id)
                if shop.catalog.counter_of(product) is counter:
                    held += line.quantity - line.reduced
    return held


def cancel_unpaid(shop: Shop) -> None:
    """The hourly job: shoppers' pending orders older than hold_stock_minutes are cancelled."""
    limit = shop.now() - shop.settings.hold_stock_minutes * 60 * SECOND
    for order in list(shop.book.unpaid.values()):
        if order.status == "pending" and order.created_via != "rest-api" and order.modified_us < limit:
            shop.set_status(order, "cancelled")
