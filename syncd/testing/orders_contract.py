"""What every ERP with orders for stores must do, as tests. Subclass `ErpOrdersContract` and give it two fixtures:

    class TestMyErpOrders(ErpOrdersContract):
        @pytest.fixture
        async def orders(self): ...          # the adapter (`syncd.ports.placing.ErpOrdersPort`)
        @pytest.fixture
        async def people(self, orders): ...  # an `OrdersDriver`: the ERP's own side

Where the ERP isn't fresh for each test (a real one), set `prefix` to something new for each run: keys are for ever.
"""

from __future__ import annotations

from typing import Protocol

from syncd.core.following import ShopStatus
from syncd.core.placing import OUT_OF_STOCK, Address, Flaw, Price, WantedLine, WantedOrder, Way
from syncd.core.quantity import units
from syncd.errors import RefusedError
from syncd.ports.placing import ErpOrdersPort, OrderOutcome, Result, Wish

PAGES_MAX = 10_000  # a list that is longer than this goes round in circles
BILLING = Address(
    "Ada", "Example", "Example Ltd", "1 Road", "2nd floor", "Bonn", "NRW", "53111", "DE", "+49 228", "a@b.example"
)


class OrdersDriver(Protocol):
    """The ERP's people, who take orders and hear of them."""

    async def want(self, order: WantedOrder) -> None:
        """Take this order, as its first revision."""

    async def change(self, key: str, status: ShopStatus) -> None:
        """Change its status: the next revision."""

    async def heard(self, key: str) -> tuple[str, str]:
        """The last result that was told of it, and the shop's id; "" and "" if nothing was."""


class ErpOrdersContract:
    """The promises of `syncd.ports.placing.ErpOrdersPort`, one test each."""

    prefix = "contract"

    def order(self, name: str) -> WantedOrder:
        """An order of this run, with everything in it."""
        lines = (
            WantedLine(units(2), f"{self.prefix}-a", "", Price("11.90", "10")),
            WantedLine(units(1), "", "Gift wrap", Price("1.19", "1")),
        )
        return WantedOrder(
            f"{self.prefix}/{name}", "shop", BILLING, lines, Address(company="Other Ltd", zip="10115", country="DE"),
            ShopStatus.AWAITING_PAYMENT, "17", 3, Price("24.99", "21"), Price("5", "4.20"), Price("29.99", "25.20"),
            "by phone", "ring twice",
        )  # fmt: skip

    async def everything(self, orders: ErpOrdersPort, cursor: str = "") -> tuple[list[Wish], str]:
        """This run's orders since a cursor, each as told last, and the cursor reached."""
        found: dict[str, Wish] = {}
        for _ in range(PAGES_MAX):
            page = await orders.wanted(cursor)
            for wish in page.wishes:
                if isinstance(wish, Wish) and wish.order.key.startswith(self.prefix):
                    found[wish.order.key] = wish
            cursor = page.cursor
            if not page.more:
                return list(found.values()), cursor
        raise AssertionError("the list of orders never ends")

    async def test_an_order_comes_whole(self, orders: ErpOrdersPort, people: OrdersDriver) -> None:
        """Addresses, lines, prices, sums and texts included; oldest first."""
        for name in ("1", "2", "3"):
            await people.want(self.order(name))
        found, _ = await self.everything(orders)
        assert [wish.order for wish in found] == [self.order(name) for name in ("1", "2", "3")]
        assert {wish.status for wish in found} == {ShopStatus.AWAITING_PAYMENT}

    async def test_an_order_may_go_by_a_checkout(self, orders: ErpOrdersPort, people: OrdersDriver) -> None:
        """Then it says so, and may name a way of shipping; what says nothing goes as an order."""
        lines = (WantedLine(units(2), f"{self.prefix}-a"),)
        key = f"{self.prefix}/checkout"
        wanted = WantedOrder(key, "shop", BILLING, lines, way=Way.CHECKOUT, shipping_method="Express")
        await people.want(wanted)
        found, _ = await self.everything(orders)
        assert [wish.order for wish in found] == [wanted]

    async def test_a_cart_may_be_prepared(self, orders: ErpOrdersPort, people: OrdersDriver) -> None:
        """It says so, and hears the cart's id and its links; nobody has to be named in it."""
        key = f"{self.prefix}/cart"
        wanted = WantedOrder(key, "shop", Address(), (WantedLine(units(2), f"{self.prefix}-a"),), way=Way.CART)
        await people.want(wanted)
        found, _ = await self.everything(orders)
        assert [wish.order for wish in found] == [wanted]
        link = "https://s.example/c-1"
        told = OrderOutcome(key, "shop", 1, Result.PREPARED, cart="c-1", cart_url=link, checkout_url=f"{link}/checkout")
        await orders.tell(told)
        assert await people.heard(key) == ("prepared", "")

    async def test_orders_since_a_cursor_hold_every_later_one(
        self, orders: ErpOrdersPort, people: OrdersDriver
    ) -> None:
        """Also when an older cursor is used again."""
        await people.want(self.order("1"))
        _, cursor = await self.everything(orders)
        await people.want(self.order("2"))
        for _ in range(2):
            found, later = await self.everything(orders, cursor)
            assert self.order("2") in [wish.order for wish in found]
        await people.want(self.order("3"))
        assert self.order("3") in [wish.order for wish in (await self.everything(orders, later))[0]]

    async def test_a_change_of_status_is_told_with_a_higher_revision(
        self, orders: ErpOrdersPort, people: OrdersDriver
    ) -> None:
        """Since any cursor from before it."""
        await people.want(self.order("1"))
        (before,), cursor = await self.everything(orders)
        await people.change(before.order.key, ShopStatus.AWAITING_FULFILLMENT)
        for since in ("", cursor):
            found, _ = await self.everything(orders, since)
            (after,) = [wish for wish in found if wish.order.key == before.order.key]
            assert after.revision > before.revision
            assert after.status is ShopStatus.AWAITING_FULFILLMENT

    async def test_an_outcome_may_be_told_again(self, orders: ErpOrdersPort, people: OrdersDriver) -> None:
        """And another one after it."""
        await people.want(self.order("1"))
        key = self.order("1").key
        placed = OrderOutcome(key, "shop", 1, Result.PLACED, "1001", ShopStatus.AWAITING_PAYMENT)
        await orders.tell(placed)
        await orders.tell(placed)
        assert await people.heard(key) == ("placed", "1001")
        await orders.tell(OrderOutcome(key, "shop", 2, Result.FOLLOWED, "1001", ShopStatus.COMPLETED))
        assert await people.heard(key) == ("followed", "1001")

    async def test_a_refusal_is_heard_with_its_details(self, orders: ErpOrdersPort, people: OrdersDriver) -> None:
        """Whatever the ERP makes of them."""
        await people.want(self.order("1"))
        key = self.order("1").key
        flaws = (Flaw(OUT_OF_STOCK, f"{self.prefix}-a", "OutOfStock", units(1)),)
        await orders.tell(OrderOutcome(key, "shop", 1, Result.REFUSED, "", "", "out of stock", flaws))
        assert await people.heard(key) == ("refused", "")

    async def test_what_is_told_of_an_unknown_order_is_refused(self, orders: ErpOrdersPort) -> None:
        """Not swallowed."""
        try:
            await orders.tell(OrderOutcome(f"{self.prefix}/nobody", "shop", 1, Result.PLACED, "1"))
        except RefusedError:
            return
        raise AssertionError("an outcome of an order that isn't there was taken")
