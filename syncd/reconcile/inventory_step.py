"""The inventory step: know what a shop sells, and read each of its counters at least once in a bounded time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from syncd.core.policy import Recipe
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.ledger import items, stores
from syncd.observability import events
from syncd.ports.store import LevelPage, Listing, ListingPage
from syncd.reconcile.context import StoreContext
from syncd.reconcile.publish_step import PublishStep, take_levels

PAGES_MAX = 20_000  # of a catalogue: two million products
REFRESH_SECONDS_MIN = 60.0  # an unknown product makes the catalogue be read again, but not more often than this
REQUESTS_PER_STEP_MAX = 20  # readings go on in the next step, orders come between


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger says there is to read: counters, and when the one read the longest ago was read (None without any)."""

    is_ready: bool = False
    due: list[str] = field(default_factory=list)
    oldest: Instant | None = None


@dataclass(slots=True)
class InventoryStep:
    """One shop's catalogue and readings."""

    context: StoreContext
    publisher: PublishStep
    catalogued: Instant = LONG_AGO
    troubles: set[str] = field(default_factory=set)

    async def read_catalogue_if_due(self) -> float:
        """Refresh the catalogue when it is old, or when an order named a product that it doesn't know."""
        context = self.context
        age = seconds(context.tenant.clock.now() - self.catalogued)
        unknown = context.unknown_products and age >= REFRESH_SECONDS_MIN
        if unknown or age >= context.options.catalogue_seconds:
            context.unknown_products = False
            await self._read_catalogue()
        return REFRESH_SECONDS_MIN

    async def run(self) -> float:
        """Read the counters whose last reading is too old, or that somebody wants to know now. Returns the seconds until the
        next are due."""
        context = self.context
        before = Instant(context.tenant.clock.now() - microseconds(context.options.read_items_seconds))
        for _ in range(REQUESTS_PER_STEP_MAX):
            look = await context.tenant.ledger.read(partial(self._look, before=before))
            if not look.is_ready:
                return 1.0
            if not look.due:
                return self._wait_seconds(look.oldest)
            page = await context.port.inventory.levels(look.due)
            told = {reading.item for reading in page.readings}
            silent = [name for name in look.due if name not in told]
            await context.tenant.ledger.run(partial(self._take, page=page, silent=silent))
            context.bell.ring()
        return self._wait_seconds(before)

    async def _read_catalogue(self) -> None:
        """Read all that the shop sells. What vanished is no longer written to; levels that came along are readings."""
        context = self.context
        began = context.tenant.clock.now()
        position = ""
        recipes: dict[str, dict[Recipe, Listing]] = defaultdict(dict)
        for _ in range(PAGES_MAX):
            page = await context.port.inventory.listings(position)
            for entry in page.listings:
                if entry.item and entry.sku:
                    recipes[entry.item].setdefault(context.policy.recipe(entry.sku), entry)
            await context.tenant.ledger.run(partial(self._take_listings, page=page, seen=began))
            position = page.next
            if not position:
                break
        usable = {name: found for name, found in recipes.items() if len(found) == 1}
        for name, found in recipes.items():
            if len(found) > 1 and name not in self.troubles:
                self.troubles.add(name)
                context.log.emit(
                    events.ITEM_REFUSED, item=name, reason="one counter stands for several ERP SKUs",
                    sku=", ".join(sorted(entry.sku for entry in found.values())),
                )  # fmt: skip

        def unit(connection: Connection) -> None:
            tenant, store = context.tenant.tenant, context.store
            known = items.known_items(connection, tenant, store)
            wanted = {
                name: (listing.sku, listing.name, recipe)
                for name, found in usable.items()
                for recipe, listing in found.items()
            }
            changed = {name: value for name, value in wanted.items() if known.get(name) != value}
            items.write_items(connection, tenant, store, changed)
            items.retire_items(connection, tenant, store, began)
            items.make_due(connection, tenant, {sku for _, _, recipe in changed.values() for sku, _ in recipe}, began)

        await context.tenant.ledger.run(unit)
        self.catalogued = context.catalogued = began
        context.tenant.publish()

    def _take_listings(self, connection: Connection, page: ListingPage, seen: Instant) -> None:
        tenant, store = self.context.tenant.tenant, self.context.store
        items.write_listings(
            connection,
            [(tenant, store, e.product, e.item, e.sku, e.name, int(e.digital), seen) for e in page.listings],
        )

    def _look(self, connection: Connection, before: Instant) -> Look:
        """What there is to read; nothing before the store's baseline."""
        tenant, store = self.context.tenant.tenant, self.context.store
        row = stores.read_store(connection, tenant, store)
        if row is None or row.state != stores.READY:
            return Look()
        oldest = items.oldest_read(connection, tenant, store)
        if oldest is None or oldest >= before:
            return Look(True, [], oldest)
        found = items.items_to_read(connection, tenant, store, before, self.context.port.inventory.traits.batch_max)
        return Look(True, [name for name, _ in found], oldest)

    def _take(self, connection: Connection, page: LevelPage, silent: list[str]) -> None:
        take_levels(connection, self.publisher.shop(), page, self.context.drained)
        for name in silent:  # unknown, not 0: asked again after the usual time
            items.set_item(connection, self.context.tenant.tenant, self.context.store, name, read_at=page.ended)

    def _wait_seconds(self, oldest: Instant | None) -> float:
        context = self.context
        if oldest is None:
            return REFRESH_SECONDS_MIN
        wait = seconds(oldest - context.tenant.clock.now()) + context.options.read_items_seconds
        return max(1.0, wait)
