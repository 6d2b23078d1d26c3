"""Every adapter with carts keeps the contract that syncd ships; the fake does, and a broken one is caught."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from syncd.core.quantity import NEVER, Instant, Quantity, units
from syncd.ports.carts import CartLook, NewCart, PlacedOrder, WantedLine
from syncd.testing.carts_contract import CartsContract
from syncd.testing.fake_carts import FakeCarts
from tests.stores.bigcommerce_world import World, WorldClock, open_world


class BigCommerceHand:
    """Shoppers of the simulated BigCommerce store."""

    def __init__(self, world: World) -> None:
        self.world, self.carts = world, world.shop.carts
        world.add({"sku": "first", "stock": 100}, {"sku": "second", "stock": 100})

    async def goods(self) -> tuple[str, str]:
        sold = [self.world.shop.catalog.sold_as(sku) for sku in ("first", "second")]
        first, second = [f"{product.id}/{variant.id}" for product, variant in sold]
        return first, second

    async def begin_cart(self, count: int) -> str:
        return self.carts.create([self.carts.line_of("first", count)]).id

    async def put_more(self, cart: str, count: int) -> None:
        self.carts.add(self.carts.cart(cart), [self.carts.line_of("first", count)])

    async def reach_payment(self, cart: str) -> str:
        return str(self.carts.order_of(self.carts.cart(cart), source="www").id)

    async def buy(self, cart: str) -> str:
        return str(self.carts.check_out(self.carts.cart(cart)).id)


class TestBigCommerce(CartsContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with open_world() as world:
            yield world

    @pytest.fixture
    def port(self, world: World) -> Any:
        return world.store.carts

    @pytest.fixture
    def driver(self, world: World) -> BigCommerceHand:
        return BigCommerceHand(world)


class FakeHand:
    """The fake's own side."""

    def __init__(self, port: FakeCarts) -> None:
        self.port = port
        port.sold |= {"1/2", "3/4"}

    async def goods(self) -> tuple[str, str]:
        return "1/2", "3/4"

    async def begin_cart(self, count: int) -> str:
        return (await self.port.create((WantedLine("1/2", units(count)),))).content.cart

    async def put_more(self, cart: str, count: int) -> None:
        known = self.port.kept[cart]
        (line,) = known.lines
        more = msgspec.structs.replace(line, quantity=Quantity(line.quantity + units(count)))
        self.port.kept[cart] = msgspec.structs.replace(known, version=known.version + 1, lines=(more,))

    async def reach_payment(self, cart: str) -> str:
        return self._order(cart, placed=False)

    async def buy(self, cart: str) -> str:
        del self.port.kept[cart]
        return self._order(cart, placed=True)

    def _order(self, cart: str, *, placed: bool) -> str:
        name = str(sum(map(len, self.port.orders.values())) + 1)
        self.port.orders[cart] = (*self.port.orders.get(cart, ()), PlacedOrder(name, placed))
        return name


class TestFake(CartsContract):
    @pytest.fixture
    def port(self) -> FakeCarts:
        return FakeCarts(WorldClock())

    @pytest.fixture
    def driver(self, port: FakeCarts) -> FakeHand:
        return FakeHand(port)


class Overwrites(FakeCarts):
    async def change(
        self, cart: str, version: int, lines: tuple[WantedLine, ...], *, not_after: Instant = NEVER
    ) -> NewCart:
        if cart in self.kept:
            version = self.kept[cart].version
        return await super().change(cart, version, lines, not_after=not_after)


class FindsOthersOrders(FakeCarts):
    async def orders_of(self, cart: str) -> tuple[PlacedOrder, ...]:
        del cart
        return tuple(each for mine in self.orders.values() for each in mine)


class TakesDraftsForOrders(FakeCarts):
    async def orders_of(self, cart: str) -> tuple[PlacedOrder, ...]:
        return tuple(PlacedOrder(each.order, placed=True) for each in await super().orders_of(cart))


class KeepsVersions(FakeCarts):
    async def read(self, cart: str) -> CartLook:
        look = await super().read(cart)
        content = look.content and msgspec.structs.replace(look.content, version=1)
        return msgspec.structs.replace(look, content=content)


class MakesTooLate(FakeCarts):
    async def create(
        self, lines: tuple[WantedLine, ...], *, customer: str = "", channel: int = 0, not_after: Instant = NEVER
    ) -> NewCart:
        del not_after
        return await super().create(lines, customer=customer, channel=channel)


class KeepsWhatIsDeleted(FakeCarts):
    async def delete(self, cart: str) -> None:
        del cart


async def failed_tests(port: type[FakeCarts]) -> set[str]:
    failed = set()
    for name, test in inspect.getmembers(CartsContract, inspect.iscoroutinefunction):
        if name.startswith("test_"):
            fresh = port(WorldClock())
            try:
                await test(CartsContract(), port=fresh, driver=FakeHand(fresh))
            except AssertionError:
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (Overwrites, "an_older_version_is_a_conflict_and_nothing_is_done"),
        (FindsOthersOrders, "its_orders_are_found_and_drafts_told_apart"),
        (TakesDraftsForOrders, "its_orders_are_found_and_drafts_told_apart"),
        (KeepsVersions, "each_change_has_another_version"),
        (MakesTooLate, "a_cart_after_its_time_is_not_made"),
        (KeepsWhatIsDeleted, "a_cart_that_is_not_there_is_none_and_no_error"),
    ],
)
async def test_a_broken_port_is_caught_by_the_test_that_names_its_fault(broken: type, caught_by: str) -> None:
    assert caught_by in await failed_tests(broken)
