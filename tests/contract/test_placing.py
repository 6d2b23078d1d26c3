"""Every adapter that places orders keeps the contract that syncd ships, and every ERP that wants some; broken ones are caught."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.core.following import ShopStatus
from syncd.core.placing import WantedOrder
from syncd.core.quantity import NEVER, UNIT, Instant, show, units
from syncd.erps.http.erp import HttpErp
from syncd.ports.placing import FoundOrders, Placement, Refusal
from syncd.testing.fake_placing import FakePlacing
from syncd.testing.orders_contract import ErpOrdersContract
from syncd.testing.placing_contract import PlacingContract
from tests.erps.services import Simulated, example_server, http_client, simulated_erp
from tests.stores.bigcommerce_world import World, WorldClock, open_world


class BigCommerceHand:
    """The back office of the simulated BigCommerce store."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def goods(self, count: int) -> tuple[str, str]:
        self.world.add({"sku": "goods", "stock": count})
        variant = next(one for one in self.world.shop.catalog.variants.values() if one.sku == "goods")
        return f"{variant.product_id}/{variant.id}", "goods"

    async def left(self, sku: str) -> int:
        return int(self.world.shop.truth()["skus"][sku]["level"])

    async def archive(self, order: str) -> None:
        self.world.shop.archive(int(order))

    async def wait(self, wait_seconds: float) -> None:
        self.world.clock.pass_seconds(wait_seconds)


class TestBigCommerce(PlacingContract):
    @pytest.fixture
    async def world(self) -> AsyncIterator[World]:
        async with open_world() as world:
            yield world

    @pytest.fixture
    def port(self, world: World) -> Any:
        return world.store.placing

    @pytest.fixture
    def driver(self, world: World) -> BigCommerceHand:
        return BigCommerceHand(world)


class FakeHand:
    """The fake's own side."""

    def __init__(self, port: FakePlacing, clock: WorldClock) -> None:
        self.port, self.clock = port, clock

    async def goods(self, count: int) -> tuple[str, str]:
        self.port.stock["1/1"] = units(count)
        return "1/1", "goods"

    async def left(self, sku: str) -> int:
        del sku
        return self.port.stock["1/1"] // UNIT

    async def archive(self, order: str) -> None:
        self.port.made[order] = msgspec.structs.replace(self.port.made[order], archived=True)

    async def wait(self, wait_seconds: float) -> None:
        self.clock.pass_seconds(wait_seconds)


class TestFake(PlacingContract):
    @pytest.fixture
    def clock(self) -> WorldClock:
        return WorldClock()

    @pytest.fixture
    def port(self, clock: WorldClock) -> FakePlacing:
        return FakePlacing(clock)

    @pytest.fixture
    def driver(self, port: FakePlacing, clock: WorldClock) -> FakeHand:
        return FakeHand(port, clock)


class FindsEverything(FakePlacing):
    async def find(self, key: str) -> FoundOrders:
        found = await super().find(key)
        return msgspec.structs.replace(found, orders=tuple(self.made.values()))


class HidesArchived(FakePlacing):
    async def find(self, key: str) -> FoundOrders:
        found = await super().find(key)
        return msgspec.structs.replace(found, orders=tuple(one for one in found.orders if not one.archived))


