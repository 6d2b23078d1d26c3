"""Which orders a list shows, and in which order: the parameters of GET /orders, with their oddities."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from syncd.simulator.woocommerce.order_book import SECOND, Key, between
from syncd.simulator.woocommerce.records import Order
from syncd.simulator.woocommerce.rest import Call, invalid, listed
from syncd.simulator.woocommerce.wp_time import BadDate, bound_seconds, zone_of

if TYPE_CHECKING:
    from syncd.simulator.woocommerce.shop import Shop

ORDERBY = ["date", "id", "include", "title", "slug", "modified"]
HIDDEN = frozenset({"trash", "auto-draft"})
"""What `any` leaves out; checkout-draft is in it (measured on WooCommerce 10.0.2)."""


def date_bound(shop: Shop, call: Call, name: str) -> int | None:
    """A date parameter as seconds. Raises ShopRefusal; None where absent, or unknown to an older WooCommerce."""
    text = call.params.get(name)
    if text is None or (name.startswith("modified_") and not shop.settings.at_least(5, 8)):
        return None
    as_gmt = call.flag("dates_are_gmt") and shop.settings.at_least(5, 4)
    try:
        return bound_seconds(str(text), zone_of(shop.settings.timezone), dates_are_gmt=as_gmt)
    except BadDate as error:
        raise invalid(name, "Invalid date.", "rest_invalid_date") from error


def wanted_statuses(shop: Shop, call: Call) -> frozenset[str] | None:
    """The statuses asked for; None is any. Raises ShopRefusal for an unknown one."""
    allowed = ["any", *sorted(HIDDEN, reverse=True), *shop.settings.statuses()]
    words = call.words("status") or ["any"]
    for place, word in enumerate(words):
        if word not in allowed:
            raise invalid("status", f"status[{place}] is not one of {listed(allowed)}.", "rest_not_in_enum")
    return None if "any" in words else frozenset(words)


def select_orders(shop: Shop, call: Call, orders: dict[int, Order]) -> list[Key]:
    """The keys of all orders that a list asks for, sorted. Raises ShopRefusal for a bad parameter."""
    statuses = wanted_statuses(shop, call)
    orderby = call.choice("orderby", "date", ORDERBY)
    descending = call.choice("order", "desc", ["asc", "desc"]) == "desc"
    modified = date_bound(shop, call, "modified_after"), date_bound(shop, call, "modified_before")
    created = date_bound(shop, call, "after"), date_bound(shop, call, "before")
    stamp = "modified" if orderby == "modified" or modified != (None, None) else "created"
    keys = between(shop.book.keys_by(stamp, orders), *(modified if stamp == "modified" else created))
    if stamp == "modified" and created != (None, None):
        inside = {number for _, number in between(shop.book.keys_by("created", orders), *created)}
        keys = [key for key in keys if key[1] in inside]
    if statuses is None and orders is shop.book.orders:
        keys = [key for key in keys if key[1] not in shop.book.hidden] if shop.book.hidden else keys
    elif statuses is None:
        keys = [key for key in keys if orders[key[1]].status not in HIDDEN]
    else:
        keys = [key for key in keys if orders[key[1]].status in statuses]
    for test in _tests(call):
        keys = [key for key in keys if test(orders[key[1]])]
    if orderby in {"date", "title", "slug"}:  # titles are dates ("Order - November 23, 2026 ..."), ties go by id
        if stamp == "modified":
            keys = sorted((orders[number].created_us // SECOND, number) for _, number in keys)
        orderby = "date"
    return _sorted(shop, call, keys, orderby, descending=descending)


def _tests(call: Call) -> list[Callable[[Order], bool]]:
    tests: list[Callable[[Order], bool]] = []
    exclude, include = frozenset(call.ids("exclude")), frozenset(call.ids("include"))
    if exclude:
        tests.append(lambda order: order.id not in exclude)
    if include:
        tests.append(lambda order: order.id in include)
    if call.ids("parent") and 0 not in call.ids("parent"):
        tests.append(lambda _: False)  # no order has a parent here
    customer = call.integer("customer", -1, 0)
    if customer >= 0:
        tests.append(lambda order: order.customer_id == customer)
    product = call.integer("product", -1, 0)
    if product >= 0:
        tests.append(lambda order: any(product in {line.product_id, line.variation_id} for line in order.lines))
    via = call.words("created_via")
    if via:
        tests.append(lambda order: order.created_via in via)
    search = str(call.params.get("search") or "").lower()
    if search:
        tests.append(lambda order: search == str(order.id) or search in " ".join(order.billing.values()).lower())
    return tests


def _sorted(shop: Shop, call: Call, keys: list[Key], orderby: str, *, descending: bool) -> list[Key]:
    if orderby == "include" and (include := call.ids("include")):
        place = {number: index for index, number in enumerate(include)}
        return sorted(keys, key=lambda key: place[key[1]])
    if orderby == "modified":
        ordered = keys
        if shop.draw(shop.faults.shuffled_ties):  # no tie-breaker in 10.0.2: rows of one second in any order
            ordered = sorted(keys, key=lambda key: (key[0], shop.rng.random()))
    elif orderby == "date":
        ordered = keys
    else:
        ordered = sorted(keys, key=lambda key: key[1])
    return ordered[::-1] if descending else ordered
