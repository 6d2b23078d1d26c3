"""The simulated shops as the world sees them: what shoppers and the merchant do, and what is true. No HTTP here: nobody but the
daemon has to go through the network.

The rules of counting are written down once more, from the shops' own documents, as plainly as they can be said, and share
nothing with syncd.
"""

from __future__ import annotations

from random import Random
from typing import Any

from aiohttp import web

from syncd.simulator.bigcommerce import orders as statuses
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock
from syncd.simulator.bigcommerce.server import make_app as bigcommerce_app
from syncd.simulator.bigcommerce.shop import Shop as BigCommerceShop
from syncd.simulator.woocommerce.control import Control
from syncd.simulator.woocommerce.records import ShopRefusal
from syncd.simulator.woocommerce.server import make_app as woocommerce_app
from syncd.simulator.woocommerce.shop import Shop as WooCommerceShop
from tests.simulation.clocks import HostClock

REFUSALS = (NoSuch, NotPossible, OutOfStock, ShopRefusal, ValueError, KeyError)
Lines = list[tuple[str, str, int]]
"""Line, SKU, units that the ERP should have counted."""
Booked = tuple[str, int, int | None]
"""The daemon's name of the counter, the change, and the level that was put (None: units were added)."""


class BigCommerce:
    """A BigCommerce shop."""

    floor: int | None = 0
    relative = True
    lines_follow_names = False  # an order's line keeps the SKU that it was placed under

    def __init__(self, name: str, clock: HostClock, random: Random, levels: dict[str, int]) -> None:
        self.name = name
        self.names: dict[str, str] = {}  # SKUs that this shop has given another name
        self.shop: Any = BigCommerceShop(clock, random)
        self.shop.add_products([{"sku": sku, "name": sku, "stock": level} for sku, level in levels.items()])

    def app(self) -> web.Application:
        """The vendor's API."""
        return bigcommerce_app(self.shop)

    def now(self) -> int:
        """The shop's clock, in microseconds."""
        return int(self.shop.stamp()) * 1_000_000

    def buy(self, lines: list[tuple[str, int]], *, paid: bool, method: str) -> str:
        """Returns the order. Raises one of REFUSALS."""
        del method
        return str(self.shop.sell([{"sku": sku, "quantity": units} for sku, units in lines], paid=paid).id)

    def act(self, order: str, what: str, args: dict[str, Any]) -> None:
        """A change of an order. Raises one of REFUSALS."""
        shop = self.shop
        entry = shop.order(order)
        lines = entry.lines
        line = lines[args["line"] % len(lines)] if lines else None
        if what in {"refunded", "status"}:  # a status, written by hand; with Refunded all units go back
            if what == "refunded" and entry.refunds:
                raise NotPossible("refunded by the refund API before")
            shop.set_status(entry, statuses.REFUNDED if what == "refunded" else args["to"])
            shop.touch(entry)
        elif what == "ship_some":
            if line is None or entry.status_id in statuses.DEAD_STATUSES:
                raise NotPossible("nothing to ship")
            shop.ship(order, [{"line": line.id, "quantity": 1}])
        elif what in {"edit", "remove"}:
            if line is None or (what == "remove" and len(lines) < 2):
                raise NotPossible("nothing to edit")
            if args.get("units", 0) < line.shipped:
                raise NotPossible("it has left the house")
            add = [{"sku": self.named(args["add"]), "quantity": 1}] if args.get("add") else []
            shop.edit(order, [{"line": line.id, "quantity": args.get("units", 0)}], add)
        elif what == "refund":
            if line is None:
                raise NotPossible("nothing to refund")
            shop.refund(order, [{"line": line.id, "quantity": 1}], restock=args["restock"])
        else:
            getattr(shop, what)(order)

    def set_stock(self, sku: str, level: int) -> None:
        """The merchant's hand."""
        self.shop.set_stock(sku, max(0, level))

    def named(self, sku: str) -> str:
        """What the shop calls it now."""
        return self.names.get(sku, sku)

    def sells(self, sku: str) -> bool:
        """Whether it is in the catalogue."""
        return sku in self.shop.catalog.by_sku

    def rename(self, sku: str, to: str) -> None:
        """A product gets another SKU; its counter and the lines of its orders stay what they are."""
        catalog = self.shop.catalog
        product, variant = catalog.by_sku.pop(sku)
        product.sku = variant.sku = to
        self.shop.stockroom.counter(product.item_of(variant.id), to, 1).sku = to
        catalog.by_sku[to] = (product, variant)
        self.names[sku] = to

    def recreate(self, sku: str, level: int) -> None:
        """A product is deleted and made anew: another id, another counter. Orders of the old one move no counter any more."""
        shop = self.shop
        product, variant = shop.catalog.by_sku.pop(sku)
        item = product.item_of(variant.id)
        del shop.catalog.products[product.id], shop.catalog.variants[variant.id], shop.stockroom._counters[item]
        for order in shop.book.kept.values():
            for line in order.lines:
                line.item = None if line.item == item else line.item
        shop.add_products([{"sku": sku, "name": sku, "stock": level}])

    def is_open(self, order: str) -> bool:
        """Whether the order waits for its payment and may yet vanish."""
        return False

    def truth(self) -> list[tuple[str, str, Lines]]:
        """Each order with its status and its lines."""
        self.shop.now()
        return [
            (
                entry["order"],
                entry["status"],
                _merged([(n["line"], n["sku"], _bigcommerce_units(entry, n)) for n in entry["lines"]]),
            )
            for entry in self.shop.truth()["orders"]
        ]

    def levels(self) -> dict[str, int]:
        """What the counters come to, with what is on its way to them."""
        return {sku: entry["level"] for sku, entry in self.shop.truth()["skus"].items() if self.sells(sku)}

    def shown(self, sku: str) -> int:
        """What a shopper may buy at this moment."""
        self.shop.now()
        return self.shop.counter(sku).level or 0

    def writes(self, sku: str) -> list[tuple[float, int, str]]:
        """The counter's changes: microseconds, change, cause; none of what isn't in the catalogue any more."""
        if not self.sells(sku):
            return []
        return [(c.at_us, c.change, c.cause) for c in self.shop.counter(sku).changes]

    def ours(self, seconds: float) -> list[Booked]:
        """What writes by the API have done to counters lately."""
        since = self.shop.now() - seconds * 1e6
        return [
            (f"p:{counter.item[1]}", change.change, change.level if change.cause == "api absolute" else None)
            for counter in self.shop.stockroom.all()
            for change in counter.changes
            if change.at_us >= since and change.change and change.cause in {"api relative", "api absolute"}
        ]