class TakesWhatIsNotThere(FakePlacing):
    async def place(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        self.stock = {product: units(100) for product in self.stock}
        return await super().place(placement, not_after=not_after)


class PlacesTooLate(FakePlacing):
    async def place(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        del not_after
        return await super().place(placement)


class ForgetsTheStatus(FakePlacing):
    async def set_status(self, order: str, status: ShopStatus, *, not_after: Instant = NEVER) -> None:
        del status, not_after
        await self.read(order)


async def failed_tests(port: type[FakePlacing]) -> set[str]:
    failed = set()
    for name, test in inspect.getmembers(PlacingContract, inspect.iscoroutinefunction):
        if name.startswith("test_"):
            clock = WorldClock()
            fresh = port(clock)
            given = {"port": fresh, "driver": FakeHand(fresh, clock)}
            wanted = {each: given[each] for each in inspect.signature(test).parameters if each != "self"}
            try:
                await test(PlacingContract(), **wanted)
            except AssertionError:
                failed.add(name.removeprefix("test_"))
    return failed


@pytest.mark.parametrize(
    ("broken", "caught_by"),
    [
        (FindsEverything, "an_order_takes_its_units_and_is_found_by_its_key"),
        (HidesArchived, "an_archived_order_is_found_all_the_same"),
        (TakesWhatIsNotThere, "more_than_there_is_is_refused_with_what_there_is"),
        (PlacesTooLate, "an_order_after_its_time_is_not_sent"),
        (ForgetsTheStatus, "a_status_is_written_and_read"),
    ],
)
async def test_a_broken_port_is_caught_by_the_test_that_names_its_fault(broken: type, caught_by: str) -> None:
    assert caught_by in await failed_tests(broken)


# ERPs -------------------------------------------------------------------------------------------------------------------


def entry_of(order: WantedOrder) -> dict[str, Any]:
    """An order as the contract has it."""
    told = msgspec.to_builtins(order)
    lines = [{**line, "quantity": show(line["quantity"])} for line in told["lines"]]
    way = told.pop("way")
    return {**told, "as": way, "lines": lines, "revision": 1}


class SimulatedPeople:
    """Who works with the simulated ERP."""

    def __init__(self, simulated: Simulated) -> None:
        self.wishes = simulated.truth.wishes

    async def want(self, order: WantedOrder) -> None:
        self.wishes.take(entry_of(order))

    async def change(self, key: str, status: ShopStatus) -> None:
        self.wishes.change(key, status)

    async def heard(self, key: str) -> tuple[str, str]:
        told = self.wishes.outcomes.get(key, {})
        return told.get("result", ""), told.get("order", "")


class TestOrdersOfTheSimulatedErp(ErpOrdersContract):
    """The adapter of the REST contract, and the simulated ERP behind it."""

    @pytest.fixture
    async def simulated(self) -> AsyncIterator[Simulated]:
        async with simulated_erp(page_max=2) as simulated:
            yield simulated

    @pytest.fixture
    def orders(self, simulated: Simulated) -> HttpErp:
        return simulated.erp

    @pytest.fixture
    def people(self, simulated: Simulated) -> SimulatedPeople:
        return SimulatedPeople(simulated)


class ExamplePeople:
    """Who works with the example ERP: they write its tables directly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _write(self, statement: str, *values: Any) -> list[Any]:
        book = sqlite3.connect(self.path, timeout=10)
        with book:
            rows = book.execute(statement, values).fetchall()
        book.close()
        return rows

    async def want(self, order: WantedOrder) -> None:
        self._write(
            "INSERT INTO wanted (key, body) VALUES (?, ?)", order.key, msgspec.json.encode(entry_of(order)).decode()
        )

    async def change(self, key: str, status: ShopStatus) -> None:
        statement = "SELECT body FROM wanted WHERE key = ? ORDER BY number DESC LIMIT 1"
        entry = msgspec.json.decode(self._write(statement, key)[0][0])
        entry |= {"status": status, "revision": entry["revision"] + 1}
        self._write("INSERT INTO wanted (key, body) VALUES (?, ?)", key, msgspec.json.encode(entry).decode())

    async def heard(self, key: str) -> tuple[str, str]:
        rows = self._write("SELECT body FROM outcome WHERE key = ?", key)
        told = msgspec.json.decode(rows[0][0]) if rows else {}
        return told.get("result", ""), told.get("order", "")


class TestOrdersOfTheDocumentedExample(ErpOrdersContract):
    """The server that docs/erp-contract shows to implementers, run as they would."""

    @pytest.fixture
    def example(self, tmp_path: Path):
        with example_server(tmp_path / "erp.sqlite") as base_url:
            yield tmp_path / "erp.sqlite", base_url

    @pytest.fixture
    def people(self, example: tuple[Path, str]) -> ExamplePeople:
        return ExamplePeople(example[0])

    @pytest.fixture
    async def orders(self, example: tuple[Path, str]) -> AsyncIterator[HttpErp]:
        async with http_client(example[1]) as client:
            yield HttpErp(client)
