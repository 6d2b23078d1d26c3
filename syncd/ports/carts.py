"""What a store must be able to do about carts. A store that lets nobody read them has no such port.

It raises only `syncd.errors`, as the ports of `syncd.ports.store` do. Quantities are in ten-thousandths of a unit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from syncd.core.cart import Cart
from syncd.core.quantity import NEVER, Instant, Quantity
from syncd.errors import RefusedError


class CartConflict(RefusedError):
    """The cart has changed since it was read: read it again, and decide anew. Nothing of the request was done."""


class CartTraits(msgspec.Struct, frozen=True):
    """Times of the platform, in microseconds."""

    life_us: int  # how long a cart is kept after its last change
    abandoned_us: int  # after how long without a change the platform calls a cart abandoned
    late_us: int  # a request without an answer is surely dead after this


class CartLook(msgspec.Struct, frozen=True):
    """One cart as it was read between two instants of our clock; `content` None: the store says that there is none of this id."""

    cart: str
    content: Cart | None
    began: Instant
    ended: Instant


class PlacedOrder(msgspec.Struct, frozen=True):
    """An order that was made from a cart. `placed`: it is more than a draft, so the cart has become this order."""

    order: str
    placed: bool


class WantedLine(msgspec.Struct, frozen=True):
    """Units that a cart shall hold. `product` names it as order lines do, "" for a line that the catalogue doesn't have: then `name` and
    `price` are needed. A `price` of a product replaces the catalogue's."""

    product: str
    quantity: Quantity
    name: str = ""
    sku: str = ""
    price: Decimal | None = None


class NewCart(msgspec.Struct, frozen=True):
    """A cart that was made, or changed: as it is now, and where a shopper opens it, "" where the store doesn't say. A link may be
    good for one visit."""

    content: Cart
    cart_url: str = ""
    checkout_url: str = ""


class CartsPort(Protocol):
    """A store's carts."""

    @property
    def traits(self) -> CartTraits:
        """Times of the platform."""

    async def read(self, cart: str) -> CartLook:
        """One cart as it is now; may be repeated. Only an explicit answer makes it None. Raises RefusedError where the cart is there
        and can't be read."""

    async def orders_of(self, cart: str) -> tuple[PlacedOrder, ...]:
        """The orders that were made from a cart, drafts too; none is no error. May be repeated."""

    async def create(
        self, lines: tuple[WantedLine, ...], *, customer: str = "", channel: int = 0, not_after: Instant = NEVER
    ) -> NewCart:
        """Make a cart with these lines, for a customer of the store ("": a guest), in a channel (0: the store's own choice), and
        not after `not_after`. No key keeps two
        requests from making two carts: after OutcomeUnknown there may be one that nobody knows, which takes no stock and passes with
        its life. Raises RefusedError for what the store doesn't sell."""

    async def change(
        self, cart: str, version: int, lines: tuple[WantedLine, ...], *, not_after: Instant = NEVER
    ) -> NewCart:
        """Let a cart hold these lines and no others, if it still has this version. May be repeated after OutcomeUnknown, once the
        cart was read again. Raises NotFound for a cart that is gone, CartConflict where it has changed since."""

    async def delete(self, cart: str) -> None:
        """Let there be no such cart; repeating it is no error."""
