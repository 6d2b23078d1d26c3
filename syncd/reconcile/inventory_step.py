"""The inventory step: know what a shop sells, and read each of its counters at least once in a bounded time.

Few counters are read by name, many by the pages of the shop's whole list, where it has one: whichever needs fewer requests.
A request by name that isn't full takes along the counters that would be due next.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from math import ceil

from sqlalchemy import Connection

from syncd.core.places import MAIN
from syncd.core.policy import Recipe
from syncd.core.quantity import LONG_AGO, Instant, microseconds, seconds
from syncd.ledger import items, stores
from syncd.observability import events
from syncd.ports.store import LevelPage, Listing, ListingPage, Sweep
from syncd.reconcile.context import StoreContext
from syncd.reconcile.publish_step import PublishStep
from syncd.reconcile.take_levels import take_levels

PAGES_MAX = 20_000  # of a catalogue: two million products
REFRESH_SECONDS_MIN = 60.0  # an unknown product makes the catalogue be read again, but not more often than this
REQUESTS_PER_STEP_MAX = 20  # readings go on in the next step, orders come between
ITEMS_PER_SWEEP_MAX = 100_000  # asked for in one pass over the whole list; a larger shop needs another
ALONG_SHARE = 0.5  # of the time between two readings: a counter that was read longer ago may be read along


@dataclass(frozen=True, slots=True)
class Look:
    """What the ledger says there is to read: counters, and when the one read the longest ago was read (None without any)."""

    is_ready: bool = False
    due: list[str] = field(default_factory=list)
    oldest: Instant | None = None
    sweeps: bool = False  # they are so many that the whole list is read


@dataclass(slots=True)
class InventoryStep:
    """One shop's catalogue and readings."""

    context: StoreContext
    publisher: PublishStep
    catalogued: Instant = LONG_AGO
    sweep: Sweep | None = None  # soft: a pass over the whole list that has begun
    rest: list[str] = field(default_factory=list)  # soft: what that pass has not told
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
            if self.sweep is not None:
                await self._go_on(self.sweep)
                continue
            if self.rest:
                batch_max = context.port.inventory.traits.batch_max
                await self._read(self.rest[:batch_max])
                del self.rest[:batch_max]
                continue
            look = await context.tenant.ledger.read(partial(self._look, before=before))
            if not look.is_ready:
                return 1.0
            if not look.due:
                return self._wait_seconds(look.oldest)
            if look.sweeps and context.sweeps is not None:
                self.sweep = context.sweeps.begin_sweep(look.due)
                continue
            await self._read(look.due)
        return 0.0 if self.sweep is not None or self.rest else self._wait_seconds(before)

    async def _read(self, names: list[str]) -> None:
        """Read these counters by name."""
        page = await self.context.port.inventory.levels(names)
        told = {reading.item for reading in page.readings}
        silent = [name for name in names if name not in told]
        await self.context.tenant.ledger.run(partial(self._take, page=page, silent=silent))
        self.context.bell.ring()

    async def _go_on(self, sweep: Sweep) -> None:
        """Read the next page of the whole list; at the end, by name, what no page has told."""
        page = await sweep.next_page()
        if page is not None:
            await self.context.tenant.ledger.run(partial(self._take, page=page, silent=[]))
            self.context.bell.ring()
            return
        self.sweep, self.rest = None, list(sweep.untold)

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
            places = context.places
            wanted = {
                counter: (listing.sku, listing.name, recipe)
                for name, found in usable.items()
                for recipe, listing in found.items()
                for counter in places.counters(name)
            }
            changed = {name: value for name, value in wanted.items() if known.get(name) != value}
            others = [place for place in places.locations if place != MAIN]
            items.write_items(connection, tenant, store, changed, others)
            items.retire_items(connection, tenant, store, began, others)
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
        batch_max = self.context.port.inventory.traits.batch_max
        sweeps = self.context.sweeps
        if sweeps is not None:
            due = items.count_to_read(connection, tenant, store, before)
            if ceil(due / batch_max) > ceil(items.count_items(connection, tenant, store) / sweeps.rows_max):
                found = items.items_to_read(connection, tenant, store, before, ITEMS_PER_SWEEP_MAX)
                return Look(True, [name for name, _ in found], oldest, sweeps=True)
        along = Instant(before + microseconds(self.context.options.read_items_seconds * ALONG_SHARE))
        found = items.items_to_read(connection, tenant, store, along, batch_max)
        return Look(True, [name for name, _ in found], oldest)

    def _take(self, connection: Connection, page: LevelPage, silent: list[str]) -> None:
        take_levels(connection, self.publisher.shop(), page, self.context.drained)
        now = self.context.tenant.clock.now()
        for name in silent:  # unknown, not 0: asked again after the usual time
            items.set_item(connection, self.context.tenant.tenant, self.context.store, name, read_at=now)

    def _wait_seconds(self, oldest: Instant | None) -> float:
        context = self.context
        if oldest is None:
            return REFRESH_SECONDS_MIN
        wait = seconds(oldest - context.tenant.clock.now()) + context.options.read_items_seconds
        return max(1.0, wait)
