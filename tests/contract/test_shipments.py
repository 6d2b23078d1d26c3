"""Every adapter with shipments keeps the contract that syncd ships; the fake does, and a broken one is caught."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from syncd.core.quantity import NEVER, ZERO, Instant, units
from syncd.core.shipping import ParcelLine, ShopLine
from syncd.ports.shipments import KnownParcel, OrderShipments, Parcel
from syncd.testing.fake_shipments import FakeShipments
from syncd.testing.shipments_contract import ShipmentsContract
from tests.stores.bigcommerce_world import World, WorldClock, open_world


class BigCommerceHand:
    """The back office of the simulated BigCommerce store."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.add({"sku": "goods", "stock": 100})

    async def sell_goods(self, count: int) -> str:
        return self.world.sell("goods", count)

    async def ship_by_hand(self, order: str, count: int) -> None:
        line = self.world.shop.order(order).lines[0].id
        self.world.shop.ship(order, [{"line": line, "quantity": count}])

    async def wait(self, wait_seconds: float) -> None:
        self.world.clock.pass_seconds(wait_seconds)


class TestBigCommerce(ShipmentsContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with open_world() as world:
            yield world

    @pytest.fixture
    def port(self, world: World) -> Any:
        return world.store.shipments

    @pytest.fixture
    def driver(self, world: World) -> BigCommerceHand:
        return BigCommerceHand(world)


class FakeHand:
    """The fake's own side."""

    def __init__(self, port: FakeShipments, clock: WorldClock) -> None:
        self.port, self.clock = port, clock

    async def sell_goods(self, count: int) -> str:
        order = str(len(self.port.orders) + 1)
        self.port.orders[order] = (ShopLine("1", "9", units(count), ZERO),)
        return order

    async def ship_by_hand(self, order: str, count: int) -> None:
        by_hand = KnownParcel("by hand", "", (ParcelLine("1", units(count)),))
        self.port.made.setdefault(order, []).append(by_hand)

    async def wait(self, wait_seconds: float) -> None:
        self.clock.pass_seconds(wait_seconds)


class TestFake(ShipmentsContract):
    @pytest.fixture
    def clock(self) -> WorldClock:
        return WorldClock()

    @pytest.fixture
    def port(self, clock: WorldClock) -> FakeShipments:
        return FakeShipments(clock)

    @pytest.fixture
    def driver(self, port: FakeShipments, clock: WorldClock) -> FakeHand:
        return FakeHand(port, clock)


class LosesKeys(FakeShipments):
    async def of_order(self, order: str) -> OrderShipments:
        shown = await super().of_order(order)
        parcels = tuple(msgspec.structs.replace(one, key="") for one in shown.parcels)
        return msgspec.structs.replace(shown, parcels=parcels)


class CountsNothing(FakeShipments):
    async def of_order(self, order: str) -> OrderShipments:
        shown = await super().of_order(order)
        lines = tuple(msgspec.structs.replace(one, shipped=ZERO) for one in shown.lines)
        return msgspec.structs.replace(shown, lines=lines)


class ShipsTooLate(FakeShipments):
    async def ship(self, parcel: Parcel, *, not_after: Instant = NEVER) -> str:
        del not_after
        return await super().ship(parcel)


class FindsEveryOrder(FakeShipments):
    async def of_order(self, order: str) -> OrderShipments:
        self.orders.setdefault(order, (ShopLine("1", "9", units(1), ZERO),))
        return await super().of_order(order)


async def failed_tests(port: type[FakeShipments]) -> set[str]:
    failed = set()
    for name, test in inspect.getmembers(ShipmentsContract, inspect.iscoroutinefunction):
        if name.startswith("test_"):
            clock = WorldClock()
            fresh = port(clock)
            try:
                await test(ShipmentsContract(), port=fresh, driver=FakeHand(fresh, clock))
            except AssertionError:
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (LosesKeys, "a_shipment_is_found_by_its_key"),
        (CountsNothing, "a_shipment_is_found_by_its_key"),
        (CountsNothing, "what_was_shipped_by_hand_shows_without_a_key"),
        (ShipsTooLate, "a_shipment_after_its_time_is_not_sent"),
        (FindsEveryOrder, "an_order_that_is_not_there_is_not_found"),
    ],
)
async def test_a_broken_port_is_caught_by_the_test_that_names_its_fault(broken: type, caught_by: str) -> None:
    assert caught_by in await failed_tests(broken)
