"""Every store adapter keeps the contract that syncd ships, before its simulated shop."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from syncd.core.order import Order
from syncd.core.quantity import LONG_AGO, NEVER, SECOND, Instant, units
from syncd.ports.store import (
    LevelPage,
    LevelReading,
    LevelWrite,
    ListingPage,
    OrderPage,
    ScanRequest,
    WriteOutcome,
    WriteResult,
)
from syncd.testing.fake_store import FakeInventory, FakeOrders, FakeStore
from syncd.testing.store_contract import StoreContract
from tests.stores.bigcommerce_world import World, open_world
from tests.stores.woocommerce_shop import Front, open_front


class WooCommerceHand:
    """The back office of the simulated WooCommerce shop."""

    def __init__(self, front: Front) -> None:
        self.front = front

    async def add_product(self, sku: str, stock: int) -> None:
        self.front.shop.add_product(sku, stock=stock)

    async def sell(self, sku: str, count: int) -> str:
        return str(self.front.shop.checkout([(sku, count)]).id)

    async def cancel(self, order: str) -> None:
        self.front.shop.cancel(self.front.shop.order(int(order)))

    async def level(self, sku: str) -> int:
        level = self.front.bench.level(sku)
        assert level is not None
        return level

    async def wait(self, wait_seconds: float) -> None:
        self.front.bench.clock.pass_seconds(wait_seconds)


class TestWooCommerce(StoreContract):
    @pytest.fixture
    async def front(self) -> AsyncIterator[Front]:
        async with open_front() as front:
            yield front

    @pytest.fixture
    def store(self, front: Front) -> Any:
        return front.store

    @pytest.fixture
    def driver(self, front: Front) -> WooCommerceHand:
        return WooCommerceHand(front)


class BigCommerceHand:
    """The back office of the simulated BigCommerce store."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def add_product(self, sku: str, stock: int) -> None:
        self.world.add({"sku": sku, "stock": stock})

    async def sell(self, sku: str, count: int) -> str:
        return self.world.sell(sku, count)

    async def cancel(self, order: str) -> None:
        self.world.shop.cancel(order)

    async def level(self, sku: str) -> int:
        level = self.world.shop.counter(sku).level
        assert level is not None
        return level

    async def wait(self, wait_seconds: float) -> None:
        self.world.clock.pass_seconds(wait_seconds)