class WooCommerce:
    """A WooCommerce shop."""

    floor: int | None = None
    relative = False
    lines_follow_names = True  # an order's line shows the SKU that its product has now

    def __init__(self, name: str, clock: HostClock, random: Random, levels: dict[str, int]) -> None:
        self.name = name
        self.names: dict[str, str] = {}  # SKUs that this shop has given another name
        self.shop: Any = WooCommerceShop(clock=clock, rng=random)
        for sku, level in levels.items():
            self.shop.add_product(sku, name=sku, stock=level)
        self._control: Any = Control(self.shop)

    def app(self) -> web.Application:
        """WordPress's REST API."""
        return woocommerce_app(self.shop)

    def now(self) -> int:
        """The shop's clock, in microseconds."""
        return int(self.shop.now())

    def buy(self, lines: list[tuple[str, int]], *, paid: bool, method: str) -> str:
        """Returns the order. Raises one of REFUSALS."""
        return str(self.shop.checkout(lines, paid=paid, method="" if paid else method).id)

    def act(self, order: str, what: str, args: dict[str, Any]) -> None:
        """A change of an order. Raises one of REFUSALS."""
        shop = self.shop
        shop.advance()
        entry = shop.order(int(order))
        if (entry.status == "trash") is not (what in {"untrash", "delete"}) and what != "delete":
            raise ValueError(f"it is {entry.status}")
        lines = entry.true_lines
        line = lines[args["line"] % len(lines)] if lines else None
        if what in {"edit", "remove"}:
            if line is None or (what == "remove" and len(lines) < 2):
                raise ValueError("nothing to edit")
            add = [(self.named(args["add"]), 1)] if args.get("add") else []
            shop.edit(entry, {line.id: args.get("units", 0)}, add)
        elif what == "refund":
            if line is None:
                raise ValueError("nothing to refund")
            shop.refund(entry, {line.id: 1}, restock=args["restock"])
        elif what in {"pay", "complete", "cancel", "delete", "trash", "untrash", "fail"}:
            if what == "pay" and entry.status not in {"pending", "on-hold", "failed"}:
                raise ValueError(f"it is {entry.status}")
            getattr(shop, what)(entry)
        else:
            raise ValueError(f"no {what} here")

    def set_stock(self, sku: str, level: int) -> None:
        """The merchant's hand."""
        self.shop.set_stock(sku, level)

    def named(self, sku: str) -> str:
        """What the shop calls it now."""
        return self.names.get(sku, sku)

    def sells(self, sku: str) -> bool:
        """Whether it is in the catalogue."""
        return sku in self.shop.catalog.by_sku

    def rename(self, sku: str, to: str) -> None:
        """A product gets another SKU; the lines of its orders show it from now on."""
        self.shop.catalog.rename(self.shop.catalog.named(sku), to)
        self.names[sku] = to

    def recreate(self, sku: str, level: int) -> None:
        """A product is deleted and made anew: another id, another counter. Orders of the old one move no counter any more."""
        self.shop.catalog.remove(self.shop.catalog.named(sku))
        self.shop.add_product(sku, name=sku, stock=level)

    def is_open(self, order: str) -> bool:
        """Whether the order waits for its payment: it holds units of the other shops back."""
        found = self.shop.book.orders.get(int(order))
        return found is not None and found.status in {"pending", "checkout-draft"}

    def truth(self) -> list[tuple[str, str, Lines]]:
        """Each order with its status and its lines."""
        return [
            (
                entry["order"],
                entry["status"],
                _merged([(n["line"], n["sku"], _woocommerce_units(entry, n)) for n in entry["lines"]]),
            )
            for entry in self.shop.truth()["orders"]
        ]

    def levels(self) -> dict[str, int]:
        """The counters."""
        return {sku: entry["level"] for sku, entry in self.shop.truth()["skus"].items() if self.sells(sku)}

    def shown(self, sku: str) -> int:
        """What a shopper may buy at this moment."""
        return int(self.shop.level(sku))

    def writes(self, sku: str) -> list[tuple[float, int, str]]:
        """The counter's changes: microseconds, change, cause; none of what isn't in the catalogue any more."""
        if not self.sells(sku):
            return []
        return [(c.at, c.change, c.cause) for c in self.shop.catalog.named(sku).history]

    def ours(self, seconds: float) -> list[Booked]:
        """What writes by the API have done to counters lately."""
        since = self.shop.now() - seconds * 1e6
        return [
            (f"p:{product.id}", change.change, change.level)
            for product in self.shop.catalog.products.values()
            for change in product.history
            if change.at >= since and change.change and change.cause == "api"
        ]


