"""What the carts of every store adapter must do, as tests. Subclass `CartsContract` and give it two fixtures:

    class TestMyCarts(CartsContract):
        @pytest.fixture
        async def port(self): ...          # the adapter (`syncd.ports.carts.CartsPort`)
        @pytest.fixture
        async def driver(self, port): ...  # a `CartsDriver`: the shop's own side

An adapter without carts has no such port, and no such tests.
"""

from __future__ import annotations

from typing import Protocol

from syncd.core.quantity import Instant, units
from syncd.errors import NotFound, RefusedError, StoreFault, Throttled
from syncd.ports.carts import CartConflict, CartsPort, WantedLine

NO_CART = "00000000-0000-4000-8000-00000000dead"
NO_PRODUCT = "987654321/1"


class CartsDriver(Protocol):
    """The shop's own side."""

    async def goods(self) -> tuple[str, str]:
        """Two things that the shop sells, as order lines name them."""

    async def begin_cart(self, count: int) -> str:
        """A shopper puts `count` units of the first thing into a new cart; the cart's id."""

    async def put_more(self, cart: str, count: int) -> None:
        """The shopper puts more of it in."""

    async def reach_payment(self, cart: str) -> str:
        """The shopper gets to the payment page; the id of the draft that this makes."""

    async def buy(self, cart: str) -> str:
        """The shopper pays; the order's id."""


class CartsContract:
    """The promises of `syncd.ports.carts`, one test each."""

    async def test_a_cart_is_read_with_its_lines(self, port: CartsPort, driver: CartsDriver) -> None:
        """By the same names as an order's lines."""
        first, _ = await driver.goods()
        cart = await driver.begin_cart(2)
        look = await port.read(cart)
        assert look.content is not None
        assert (look.cart, look.content.cart) == (cart, cart)
        assert [(line.product, line.quantity) for line in look.content.lines] == [(first, units(2))]
        assert look.began <= look.ended

    async def test_each_change_has_another_version(self, port: CartsPort, driver: CartsDriver) -> None:
        """A greater one."""
        cart = await driver.begin_cart(2)
        before = (await port.read(cart)).content
        await driver.put_more(cart, 1)
        after = (await port.read(cart)).content
        assert before is not None
        assert after is not None
        assert after.version > before.version

    async def test_a_cart_that_is_not_there_is_none_and_no_error(self, port: CartsPort, driver: CartsDriver) -> None:
        """Asked for, or deleted."""
        cart = await driver.begin_cart(1)
        await port.delete(cart)
        assert (await port.read(cart)).content is None
        assert (await port.read(NO_CART)).content is None
        await port.delete(cart)

    async def test_its_orders_are_found_and_drafts_told_apart(self, port: CartsPort, driver: CartsDriver) -> None:
        """Also when the cart is gone, and no other cart's."""
        cart, other = await driver.begin_cart(1), await driver.begin_cart(1)
        assert await port.orders_of(cart) == ()
        draft = await driver.reach_payment(cart)
        assert [(each.order, each.placed) for each in await port.orders_of(cart)] == [(draft, False)]
        order = await driver.buy(cart)
        assert {each.order for each in await port.orders_of(cart) if each.placed} == {order}
        assert (await port.read(cart)).content is None
        assert await port.orders_of(other) == ()

    async def test_a_cart_that_was_made_is_there(self, port: CartsPort, driver: CartsDriver) -> None:
        """With what was wanted, and an address for the shopper."""
        first, second = await driver.goods()
        made = await port.create((WantedLine(first, units(2)), WantedLine(second, units(1))))
        look = await port.read(made.content.cart)
        assert look.content is not None
        assert {(line.product, line.quantity) for line in look.content.lines} == {(first, units(2)), (second, units(1))}
        assert made.checkout_url.startswith("https://")

    async def test_what_is_not_sold_is_refused(self, port: CartsPort, driver: CartsDriver) -> None:
        """And no cart is made."""
        await driver.goods()
        try:
            await port.create((WantedLine(NO_PRODUCT, units(1)),))
        except RefusedError:
            return
        raise AssertionError("a cart of nothing was made")

    async def test_a_cart_comes_to_hold_what_is_wanted(self, port: CartsPort, driver: CartsDriver) -> None:
        """More of one thing, another beside it; then that alone."""
        first, second = await driver.goods()
        cart = await driver.begin_cart(2)
        content = (await port.read(cart)).content
        assert content is not None
        wanted = (WantedLine(first, units(3)), WantedLine(second, units(1)))
        content = (await port.change(cart, content.version, wanted)).content
        assert {(line.product, line.quantity) for line in content.lines} == {(first, units(3)), (second, units(1))}
        await port.change(cart, content.version, (WantedLine(second, units(1)),))
        content = (await port.read(cart)).content
        assert content is not None
        assert [(line.product, line.quantity) for line in content.lines] == [(second, units(1))]

    async def test_an_older_version_is_a_conflict_and_nothing_is_done(
        self, port: CartsPort, driver: CartsDriver
    ) -> None:
        """The shopper was quicker."""
        first, _ = await driver.goods()
        cart = await driver.begin_cart(2)
        content = (await port.read(cart)).content
        assert content is not None
        await driver.put_more(cart, 1)
        before = (await port.read(cart)).content
        try:
            await port.change(cart, content.version, (WantedLine(first, units(9)),))
        except CartConflict:
            assert (await port.read(cart)).content == before
            return
        raise AssertionError("somebody's change was overwritten")

    async def test_a_cart_that_is_gone_can_not_be_changed(self, port: CartsPort, driver: CartsDriver) -> None:
        """It isn't made anew."""
        first, _ = await driver.goods()
        try:
            await port.change(NO_CART, 1, (WantedLine(first, units(1)),))
        except NotFound:
            return
        raise AssertionError("a cart that isn't there was changed")

    async def test_a_cart_after_its_time_is_not_made(self, port: CartsPort, driver: CartsDriver) -> None:
        """`not_after` is looked at just before sending."""
        first, _ = await driver.goods()
        now = (await port.read(NO_CART)).began
        try:
            await port.create((WantedLine(first, units(1)),), not_after=Instant(now - 1))
        except (Throttled, StoreFault):
            return
        raise AssertionError("it was sent too late")