class TestBigCommerce(StoreContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with open_world() as world:
            yield world

    @pytest.fixture
    def store(self, world: World) -> Any:
        return world.store

    @pytest.fixture
    def driver(self, world: World) -> BigCommerceHand:
        return BigCommerceHand(world)


# The fake, and broken ones: the suite can fail ------------------------------------------------------------------------


class HandClock:
    """Passes where a test says so."""

    def __init__(self) -> None:
        self.at = 1_700_000_000 * SECOND

    def now(self) -> Instant:
        return Instant(self.at)

    wall = now

    def monotonic(self) -> float:
        return self.at / SECOND

    async def sleep(self, wait_seconds: float) -> None:
        self.at += round(wait_seconds * SECOND)


class SteeredStore(FakeStore):
    """The fake as its own driver."""

    def __init__(self, orders: type[FakeOrders] = FakeOrders, inventory: type[FakeInventory] = FakeInventory) -> None:
        hand = HandClock()
        super().__init__(hand)
        self.orders, self.inventory = orders(hand), inventory(hand)

    async def wait(self, wait_seconds: float) -> None:
        await self.clock.sleep(wait_seconds)


class TestFakeStore(StoreContract):
    @pytest.fixture
    def store(self) -> SteeredStore:
        return SteeredStore()

    @pytest.fixture
    def driver(self, store: SteeredStore) -> SteeredStore:
        return store


class BeginsBehindTheBound(FakeOrders):
    async def changed(self, request: ScanRequest) -> OrderPage:
        return await super().changed(msgspec.structs.replace(request, since=Instant(request.since + 1)))


class IgnoresTheBound(FakeOrders):
    async def changed(self, request: ScanRequest) -> OrderPage:
        return await super().changed(msgspec.structs.replace(request, since=LONG_AGO))


class NewestFirst(FakeOrders):
    async def changed(self, request: ScanRequest) -> OrderPage:
        page = await super().changed(request)
        return msgspec.structs.replace(page, orders=page.orders[::-1])


class SortsByNumber(FakeOrders):
    async def changed(self, request: ScanRequest) -> OrderPage:
        page = await super().changed(request)
        return msgspec.structs.replace(page, orders=tuple(sorted(page.orders, key=lambda one: int(one.order))))


class NeverFull(FakeOrders):
    def page(self, rows: Sequence[Order], *, full_at: int) -> OrderPage:
        return msgspec.structs.replace(super().page(rows, full_at=full_at), full=False)


class AlwaysFull(FakeOrders):
    def page(self, rows: Sequence[Order], *, full_at: int) -> OrderPage:
        return msgspec.structs.replace(super().page(rows, full_at=full_at), full=True)


class IgnoresExclude(FakeOrders):
    async def changed(self, request: ScanRequest) -> OrderPage:
        return await super().changed(msgspec.structs.replace(request, exclude=()))


class CallsTheReadOnesMissing(FakeOrders):
    async def by_ids(self, orders: Sequence[str]) -> OrderPage:
        return msgspec.structs.replace(await super().by_ids(orders), missing=tuple(orders))


class HasNoContent(FakeOrders):
    def put(self, order: Order) -> None:
        super().put(order)
        self.placed[order.order] = msgspec.structs.replace(self.placed[order.order], content=b"same")


class StandsStillByNumber(FakeOrders):
    async def by_number(self, after: str, limit: int) -> OrderPage:
        return await super().by_number(str(max(0, int(after or 0) - 1)), limit)


class ForgetsALine(FakeOrders):
    def put(self, order: Order) -> None:
        super().put(msgspec.structs.replace(order, lines=()))


class AddsWhatShouldBePut(FakeInventory):
    def write_one(self, write: LevelWrite, *, late: bool) -> WriteOutcome:
        return super().write_one(LevelWrite(write.key, write.item, change=write.change or write.level), late=late)


class OnlySaysItWrote(FakeInventory):
    def write_one(self, write: LevelWrite, *, late: bool) -> WriteOutcome:
        return WriteOutcome(write.key, WriteResult.APPLIED)


class SortsItsOutcomes(FakeInventory):
    async def write(self, writes: Sequence[LevelWrite], *, not_after: Instant = NEVER) -> tuple[WriteOutcome, ...]:
        return tuple(sorted(await super().write(writes, not_after=not_after), key=lambda one: one.key))


class WritesTooLate(FakeInventory):
    def write_one(self, write: LevelWrite, *, late: bool) -> WriteOutcome:
        return super().write_one(write, late=False)


class ListsOnePage(FakeInventory):
    async def listings(self, position: str) -> ListingPage:
        page = await super().listings(position)
        return msgspec.structs.replace(page, listings=page.listings[:1], next="")


class ReadsZero(FakeInventory):
    async def levels(self, items: Sequence[str]) -> LevelPage:
        page = await super().levels(items)
        return msgspec.structs.replace(page, readings=tuple(LevelReading(one.item, units(0)) for one in page.readings))


async def failed_tests(orders: type[FakeOrders], inventory: type[FakeInventory]) -> set[str]:
    """The tests of the contract that this store fails, each on a fresh one."""
    failed = set()
    for name, test in inspect.getmembers(StoreContract, inspect.iscoroutinefunction):
        if name.startswith("test_"):
            fresh = SteeredStore(orders, inventory)
            given = {wanted: fresh for wanted in inspect.signature(test).parameters if wanted != "self"}
            try:
                await test(StoreContract(), **given)
            except (AssertionError, LookupError, StopIteration, ValueError, RuntimeError):
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (BeginsBehindTheBound, "changed_begins_at_the_bound_itself_and_goes_up"),
        (IgnoresTheBound, "changed_begins_at_the_bound_itself_and_goes_up"),
        (NewestFirst, "changed_begins_at_the_bound_itself_and_goes_up"),
        (SortsByNumber, "a_change_puts_an_order_behind_the_others"),
        (NeverFull, "pages_are_full_until_the_last_and_hold_every_order_once"),
        (AlwaysFull, "pages_are_full_until_the_last_and_hold_every_order_once"),
        (IgnoresExclude, "what_was_excluded_is_left_out"),
        (CallsTheReadOnesMissing, "an_order_that_surely_does_not_exist_is_named"),
        (HasNoContent, "the_same_state_has_the_same_content_and_another_state_another"),
        (StandsStillByNumber, "orders_by_number_go_up_and_begin_behind_the_one_named"),
        (ForgetsALine, "an_order_is_read_with_its_lines"),
        (AddsWhatShouldBePut, "a_written_level_is_shown"),
        (OnlySaysItWrote, "a_written_level_is_shown"),
        (SortsItsOutcomes, "writes_have_an_outcome_each_in_their_order"),
        (WritesTooLate, "a_write_after_its_time_is_not_sent"),
        (ListsOnePage, "every_product_is_listed_with_its_counter_and_the_counter_can_be_read"),
        (ReadsZero, "a_sale_is_seen_on_the_counter"),
    ],
)
async def test_a_broken_store_is_caught_by_the_test_that_names_its_fault(broken: type, caught_by: str):
    orders = broken if issubclass(broken, FakeOrders) else FakeOrders
    inventory = broken if issubclass(broken, FakeInventory) else FakeInventory
    assert caught_by in await failed_tests(orders, inventory)


async def test_the_unbroken_fake_passes_by_the_same_way():
    assert await failed_tests(FakeOrders, FakeInventory) == set()
