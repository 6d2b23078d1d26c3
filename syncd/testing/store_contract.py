"""What every store adapter must do, as tests. Subclass `StoreContract` and give it two fixtures:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self): ...         # the adapter (`syncd.ports.store.Store`)
        @pytest.fixture
        async def driver(self, store): ...  # a `StoreDriver`: the shop's own side

It tests the promises that all platforms share. What differs (which status means what, when the shop takes) is the
adapter's own to test, against answers recorded from a real shop.
"""

from __future__ import annotations

from typing import Protocol

from syncd.core.order import Order, Phase
from syncd.core.quantity import LONG_AGO, Instant, units
from syncd.errors import StoreFault, Throttled
from syncd.ports.store import LevelWrite, Listing, OrderPage, ScanRequest, Store, WriteResult

PAGES_MAX = 1_000  # a listing that is longer than this goes round in circles
SECOND_US = 1_000_000


class StoreDriver(Protocol):
    """The shop's own side: its back office, its shoppers, its clock."""

    async def add_product(self, sku: str, stock: int) -> None:
        """Put a product with a counter on sale, at this level."""

    async def sell(self, sku: str, count: int) -> str:
        """A shopper orders and pays `count` units; the order's id."""

    async def cancel(self, order: str) -> None:
        """The merchant cancels an order."""

    async def level(self, sku: str) -> int:
        """What the counter truly shows now."""

    async def wait(self, wait_seconds: float) -> None:
        """Let the shop's time pass: by its simulated clock, or in truth."""