Shop = BigCommerce | WooCommerce


def _bigcommerce_units(order: dict[str, Any], line: dict[str, Any]) -> int:
    """Of what was ordered, all stays with the customer but what was called off before it left the house. The refund API moves
    money alone; the statuses Cancelled and Refunded, written by hand, put all units back."""
    status = order["status_id"]
    by_api = any(other["refunded"] for other in order["lines"])
    if status == statuses.CANCELLED or (status == statuses.REFUNDED and not by_api):
        return 0
    if status in {statuses.SHIPPED, statuses.REFUNDED, statuses.COMPLETED}:
        return int(line["quantity"])
    off = order["deleted"] or order["archived"] or status in {statuses.INCOMPLETE, statuses.DECLINED}
    return int(line["shipped"] if off else line["quantity"])


def unpaid(shop: Shop, order: str) -> bool:
    """Whether an order stands and isn't paid: not counted where the tenant counts on payment."""
    if isinstance(shop, BigCommerce):
        entry = shop.shop.order(order)
        return entry.status_id in {statuses.PENDING, statuses.AWAITING_PAYMENT} and not entry.payment_status
    found = shop.shop.book.orders.get(int(order))
    return found is not None and found.status in {"on-hold", "pending"}


def _woocommerce_units(order: dict[str, Any], line: dict[str, Any]) -> int:
    """Units not put back by a refund with restock, of orders that stand."""
    if order["status"] in {"pending", "checkout-draft", "cancelled", "failed", "trash", "deleted"}:
        return 0
    return int(line["quantity"] - line["restocked"])


def _merged(rows: Lines) -> Lines:
    """A removed line and its remains, as one."""
    units: dict[tuple[str, str], int] = {}
    for line, sku, count in rows:
        units[line, sku] = units.get((line, sku), 0) + count
    return [(line, sku, count) for (line, sku), count in units.items()]
