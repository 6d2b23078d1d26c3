"""A store's carts in memory: the port's promises on one page."""

from __future__ import annotations

import msgspec

from syncd.core.cart import Cart, CartLine, CartLineKind
from syncd.core.quantity import NEVER, SECOND, Instant
from syncd.errors import NotFound, RefusedError, Throttled
from syncd.ports.carts import CartConflict, CartLook, CartTraits, NewCart, PlacedOrder, WantedLine
from syncd.ports.clock import Clock


class FakeCarts:
    """`CartsPort`. `kept` holds the carts that are there, `orders` what was made of each, `sold` what the store sells."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.traits = CartTraits(life_us=30 * 86_400 * SECOND, abandoned_us=3_600 * SECOND, late_us=0)
        self.kept: dict[str, Cart] = {}
        self.orders: dict[str, tuple[PlacedOrder, ...]] = {}
        self.sold: set[str] = set()
        self.made = 0

    async def read(self, cart: str) -> CartLook:
        """As it is."""
        now = self.clock.now()
        return CartLook(cart, self.kept.get(cart), now, now)

    async def orders_of(self, cart: str) -> tuple[PlacedOrder, ...]:
        """Those that somebody has put there."""
        return self.orders.get(cart, ())

    async def create(
        self, lines: tuple[WantedLine, ...], *, customer: str = "", channel: int = 0, not_after: Instant = NEVER
    ) -> NewCart:
        """At once, under the next name."""
        if self.clock.now() > not_after:
            raise Throttled("too late to be sent", wait_seconds=0.0, operation="make cart")
        self.made += 1
        name, now = f"00000000-0000-4000-8000-{self.made:012d}", self.clock.now()
        self.kept[name] = Cart(
            name, 1, now, now, "USD", self._lines(lines), customer=customer, channel=str(channel or 1)
        )
        return NewCart(self.kept[name], f"https://fake.example/{name}", f"https://fake.example/{name}/checkout")

    async def change(
        self, cart: str, version: int, lines: tuple[WantedLine, ...], *, not_after: Instant = NEVER
    ) -> NewCart:
        """All of it at once."""
        if self.clock.now() > not_after:
            raise Throttled("too late to be sent", wait_seconds=0.0, operation="change cart")
        known = self.kept.get(cart)
        if known is None:
            raise NotFound(f"no cart {cart}", operation="change cart", key=cart)
        if known.version != version:
            raise CartConflict(f"cart {cart} has changed", operation="change cart", key=cart, hint="read it again")
        wanted = self._lines(lines)
        self.kept[cart] = msgspec.structs.replace(known, version=version + 1, updated=self.clock.now(), lines=wanted)
        return NewCart(self.kept[cart])

    async def delete(self, cart: str) -> None:
        """Whether it is there or not."""
        self.kept.pop(cart, None)

    def _lines(self, lines: tuple[WantedLine, ...]) -> tuple[CartLine, ...]:
        if not lines or any(line.quantity <= 0 or line.product not in self.sold for line in lines):
            raise RefusedError("the store doesn't sell that so", operation="make cart")
        kinds = CartLineKind.STOCK
        return tuple(
            CartLine(str(k), kinds, line.product, line.product, line.name, line.quantity, line.price)
            for k, line in enumerate(lines)
        )
