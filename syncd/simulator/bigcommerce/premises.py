"""The shop before its first order: time, chance, the catalog and the counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from random import Random
from typing import Any

from syncd.simulator.bigcommerce.book import OrderBook
from syncd.simulator.bigcommerce.dates import SECOND_US, Clock
from syncd.simulator.bigcommerce.faults import Faults, Range
from syncd.simulator.bigcommerce.hooks import Hooks
from syncd.simulator.bigcommerce.orders import Refund
from syncd.simulator.bigcommerce.products import (
    DEFAULT_LOCATION,
    Catalog,
    ItemKey,
    Location,
    Modifier,
    Product,
    Variant,
)
from syncd.simulator.bigcommerce.refusals import NoSuch
from syncd.simulator.bigcommerce.settings import Settings
from syncd.simulator.bigcommerce.stockroom import Counter, Stockroom
from syncd.simulator.bigcommerce.takings import Takings
from syncd.simulator.bigcommerce.tax_documents import TaxDocuments


class Premises:
    """What a shop consists of before anybody buys: time, chance, catalog, counters, settings, faults, an order book."""

    def __init__(self, clock: Clock, chance: Random, *, name: str = "Simulated shop") -> None:
        self.clock = clock
        self.chance = chance
        self.name = name
        self.settings = Settings()
        self.faults = Faults()
        self.catalog = Catalog()
        self.stockroom = Stockroom(self.settings)
        self.takings = Takings(self.catalog, self.stockroom, self.settings)
        self.book = OrderBook()
        self.refunds: list[Refund] = []
        self.tax_documents = TaxDocuments(self.settings.switches)
        self.channels: dict[int, str] = {1: "Storefront"}
        self.lists_served = 0
        self.hooks = Hooks(self)
        self.stockroom.watch = self._level_changed
        self._last: dict[str, int] = {"order": 99, "product": 110, "variant": 75, "modifier": 5000}
        self.add_location(DEFAULT_LOCATION, "BC-LOCATION-1", "Default location")

    def _level_changed(self, counter: Counter, before: int) -> None:
        """The events of a level; a call names the counter and tells no quantity."""
        self.tell_of_item(counter, "stock_changed")
        if counter.available <= counter.warning_level < before:
            self.tell_of_item(counter, "low_stock_reached")
        if counter.available == 0 < before:
            self.tell_of_item(counter, "out_of_stock_reached")

    def tell_of_item(self, counter: Counter, what: str) -> None:
        """Call whoever listens for this event of a stock item (vendor page "Webhook events", scopes by channel)."""
        kind, number = counter.item
        product = self.catalog.products[self.catalog.variants[number].product_id if kind == "variant" else number]
        variant_id = number if kind == "variant" else product.variants[0].id if product.simple else None
        named = {"variant_id": variant_id, "product_id": product.id, "location_id": counter.location_id}
        self.hooks.announce(f"store/channel/*/inventory/product/{what}", named)

    # --- time and chance ---------------------------------------------------------------------------------------

    def now(self) -> int:
        """The injected clock's time, with everything applied that is due by then."""
        now_us = self.clock.now()
        self.stockroom.settle(now_us)
        return now_us

    def stamp(self) -> int:
        """Seconds by the shop's own clock, which may be skewed."""
        return (self.clock.now() + round(self.faults.clock_skew_seconds * SECOND_US)) // SECOND_US

    def happens(self, probability: float) -> bool:
        """Draw from the injected randomness (only if there is something to draw)."""
        return probability > 0 and self.chance.random() < probability

    def draw_us(self, bounds: Range) -> int:
        """Draw a duration in microseconds from a range in seconds."""
        low, high = bounds
        return round((self.chance.uniform(low, high) if high > low else low) * SECOND_US)

    def next_id(self, kind: str) -> int:
        """Count on."""
        self._last[kind] = number = self._last.get(kind, 0) + 1
        return number

    # --- catalog and counters ----------------------------------------------------------------------------------

    def add_location(self, number: int, code: str, label: str, *, enabled: bool = True) -> None:
        """Open a place that holds stock."""
        self.catalog.locations[number] = Location(number, code, label, enabled)

    def close_location(self, number: int) -> None:
        """Delete a place, and its stock with it."""
        del self.catalog.locations[number]
        self.stockroom.forget(number)

    def add_products(self, products: Iterable[Mapping[str, Any]]) -> list[int]:
        """Put products on sale; the shape is POST /_sim/products. Returns their ids.

        `stock` None or missing is the vendor's null stock (an absolute adjustment must come first); a mapping is
        stock by location. Raises ValueError for a SKU that is taken.
        """
        return [self._add_product(wanted) for wanted in products]

    def _add_product(self, wanted: Mapping[str, Any]) -> int:
        now_us, second = self.now(), self.stamp()
        children = wanted.get("variants") or []
        number = self.next_id("product")
        product = Product(
            id=number,
            sku=wanted["sku"],
            name=wanted.get("name") or wanted["sku"],
            price=Decimal(str(wanted.get("price", 10))),
            tracking=wanted.get("track") or ("variant" if children else "product"),
            created_seconds=second,
            modified_seconds=second,
            simple=not children,
            kind=wanted.get("type", "physical"),
            minimum=int(wanted.get("minimum", 0)),
            maximum=int(wanted.get("maximum", 0)),
            modifiers=[Modifier(self.next_id("modifier"), **one) for one in wanted.get("modifiers", ())],
        )
        for child in children or [wanted]:
            price = Decimal(str(child.get("price", product.price)))
            label = str(child.get("name", child["sku"])) if children else ""
            product.variants.append(Variant(self.next_id("variant"), number, child["sku"], label, price))
        self.catalog.add(product)
        stocks: list[tuple[ItemKey, str, Mapping[str, Any]]] = []
        if product.tracking == "product":
            stocks.append((("product", number), product.sku, wanted))
        elif product.tracking == "variant":
            for variant, source in zip(product.variants, children or [wanted], strict=True):
                stocks.append((("variant", variant.id), variant.sku, source))
        for item, sku, source in stocks:
            stock = source.get("stock")
            places = stock if isinstance(stock, Mapping) else {DEFAULT_LOCATION: stock}
            for location, level in places.items():
                counter = self.stockroom.counter(item, sku, int(location))
                counter.safety_stock = int(source.get("safety_stock", wanted.get("safety_stock", 0)))
                self.stockroom.set_by_hand(counter, None if level is None else int(level), now_us, "opening")
        return number

    def counter(self, sku: str, location_id: int = DEFAULT_LOCATION) -> Counter:
        """The counter that a SKU's sales move. Raises NoSuch."""
        try:
            item = self.catalog.item_under(sku)
        except KeyError:
            raise NoSuch(f"no SKU {sku!r}") from None
        if item is None:
            raise NoSuch(f"the SKU {sku!r} is not tracked")
        return self.stockroom.counter(item, self.catalog.sku_of(item), location_id)

    def set_stock(self, sku: str, quantity: int, location_id: int = DEFAULT_LOCATION) -> None:
        """The merchant types a level into the panel."""
        now_us = self.now()
        self.stockroom.set_by_hand(self.counter(sku, location_id), quantity, now_us)
