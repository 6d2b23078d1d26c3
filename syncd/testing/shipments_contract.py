"""What the shipments of every store adapter must do, as tests. Subclass `ShipmentsContract` and give it two fixtures:

    class TestMyShipments(ShipmentsContract):
        @pytest.fixture
        async def port(self): ...          # the adapter (`syncd.ports.shipments.ShipmentsPort`)
        @pytest.fixture
        async def driver(self, port): ...  # a `ShipmentsDriver`: the shop's own side

An adapter without shipments has no such port, and no such tests.
"""

from __future__ import annotations

from typing import Protocol

from syncd.core.quantity import ZERO, Instant, units
from syncd.core.shipping import ParcelLine, parcel_key
from syncd.errors import NotFound, RefusedError, StoreFault, Throttled
from syncd.ports.shipments import OrderShipments, Parcel, ShipmentsPort

NO_ORDER = "987654321"


class ShipmentsDriver(Protocol):
    """The shop's own side."""

    async def sell_goods(self, count: int) -> str:
        """A shopper orders and pays `count` units of something, in one line; the order's id."""

    async def ship_by_hand(self, order: str, count: int) -> None:
        """The merchant ships units of the order's line."""

    async def wait(self, wait_seconds: float) -> None:
        """Let the shop's time pass."""


class ShipmentsContract:
    """The promises of `syncd.ports.shipments`, one test each."""

    def parcel(self, shown: OrderShipments, order: str, name: str, count: int, tracking: str = "") -> Parcel:
        """So many units of the order's first line."""
        line = shown.lines[0]
        key = parcel_key("contract", "shop", order, name, line.place)
        return Parcel(key, order, line.place, (ParcelLine(line.line, units(count)),), "", tracking)

    async def shown(self, port: ShipmentsPort, driver: ShipmentsDriver, order: str) -> OrderShipments:
        """The order when all that was answered shows."""
        await driver.wait(port.traits.stale_us / 1_000_000 + 1)
        return await port.of_order(order)

    async def test_an_order_has_lines_with_what_is_left(self, port: ShipmentsPort, driver: ShipmentsDriver) -> None:
        """Nothing was shipped: all is left, and it goes somewhere."""
        shown = await self.shown(port, driver, await driver.sell_goods(3))
        (line,) = shown.lines
        assert (line.quantity, line.shipped, line.left, line.goods) == (units(3), ZERO, units(3), True)
        assert line.place
        assert shown.parcels == ()
        assert shown.began <= shown.ended

    async def test_a_shipment_is_found_by_its_key(self, port: ShipmentsPort, driver: ShipmentsDriver) -> None:
        """With its units and its number, and the order has less left."""
        order = await driver.sell_goods(3)
        parcel = self.parcel(await self.shown(port, driver, order), order, "s1", 2, "T1")
        ref = await port.ship(parcel)
        shown = await self.shown(port, driver, order)
        (found,) = shown.parcels
        assert (found.ref, found.key, found.lines, found.tracking) == (ref, parcel.key, parcel.lines, "T1")
        assert shown.lines[0].left == units(1)

    async def test_each_shipment_has_a_number_of_its_own(self, port: ShipmentsPort, driver: ShipmentsDriver) -> None:
        """Also two of one line."""
        order = await driver.sell_goods(3)
        shown = await self.shown(port, driver, order)
        refs = [await port.ship(self.parcel(shown, order, name, 1)) for name in ("s1", "s2", "s3")]
        assert len(set(refs)) == 3
        assert {one.ref for one in (await self.shown(port, driver, order)).parcels} == set(refs)

    async def test_what_was_shipped_by_hand_shows_without_a_key(
        self, port: ShipmentsPort, driver: ShipmentsDriver
    ) -> None:
        """It isn't ours, and counts as shipped."""
        order = await driver.sell_goods(3)
        await driver.ship_by_hand(order, 2)
        shown = await self.shown(port, driver, order)
        assert [one.key for one in shown.parcels] == [""]
        assert shown.lines[0].left == units(1)

    async def test_more_than_is_left_is_refused(self, port: ShipmentsPort, driver: ShipmentsDriver) -> None:
        """By the shop, and nothing is made."""
        order = await driver.sell_goods(2)
        try:
            await port.ship(self.parcel(await self.shown(port, driver, order), order, "s1", 3))
        except RefusedError:
            assert (await self.shown(port, driver, order)).parcels == ()
            return
        raise AssertionError("the shop took more than was ordered")

    async def test_an_order_that_is_not_there_is_not_found(self, port: ShipmentsPort, driver: ShipmentsDriver) -> None:
        """Asked for, or shipped."""
        order = await driver.sell_goods(1)
        parcel = self.parcel(await self.shown(port, driver, order), NO_ORDER, "s1", 1)
        for attempt in (lambda: port.of_order(NO_ORDER), lambda: port.ship(parcel)):
            try:
                await attempt()
            except NotFound:
                continue
            raise AssertionError("an order that isn't there was found")

    async def test_a_shipment_after_its_time_is_not_sent(self, port: ShipmentsPort, driver: ShipmentsDriver) -> None:
        """`not_after` is looked at just before sending."""
        order = await driver.sell_goods(1)
        shown = await self.shown(port, driver, order)
        try:
            await port.ship(self.parcel(shown, order, "s1", 1), not_after=Instant(shown.began - 1))
        except (Throttled, StoreFault):
            assert (await self.shown(port, driver, order)).parcels == ()
            return
        raise AssertionError("it was sent too late")
