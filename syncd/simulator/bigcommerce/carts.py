"""Carts, by the vendor's documents "Carts" and "Checkouts": what shoppers and the API put into them, until they are orders or gone.

A cart takes no stock. It has a version that counts its changes, lives for 30 days from the last one, and is abandoned an hour
after it. A checkout is the same thing under the same id: address, consignments, coupons. An order that is made of it is
Incomplete, as often as somebody makes one; the first that is paid ends the cart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.cart_models import Cart, CartLine, Consignment, Coupon, Option
from syncd.simulator.bigcommerce.dates import SECOND_US
from syncd.simulator.bigcommerce.orders import Line, Order
from syncd.simulator.bigcommerce.refusals import NoSuch, NotPossible, OutOfStock

if TYPE_CHECKING:
    from syncd.simulator.bigcommerce.shop import Shop

LIFE_US: Final = 30 * 86_400 * SECOND_US
"""From the last change."""
ABANDONED_US: Final = 3_600 * SECOND_US
"""Without a change for so long."""
ADDRESS_NEEDS: Final = ("first_name", "last_name", "address1", "city", "country_code", "email")
"""What an address must have before an order can be made."""


class Conflict(Exception):
    """The version isn't the one that the caller knows."""


class Carts:
    """All carts of a shop, those that are gone as well: they are the truth about what became of them."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.kept: dict[str, Cart] = {}
        self.coupons: dict[str, Coupon] = {}

    # --- reading

    def cart(self, cart_id: str) -> Cart:
        """One that is there. Raises NoSuch."""
        self._expire()
        cart = self.kept.get(cart_id.lower())
        if cart is None or cart.gone:
            raise NoSuch(f"no cart {cart_id}")
        return cart

    def seen(self, cart_id: str) -> Cart:
        """One as a reader of the API sees it: a dial lets it appear late, or linger. Raises NoSuch."""
        self._expire()
        cart, now_us = self.kept.get(cart_id.lower()), self._shop.clock.now()
        if cart is None or now_us < cart.visible_from_us or (cart.gone and now_us >= cart.seen_until_us):
            raise NoSuch(f"no cart {cart_id}")
        return cart

    def by_token(self, token: str) -> Cart:
        """The cart of the link in the shop's mail about it. Raises NoSuch."""
        self._expire()
        found = [cart for cart in self.kept.values() if cart.token == token and token and not cart.gone]
        if not found:
            raise NoSuch("no abandoned cart with this token")
        return found[0]

    # --- what shoppers and the API do

    def create(
        self,
        lines: Sequence[CartLine],
        *,
        channel: int = 1,
        customer: int = 0,
        email: str = "",
        currency: str = "USD",
        locale: str = "en",
        by_api: bool = False,
    ) -> Cart:
        """A new cart. Raises NotPossible."""
        shop = self._shop
        if not lines:
            raise NotPossible("a cart has at least one line")
        if channel not in shop.channels:
            raise NotPossible(f"no channel {channel}")
        if by_api and shop.settings.switches.carts_check_stock:
            self._check_stock(lines)
        now_us, second = shop.now(), shop.stamp()
        cart = Cart(
            self._id(), channel, currency, customer, email, by_api, now_us, second, now_us, second, locale=locale,
            lines=list(lines), visible_from_us=now_us + shop.draw_us(shop.faults.late_carts_seconds),
        )  # fmt: skip
        self.kept[cart.id] = cart
        shop.hooks.fire("store/cart/created", "cart", cart.id)
        for line in lines:
            self._fire_line("created", cart, line)
        self._tell_updated(cart)
        return cart

    def line_of(self, sku: str, quantity: int, price: Decimal | None = None) -> CartLine:
        """A line for a SKU of the catalog, not yet in a cart. Raises NoSuch, NotPossible."""
        line = self._shop.line_of(sku, quantity, price)
        return CartLine(self._id(), line.product_id, line.variant_id, sku, line.name, quantity, line.price)

    def custom_line(self, name: str, quantity: int, price: Decimal, sku: str = "") -> CartLine:
        """A line that isn't in the catalog. Raises NotPossible."""
        if quantity < 1:
            raise NotPossible("a quantity is at least 1")
        return CartLine(self._id(), 0, None, sku, name, quantity, price)

    def add(self, cart: Cart, lines: Iterable[CartLine], version: int | None = None) -> None:
        """Put more in: a line of the same product grows. Raises Conflict."""
        self._check(cart, version)
        for line in lines:
            same = [one for one in cart.lines if line.product_id and _what(one) == _what(line)]
            if same:
                same[0].quantity += line.quantity
            else:
                cart.lines.append(line)
            self._fire_line("updated" if same else "created", cart, same[0] if same else line)
        self._changed(cart)

    def change(
        self, cart: Cart, line_id: str, quantity: int, price: Decimal | None = None, version: int | None = None
    ) -> None:
        """Another quantity or price; 0 takes the line out, the last one takes the cart away. Raises Conflict, NoSuch."""
        self._check(cart, version)
        line = self._line(cart, line_id)
        if quantity < 0:
            raise NotPossible("a quantity is at least 0")
        if quantity == 0:
            self.remove(cart, line_id)
            return
        line.quantity, line.price = quantity, line.price if price is None else price
        self._fire_line("updated", cart, line)
        self._changed(cart)

    def remove(self, cart: Cart, line_id: str, version: int | None = None) -> None:
        """Take a line out. The last one takes the cart with it. Raises Conflict, NoSuch."""
        self._check(cart, version)
        line = self._line(cart, line_id)
        cart.lines.remove(line)
        for consignment in cart.consignments:
            consignment.units.pop(line_id, None)
        self._fire_line("deleted", cart, line)
        if cart.lines:
            self._changed(cart)
        else:
            self.delete(cart)

    def delete(self, cart: Cart) -> None:
        """Empty the cart, or delete it."""
        self._end(cart, "deleted")
        self._shop.hooks.fire("store/cart/deleted", "cart", cart.id)
        self._shop.hooks.fire("store/cart/updated", "cart", cart.id)

    def belongs_to(self, cart: Cart, customer: int, version: int | None = None) -> None:
        """Another customer: coupons and shipping are forgotten. Raises Conflict."""
        self._check(cart, version)
        cart.customer_id = customer
        cart.coupons.clear()
        for consignment in cart.consignments:
            consignment.chosen = None
        self._changed(cart)

    # --- the checkout

    def set_billing(self, cart: Cart, address: Mapping[str, Any], version: int | None = None) -> None:
        """The billing address; its e-mail is the cart's. Raises Conflict."""
        self._check(cart, version)
        told = str(address.get("email", "")) != cart.email
        cart.billing = {"id": cart.billing.get("id") or self._id(), **address}
        cart.email = str(address.get("email", ""))
        self._changed(cart, told=told)

    def say(self, cart: Cart, message: str, version: int | None = None) -> None:
        """The shopper's message. Raises Conflict."""
        self._check(cart, version)
        cart.message = message
        self._changed(cart, told=False)

    def apply_coupon(self, cart: Cart, code: str, version: int | None = None) -> None:
        """Raises Conflict; NotPossible for a code that there isn't."""
        self._check(cart, version)
        coupon = self.coupons.get(code.upper())
        if coupon is None:
            raise NotPossible(f"no coupon {code}")
        if coupon not in cart.coupons:
            cart.coupons.append(coupon)
            self._shop.hooks.fire("store/cart/couponApplied", "cart", cart.id, couponId=coupon.id)
        self._changed(cart, told=False)

    def drop_coupon(self, cart: Cart, code: str) -> None:
        """Take a code off again. Raises NoSuch."""
        found = [coupon for coupon in cart.coupons if coupon.code == code.upper()]
        if not found:
            raise NoSuch(f"no coupon {code} in this cart")
        cart.coupons.remove(found[0])
        self._changed(cart, told=False)

    def consign(
        self, cart: Cart, wanted: Sequence[tuple[Mapping[str, Any], Mapping[str, int]]], version: int | None = None
    ) -> None:
        """Addresses, with the units that go there. Raises Conflict, NotPossible."""
        self._check(cart, version)
        for address, units in wanted:
            self._check_units(cart, units)
            cart.consignments.append(Consignment(self._id(), dict(address), dict(units), self._options()))
        self._changed(cart, told=False)

    def reconsign(
        self, cart: Cart, one: Consignment, address: Mapping[str, Any] | None, units: Mapping[str, int] | None,
        version: int | None = None,
    ) -> None:  # fmt: skip
        """Another address or other lines: the choice is forgotten. Raises Conflict, NotPossible."""
        self._check(cart, version)
        if units is not None:
            self._check_units(cart, units)
            one.units = dict(units)
        if address is not None:
            one.address = dict(address)
        one.options, one.chosen = self._options(), None
        self._changed(cart, told=False)

    def choose(self, cart: Cart, one: Consignment, option: Option | str, version: int | None = None) -> None:
        """A way to ship, by the id of one that is offered or a custom one. Raises Conflict, NotPossible."""
        self._check(cart, version)
        found = [each for each in one.options if each.id == option] if isinstance(option, str) else [option]
        if not found:
            raise NotPossible("no such shipping option")
        one.chosen = found[0]
        self._changed(cart, told=False)

    def unconsign(self, cart: Cart, one: Consignment) -> None:
        """Take a consignment away."""
        cart.consignments.remove(one)
        self._changed(cart, told=False)

    def order_of(self, cart: Cart, *, source: str = "checkout_api") -> Order:
        """An Incomplete order of what is in the cart; each call makes another one. Raises NotPossible, where the checkout has
        not what an order needs (a shopper's has)."""
        if source == "checkout_api":
            self._check_complete(cart)
            if self._shop.settings.switches.checkouts_check_stock:
                self._check_stock(cart.lines)
        address = cart.consignments[0].address if cart.consignments else cart.billing
        order = self._shop.place(
            [self._order_line(line) for line in cart.lines], status_id=orders.INCOMPLETE, channel_id=cart.channel_id,
            source=source, cart_id=cart.id, customer_id=cart.customer_id, billing=_v2(cart.billing),
            shipping=_v2(address), discount=cart.discount, customer_message=cart.message,
        )  # fmt: skip
        cart.orders.append(order.id)
        return order

    def check_out(self, cart: Cart, *, paid: bool = True) -> Order:
        """A shopper goes through to the end, and pays, or chooses to pay later. Raises OutOfStock: the order stays Incomplete."""
        order = self.order_of(cart, source="www")
        shop = self._shop
        if paid:
            shop.pay(order.id)
        else:
            shop.write_status(order.id, shop.settings.switches.unpaid_status)
            self.placed(order)
        return order

    def placed(self, order: Order) -> None:
        """An order was paid, or placed to be paid later: its cart is no more."""
        cart = self.kept.get(order.cart_id)
        if cart is not None and not cart.gone:
            self._end(cart, "converted")
            self._shop.hooks.fire("store/cart/converted", "cart", cart.id, orderId=order.id)

    def add_coupon(self, code: str, percent: Decimal) -> Coupon:
        """The merchant makes a code."""
        coupon = Coupon(self._shop.next_id("coupon"), code.upper(), percent)
        self.coupons[coupon.code] = coupon
        return coupon

    # --- inside

    def _check(self, cart: Cart, version: int | None) -> None:
        if version is not None and version != cart.version:
            raise Conflict

    def _changed(self, cart: Cart, *, told: bool = True) -> None:
        cart.version += 1
        cart.updated_us, cart.updated_seconds = self._shop.now(), self._shop.stamp()
        if told:
            self._tell_updated(cart)
        else:
            self._watch(cart)

    def _tell_updated(self, cart: Cart) -> None:
        self._shop.hooks.fire("store/cart/updated", "cart", cart.id)
        self._watch(cart)

    def _watch(self, cart: Cart) -> None:
        """In an hour it is abandoned, unless something happens to it before."""
        self._shop.hooks.courier.at(cart.updated_us + ABANDONED_US, partial(self._abandon, cart, cart.version))

    async def _abandon(self, cart: Cart, version: int) -> None:
        self._expire()
        if not cart.gone and cart.version == version:
            cart.token = cart.token or f"{self._shop.chance.getrandbits(128):032x}"
            self._shop.hooks.fire("store/cart/abandoned", "cart", cart.id, token=cart.token)

    def _expire(self) -> None:
        """No word is made about carts that live out their time."""
        now_us = self._shop.clock.now()
        for cart in self.kept.values():
            if not cart.gone and now_us - cart.updated_us > LIFE_US:
                cart.gone = "expired"

    def _end(self, cart: Cart, how: str) -> None:
        cart.gone = how
        cart.seen_until_us = self._shop.now() + self._shop.draw_us(self._shop.faults.carts_linger_seconds)

    def _line(self, cart: Cart, line_id: str) -> CartLine:
        for line in cart.lines:
            if line.id == line_id:
                return line
        raise NoSuch(f"no line {line_id} in cart {cart.id}")

    def _fire_line(self, what: str, cart: Cart, line: CartLine) -> None:
        self._shop.hooks.fire(f"store/cart/lineItem/{what}", "cart_line_item", line.id, cartId=cart.id)

    def _check_units(self, cart: Cart, units: Mapping[str, int]) -> None:
        for line_id, quantity in units.items():
            if not any(line.id == line_id and 0 < quantity <= line.quantity for line in cart.lines):
                raise NotPossible("a consignment names lines of the cart, with no more units than there are")

    def _check_stock(self, lines: Iterable[CartLine]) -> None:
        wanted = [self._order_line(line) for line in lines]
        if missing := self._shop.takings.missing((line.item, line.quantity) for line in wanted):
            raise OutOfStock(missing)

    def _check_complete(self, cart: Cart) -> None:
        lacking = [name for name in ADDRESS_NEEDS if not cart.billing.get(name)]
        if lacking:
            raise NotPossible(f"the billing address lacks {lacking[0]}")
        for one in cart.consignments:
            lacking = [name for name in ADDRESS_NEEDS if not one.address.get(name)]
            if lacking:
                raise NotPossible(f"a consignment's address lacks {lacking[0]}")
        consigned = {line_id for one in cart.consignments for line_id in one.units}
        if any(line.id not in consigned for line in cart.lines if line.product_id):
            raise NotPossible("a line goes to no consignment")
        if any(one.chosen is None for one in cart.consignments):
            raise NotPossible("a consignment has no shipping option")

    def _options(self) -> list[Option]:
        return [
            Option(f"{self._shop.chance.getrandbits(128):032x}", name, cost)
            for name, cost in (("Flat Rate", Decimal(8)), ("Express", Decimal(20)))
        ]

    def _order_line(self, line: CartLine) -> Line:
        if not line.product_id:
            return self._shop.custom_line(line.name, line.quantity, line.price, line.sku)
        return self._shop.line_of(line.sku, line.quantity, line.price)

    def _id(self) -> str:
        return str(UUID(int=self._shop.chance.getrandbits(128), version=4))


def _what(line: CartLine) -> CartLine:
    """A line without its id and quantity."""
    return replace(line, id="", quantity=0)


def _v2(address: Mapping[str, Any]) -> dict[str, Any]:
    """An address of a checkout as that of an order, in the older API's words."""
    names = {
        "first_name": "first_name", "last_name": "last_name", "company": "company", "address1": "street_1",
        "address2": "street_2", "city": "city", "state_or_province": "state", "postal_code": "zip",
        "country_code": "country_iso2", "phone": "phone", "email": "email",
    }  # fmt: skip
    return {theirs: str(address[ours]) for ours, theirs in names.items() if address.get(ours)}
