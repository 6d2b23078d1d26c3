"""One order of a simulated BigCommerce shop and syncd's accounts of it, in process: no HTTP, no ledger.

After each thing that happens to the order, syncd reads the order as the shop shows it, and then the item's counter. What
is checked at each point is that belief contains the counter's true level, before that reading as well as after it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from syncd.core.account import Account, Book, Product, account
from syncd.core.belief import Belief, Change, ItemBook, Reading, believe
from syncd.core.order import Order, Phase
from syncd.core.policy import Baseline, Policy, Returns
from syncd.core.quantity import UNIT, Instant, Quantity, units
from syncd.core.taking_rule import TakingRule
from syncd.simulator.bigcommerce import Shop
from syncd.simulator.bigcommerce.order_shapes import show_order
from syncd.simulator.bigcommerce.orders import Order as ShopOrder
from syncd.simulator.bigcommerce.settings import StockRules
from syncd.stores.bigcommerce.mapping import decode_order, digest, included_lines, map_order, ruled_by
from tests.simulator.bigcommerce_bench import HandClock

OPENING = 50
CHANNEL = 2
SETTINGS = ("update_stock_behavior", "edit_order_stock_adjustment", "refund_order_stock_adjustment")


def rules(takes_at: str, *, edits: bool, returns: bool) -> dict[str, Any]:
    """The vendor's three settings."""
    behaviour = {"placed": "order_placed", "shipped": "order_completed_or_shipped"}[takes_at]
    return dict(zip(SETTINGS, (behaviour, edits, returns), strict=True))


def opposite(of: dict[str, Any]) -> dict[str, Any]:
    """Other values for all three."""
    other = {"order_placed": "order_completed_or_shipped", "order_completed_or_shipped": "order_placed"}
    return {name: other[value] if isinstance(value, str) else not value for name, value in of.items()}


class Counting:
    """The shop, the order, and what syncd knows of both. `channel` and `store` are the settings of the order's channel and
    of the store itself."""

    def __init__(self, channel: dict[str, Any], store: dict[str, Any], **switches: Any) -> None:
        self.clock = HandClock()
        self.shop = Shop(self.clock, Random(1))
        self.shop.channels[CHANNEL] = "Market"
        self.shop.settings.change({**store, **switches})
        self.shop.settings.change({"channel": CHANNEL, **channel})
        self.shop.add_products([{"sku": "A", "stock": OPENING}, {"sku": "B", "stock": OPENING}])
        names = {sku: f"{product.id}/{variant.id}" for sku, (product, variant) in self._sold().items()}
        products = {name: Product(sku, sku) for sku, name in names.items()}
        policy = Policy(Returns.STORE, Baseline.COUNTED)
        self.book = Book(policy, TakingRule(), products, {"A", "B"}.__contains__)
        self.accounts: dict[int, dict[tuple[str, int], Account]] = {}
        self.phases: dict[int, Phase] = {}
        self.readings: dict[str, list[Reading]] = {"A": [], "B": []}
        self.changes: dict[str, list[Change]] = {"A": [], "B": []}
        self.read_at = self.clock.now()
        self.look()

    def _sold(self) -> dict[str, Any]:
        return {sku: self.shop.catalog.sold_as(sku) for sku in ("A", "B")}

    def change_settings(self, **wanted: Any) -> None:
        """The merchant changes the channel's settings; syncd reads them before it reads another order."""
        self.shop.settings.change({"channel": CHANNEL, **wanted})

    def read(self, order: ShopOrder) -> None:
        """Syncd reads the order."""
        self.clock.turn(20)
        state = self._mapped(order)
        rows = self.accounts.setdefault(order.id, {})
        outcome = account(state, list(rows.values()), self.book, phase_before=self.phases.get(order.id))
        assert not outcome.problems
        rows.update({(row.line, row.part): row for row in outcome.changed})
        self.phases[order.id] = state.phase
        now = Instant(self.clock.now())
        for entry in outcome.takings:
            told = entry.taking
            self.changes[entry.item].append(
                Change(
                    Instant(self.read_at), now, told.was, told.low, told.high, told.least, told.most, plain=told.plain
                )
            )
        self.read_at = now

    def _mapped(self, order: ShopOrder) -> Order:
        body = bytes(show_order(order, "simshop", consignments="lines"))
        decoded = decode_order(body)
        lines = included_lines(decoded)
        assert lines is not None
        channel = ruled_by(decoded)
        found = self.shop.settings.rules_for(int(channel or 1), manual=not channel)
        return map_order(decoded, lines, digest(body), _as_read(found))

    def look(self) -> None:
        """Syncd reads the counters, and drains the orders past that (nothing happens meanwhile)."""
        self.clock.turn(20)
        now = Instant(self.clock.now())
        for sku, found in self.readings.items():
            found.append(Reading(units(self.level(sku)), now, now))
        self.clock.turn(20)
        self.read_at = Instant(self.clock.now())

    def belief(self, sku: str = "A") -> Belief:
        """What syncd believes of the counter now."""
        book = ItemBook(tuple(self.readings[sku]), tuple(self.changes[sku]), ())
        return believe(book, Instant(self.clock.now()))

    def level(self, sku: str = "A") -> int:
        """The counter at the default location."""
        level = self.shop.counter(sku).level
        assert level is not None
        return level

    def misses(self) -> str:
        """ "" if belief contains the true level of both items, without drift."""
        for sku in ("A", "B"):
            told, level = self.belief(sku), units(self.level(sku))
            if told.drift or not told.interval.lo <= level <= told.interval.hi:
                low, high = told.interval.lo // UNIT, told.interval.hi // UNIT
                return f"{sku} has {level // UNIT}, belief is [{low}, {high}], drift {told.drift}"
        return ""

    def exact(self) -> bool:
        """Whether belief is the true level alone: what is written then makes the shop agree."""
        beliefs = {sku: self.belief(sku).interval for sku in ("A", "B")}
        return all(told.lo == told.hi == units(self.level(sku)) for sku, told in beliefs.items())

    def commits(self) -> int:
        """Units that the ERP should have counted, over all orders."""
        return self._sum("commitment")

    def taken(self) -> int:
        """Units that the shop is thought to keep off its counters."""
        return self._sum("taken")

    def takes(self) -> int:
        """Units that the shop does keep off its counters."""
        return 2 * OPENING - self.level("A") - self.level("B")

    def _sum(self, what: str) -> int:
        rows = [row for of in self.accounts.values() for row in of.values()]
        return Quantity(sum(getattr(row, what) for row in rows)) // UNIT


def _as_read(found: StockRules) -> TakingRule:
    return TakingRule(
        "shipped" if found.update_stock_behavior == "order_completed_or_shipped" else "placed",
        edits_adjust=bool(found.edit_order_stock_adjustment),
        cancel_returns=bool(found.refund_order_stock_adjustment),
    )