class StoreContract:
    """The promises of `syncd.ports.store`, one test each. Orders of an earlier time in the shop are borne."""

    prefix = "contract"  # of every SKU

    def sku(self, name: str) -> str:
        """A SKU of this run."""
        return f"{self.prefix}-{name}"

    async def settle(self, store: Store, driver: StoreDriver) -> None:
        """Wait until what was written is applied, shown, and no order is half-written."""
        counters, orders = store.inventory.traits, store.orders.traits
        await driver.wait((counters.apply_us + counters.stale_us + orders.settle_us + orders.grain_us) / SECOND_US + 1)

    async def sold(self, driver: StoreDriver, name: str, count: int) -> list[str]:
        """So many orders of one unit, a while apart."""
        numbers = []
        for _ in range(count):
            numbers.append(await driver.sell(self.sku(name), 1))
            await driver.wait(2)
        return numbers

    async def scan(self, store: Store, since: Instant = LONG_AGO, *, limit: int = 100) -> list[Order]:
        """All pages of one quiet scan."""
        orders: list[Order] = []
        for number in range(1, PAGES_MAX):
            page = await store.orders.changed(ScanRequest(since, page=number, limit=limit))
            orders += readable(page)
            if not page.full:
                return orders
        raise AssertionError("the scan never ends")

    async def listings(self, store: Store) -> dict[str, list[Listing]]:
        """All listings of this run by SKU: a thing may be listed under several names, for one counter."""
        found: dict[str, list[Listing]] = {}
        position = ""
        for _ in range(PAGES_MAX):
            page = await store.inventory.listings(position)
            assert page.began <= page.ended
            for listing in page.listings:
                if listing.sku.startswith(self.prefix):
                    found.setdefault(listing.sku, []).append(listing)
            position = page.next
            if not position:
                return found
        raise AssertionError("the catalogue never ends")

    async def item(self, store: Store, name: str) -> str:
        """The stock item of a SKU that has one."""
        items = {listing.item for listing in (await self.listings(store))[self.sku(name)]}
        assert len(items) == 1
        return items.pop()

    # Orders ----------------------------------------------------------------------------------------------------------

    async def test_traits_are_usable(self, store: Store) -> None:
        """Limits are above 0, times not below it."""
        orders, counters = store.orders.traits, store.inventory.traits
        assert orders.page_max >= 1
        assert orders.exclude_max >= 0
        assert 0 <= orders.settle_us <= orders.settle_wait_max_us
        assert orders.grain_us >= 1
        assert counters.batch_max >= 1
        assert min(counters.apply_us, counters.stale_us, counters.late_us) >= 0

    async def test_the_identity_stays(self, store: Store) -> None:
        """`describe` may be asked at any time, and names the same shop."""
        first, second = await store.orders.describe(), await store.orders.describe()
        assert first.identity
        assert (first.identity, first.behaviour) == (second.identity, second.behaviour)
        assert first.clock_error_us >= 0

    async def test_an_order_is_read_with_its_lines(self, store: Store, driver: StoreDriver) -> None:
        """SKU and quantity, the product by its name in the catalogue, and times on both sides."""
        await driver.add_product(self.sku("a"), 10)
        number = await driver.sell(self.sku("a"), 3)
        await self.settle(store, driver)
        page = await store.orders.by_ids([number])
        (order,) = readable(page)
        assert page.began <= page.ended
        assert order.order == number
        assert order.phase in {Phase.PLACED, Phase.PAID, Phase.COMPLETED}
        assert [(line.sku, line.quantity, line.restocked) for line in order.lines] == [(self.sku("a"), units(3), 0)]
        listings = (await self.listings(store))[self.sku("a")]
        assert order.lines[0].product in {listing.product for listing in listings}
        assert order.created <= order.modified
        assert order.content

    async def test_the_same_state_has_the_same_content_and_another_state_another(
        self, store: Store, driver: StoreDriver
    ) -> None:
        """The list and the look-up by id agree, too."""
        await driver.add_product(self.sku("a"), 10)
        number = await driver.sell(self.sku("a"), 1)
        await self.settle(store, driver)
        first, second = [readable(await store.orders.by_ids([number]))[0] for _ in range(2)]
        assert first == second
        (listed,) = [order for order in await self.scan(store, first.modified) if order.order == number]
        assert (listed.content, listed.lines, listed.modified) == (first.content, first.lines, first.modified)
        await driver.cancel(number)
        await self.settle(store, driver)
        (cancelled,) = readable(await store.orders.by_ids([number]))
        assert cancelled.content != first.content
        assert cancelled.phase is Phase.CANCELLED
        assert cancelled.modified >= first.modified

    async def test_changed_begins_at_the_bound_itself_and_goes_up(self, store: Store, driver: StoreDriver) -> None:
        """`since` is inclusive, rows lie inside it by more than the grain, the oldest change comes first."""
        await driver.add_product(self.sku("a"), 50)
        numbers = await self.sold(driver, "a", 4)
        await self.settle(store, driver)
        whole = [order for order in await self.scan(store) if order.order in numbers]
        assert [order.order for order in whole] == numbers
        bound = whole[1].modified
        since = await self.scan(store, bound)
        assert [order.order for order in since if order.order in numbers][-3:] == numbers[1:]
        assert [order.modified for order in since] == sorted(order.modified for order in since)
        assert all(order.modified >= bound - store.orders.traits.grain_us for order in since)

    async def test_a_change_puts_an_order_behind_the_others(self, store: Store, driver: StoreDriver) -> None:
        """A cancelled order is found again by its new stamp."""
        await driver.add_product(self.sku("a"), 50)
        numbers = await self.sold(driver, "a", 3)
        await driver.cancel(numbers[0])
        await self.settle(store, driver)
        order = [order.order for order in await self.scan(store) if order.order in numbers]
        assert order == [*numbers[1:], numbers[0]]

    async def test_pages_are_full_until_the_last_and_hold_every_order_once(
        self, store: Store, driver: StoreDriver
    ) -> None:
        """While nothing moves."""
        await driver.add_product(self.sku("a"), 50)
        numbers = await self.sold(driver, "a", 5)
        await self.settle(store, driver)
        since = next(order.modified for order in await self.scan(store) if order.order == numbers[0])
        first = await store.orders.changed(ScanRequest(since, limit=2))
        assert len(first.orders) == 2
        assert first.full
        found = [order.order for order in await self.scan(store, since, limit=2)]
        assert [number for number in found if number in numbers] == numbers

    async def test_what_was_excluded_is_left_out(self, store: Store, driver: StoreDriver) -> None:
        """Where the platform can (`exclude_max`)."""
        if not store.orders.traits.exclude_max:
            return
        await driver.add_product(self.sku("a"), 50)
        numbers = await self.sold(driver, "a", 3)
        await self.settle(store, driver)
        page = await store.orders.changed(ScanRequest(LONG_AGO, exclude=(numbers[1],)))
        found = [order.order for order in readable(page)]
        assert numbers[1] not in found
        assert {numbers[0], numbers[2]} <= set(found)

    async def test_an_order_that_surely_does_not_exist_is_named(self, store: Store, driver: StoreDriver) -> None:
        """`missing` names it; the others are read."""
        await driver.add_product(self.sku("a"), 10)
        number = await driver.sell(self.sku("a"), 1)
        await self.settle(store, driver)
        page = await store.orders.by_ids([number, "99999999"])
        assert [order.order for order in readable(page)] == [number]
        assert set(page.missing) <= {"99999999"}
        alone = await store.orders.by_ids(["99999999"])
        assert not alone.orders

    async def test_orders_by_number_go_up_and_begin_behind_the_one_named(
        self, store: Store, driver: StoreDriver
    ) -> None:
        """Page by page, every one."""
        await driver.add_product(self.sku("a"), 50)
        numbers = await self.sold(driver, "a", 5)
        await self.settle(store, driver)
        found: list[str] = []
        after = ""
        for _ in range(PAGES_MAX):
            page = await store.orders.by_number(after, 2)
            assert len(page.orders) <= 2
            if not page.orders:
                break
            found += [order.order for order in page.orders]
            after = found[-1]
        assert [number for number in found if number in numbers] == numbers
        assert len(found) == len(set(found))

    # Counters --------------------------------------------------------------------------------------------------------

    async def test_every_product_is_listed_with_its_counter_and_the_counter_can_be_read(
        self, store: Store, driver: StoreDriver
    ) -> None:
        """A level that comes with the listing agrees."""
        for name, stock in (("a", 7), ("b", 0)):
            await driver.add_product(self.sku(name), stock)
        await self.settle(store, driver)
        listings = await self.listings(store)
        assert listings.keys() == {self.sku("a"), self.sku("b")}
        items = {name: await self.item(store, name) for name in "ab"}
        page = await store.inventory.levels(list(items.values()))
        assert page.began <= page.ended
        levels = {reading.item: reading.level for reading in page.readings}
        for name, stock in (("a", 7), ("b", 0)):
            assert levels[items[name]] == units(stock)
            assert {listing.level for listing in listings[self.sku(name)]} <= {None, units(stock)}

    async def test_a_sale_is_seen_on_the_counter(self, store: Store, driver: StoreDriver) -> None:
        """Once the shop has settled."""
        await driver.add_product(self.sku("a"), 7)
        item = await self.item(store, "a")
        await driver.sell(self.sku("a"), 2)
        await self.settle(store, driver)
        assert await driver.level(self.sku("a")) == 5
        (reading,) = (await store.inventory.levels([item])).readings
        assert reading.level == units(5)

    async def test_a_written_level_is_shown(self, store: Store, driver: StoreDriver) -> None:
        """Relative where the platform can, absolute everywhere."""
        await driver.add_product(self.sku("a"), 7)
        item = await self.item(store, "a")
        (outcome,) = await store.inventory.write([LevelWrite("w1", item, level=units(3))])
        assert (outcome.key, outcome.result) == ("w1", WriteResult.APPLIED)
        await self.settle(store, driver)
        assert await driver.level(self.sku("a")) == 3
        if store.inventory.traits.relative:
            (outcome,) = await store.inventory.write([LevelWrite("w2", item, change=units(-2))])
            assert outcome.result is WriteResult.APPLIED
            await self.settle(store, driver)
            assert await driver.level(self.sku("a")) == 1
        (reading,) = (await store.inventory.levels([item])).readings
        assert reading.level == units(await driver.level(self.sku("a")))

    async def test_writes_have_an_outcome_each_in_their_order(self, store: Store, driver: StoreDriver) -> None:
        """And each counter gets its own level."""
        names = ["a", "b", "c"][: store.inventory.traits.batch_max]
        for name in names:
            await driver.add_product(self.sku(name), 7)
        writes = [
            LevelWrite(f"w{level}", await self.item(store, name), level=units(level))
            for level, name in reversed(list(enumerate(names, 1)))
        ]
        outcomes = await store.inventory.write(writes)
        assert [outcome.key for outcome in outcomes] == [write.key for write in writes]
        assert {outcome.result for outcome in outcomes} == {WriteResult.APPLIED}
        await self.settle(store, driver)
        assert [await driver.level(self.sku(name)) for name in names] == list(range(1, len(names) + 1))

    async def test_a_write_after_its_time_is_not_sent(self, store: Store, driver: StoreDriver) -> None:
        """A process that was frozen must not send an old level: refused, or raised as surely not written."""
        await driver.add_product(self.sku("a"), 7)
        item = await self.item(store, "a")
        try:
            outcomes = await store.inventory.write([LevelWrite("w1", item, level=units(3))], not_after=LONG_AGO)
        except (StoreFault, Throttled):
            pass
        else:
            assert [outcome.result for outcome in outcomes] == [WriteResult.REFUSED]
        await self.settle(store, driver)
        assert await driver.level(self.sku("a")) == 7

    async def test_nothing_written_and_nothing_asked_is_no_error(self, store: Store) -> None:
        """Empty in, empty out."""
        assert tuple(await store.inventory.write([])) == ()
        assert not (await store.inventory.levels([])).readings


def readable(page: OrderPage) -> list[Order]:
    """The page's orders; AssertionError where one of them could not be mapped."""
    orders = [order for order in page.orders if isinstance(order, Order)]
    assert len(orders) == len(page.orders), "an order that can't be read"
    return orders
