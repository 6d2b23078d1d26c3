"""What every store adapter that places orders must do, as tests. Subclass `PlacingContract` and give it two fixtures:

    class TestMyPlacing(PlacingContract):
        @pytest.fixture
        async def port(self): ...          # the adapter (`syncd.ports.placing.PlacingPort`)
        @pytest.fixture
        async def driver(self, port): ...  # a `PlacingDriver`: the shop's own side

An adapter that places no orders has no such port, and no such tests.
"""

from __future__ import annotations

from typing import Protocol

from syncd.core.following import ShopStatus
from syncd.core.placing import OUT_OF_STOCK, Address, PlacedLine, Price, WantedLine, WantedOrder, order_key
from syncd.core.quantity import Instant, Quantity, units
from syncd.errors import NotFound, RefusedError, StoreFault, Throttled
from syncd.ports.placing import Placement, PlacingPort, Refusal, ShopOrder

NO_ORDER = "987654321"


class PlacingDriver(Protocol):
    """The shop's own side."""

    async def goods(self, count: int) -> tuple[str, str]:
        """Something that the shop sells and has `count` units of: its product, as order lines name it, and its SKU."""

    async def left(self, sku: str) -> int:
        """How many units the shop has."""

    async def archive(self, order: str) -> None:
        """The merchant archives an order; where nobody can, nothing."""

    async def wait(self, wait_seconds: float) -> None:
        """Let the shop's time pass."""


class PlacingContract:
    """The promises of `syncd.ports.placing.PlacingPort`, one test each."""

    def placement(self, name: str, product: str, sku: str, count: int) -> Placement:
        """An order for so many units, and for something that is in no catalogue."""
        billing = Address(
            first_name="Ada", last_name="Example", street_1="1 Road", city="Bonn", zip="53111", country="DE"
        )
        price = Price("11.90", "10.00")
        wanted = (WantedLine(units(count), sku, "", price), WantedLine(units(1), "", "Gift wrap", price))
        order = WantedOrder(name, "shop", billing, wanted, status=ShopStatus.AWAITING_FULFILLMENT)
        lines = (
            PlacedLine(product, sku, "", units(count), price),
            PlacedLine("", "", "Gift wrap", units(1), price),
        )
        return Placement(order_key("contract", "shop", name), order, lines)

    async def found(self, port: PlacingPort, driver: PlacingDriver, key: str) -> tuple[ShopOrder, ...]:
        """The orders with this key when all that was answered shows."""
        await driver.wait(port.traits.stale_us / 1_000_000 + 1)
        return (await port.find(key)).orders

    async def test_an_order_takes_its_units_and_is_found_by_its_key(
        self, port: PlacingPort, driver: PlacingDriver
    ) -> None:
        """It and no other."""
        product, sku = await driver.goods(5)
        first, second = (self.placement(name, product, sku, 2) for name in ("a", "b"))
        assert not await self.found(port, driver, first.key)
        order = await port.place(first)
        assert isinstance(order, str)
        assert [each.order for each in await self.found(port, driver, first.key)] == [order]
        assert not await self.found(port, driver, second.key)
        assert await driver.left(sku) == 3

    async def test_more_than_there_is_is_refused_with_what_there_is(
        self, port: PlacingPort, driver: PlacingDriver
    ) -> None:
        """Nothing is made, and nothing taken."""
        product, sku = await driver.goods(1)
        placement = self.placement("a", product, sku, 2)
        answer = await port.place(placement)
        assert isinstance(answer, Refusal)
        assert [(flaw.kind, flaw.sku, flaw.level) for flaw in answer.flaws] == [(OUT_OF_STOCK, sku, Quantity(units(1)))]
        assert not await self.found(port, driver, placement.key)
        assert await driver.left(sku) == 1

    async def test_an_archived_order_is_found_all_the_same(self, port: PlacingPort, driver: PlacingDriver) -> None:
        """Or it would be placed again."""
        product, sku = await driver.goods(5)
        placement = self.placement("a", product, sku, 1)
        order = await port.place(placement)
        assert isinstance(order, str)
        await driver.archive(order)
        assert [each.order for each in await self.found(port, driver, placement.key)] == [order]

    async def test_a_status_is_written_and_read(self, port: PlacingPort, driver: PlacingDriver) -> None:
        """And nothing else changes."""
        product, sku = await driver.goods(5)
        order = await port.place(self.placement("a", product, sku, 1))
        assert isinstance(order, str)
        assert (await port.read(order)).status is ShopStatus.AWAITING_FULFILLMENT
        await port.set_status(order, ShopStatus.COMPLETED)
        await driver.wait(port.traits.stale_us / 1_000_000 + 1)
        assert (await port.read(order)).status is ShopStatus.COMPLETED
        assert await driver.left(sku) == 4

    async def test_an_order_that_is_not_there_is_not_found(self, port: PlacingPort, driver: PlacingDriver) -> None:
        """Read, or written."""
        await driver.goods(1)
        for attempt in (lambda: port.read(NO_ORDER), lambda: port.set_status(NO_ORDER, ShopStatus.COMPLETED)):
            try:
                await attempt()
            except NotFound:
                continue
            except RefusedError as error:
                raise AssertionError("an order that isn't there was refused, not missed") from error
            raise AssertionError("an order that isn't there was found")

    async def test_an_order_after_its_time_is_not_sent(self, port: PlacingPort, driver: PlacingDriver) -> None:
        """`not_after` is looked at just before sending."""
        product, sku = await driver.goods(5)
        placement = self.placement("a", product, sku, 1)
        began = (await port.find(placement.key)).began
        try:
            await port.place(placement, not_after=Instant(began - 1))
        except (Throttled, StoreFault):
            assert not await self.found(port, driver, placement.key)
            return
        raise AssertionError("it was sent too late")
