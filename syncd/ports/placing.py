"""Orders that were taken in the ERP and are placed in a store: what an ERP must be able to do to have that, and what a store.

Both are optional: an ERP without such a list, and a platform that takes no orders from outside, have no such port. They raise
only `syncd.errors`, as the ports of `syncd.ports.erp` and `syncd.ports.store` do.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from syncd.core.following import ShopStatus
from syncd.core.placing import Flaw, PlacedLine, WantedOrder
from syncd.core.quantity import NEVER, Instant


class Wish(msgspec.Struct, frozen=True):
    """An order as the ERP wants it now. `revision` grows with each change; of a later one the status alone is looked at, and
    the lines of a cart.
    `raw` is what the ERP sent."""

    order: WantedOrder
    revision: int
    status: ShopStatus
    raw: bytes = b""


class UnreadableWish(msgspec.Struct, frozen=True):
    """An entry that isn't what the contract promises. `key` and `store` are "" where not even those could be read."""

    key: str
    store: str
    revision: int
    reason: str
    raw: bytes


class WishPage(msgspec.Struct, frozen=True):
    """Orders since a cursor."""

    wishes: tuple[Wish | UnreadableWish, ...]
    cursor: str
    more: bool


class Result(StrEnum):
    """What became of an order, or of a change of its status."""

    PLACED = "placed"  # the shop has it
    REFUSED = "refused"  # it isn't in the shop, and won't be under this key
    WITHDRAWN = "withdrawn"  # the ERP cancelled it before it was sent: it isn't in the shop
    FOLLOWED = "followed"  # the shop has the status of this revision
    NOT_FOLLOWED = "not_followed"  # it hasn't, and won't get it from us
    PREPARED = "prepared"  # the cart is there, as this revision has it
    CONVERTED = "converted"  # it was bought: there is an order of it, a sale of the shop
    GONE = "gone"  # the cart isn't there any more, and no order of it is known


class OrderOutcome(msgspec.Struct, frozen=True):
    """What the ERP is told about one of its orders. `order` is the shop's id of it, "" where it isn't there. Of a cart: its id, and
    where a shopper opens it, and its checkout."""

    key: str
    store: str
    revision: int
    result: Result
    order: str = ""
    status: str = ""
    reason: str = ""
    flaws: tuple[Flaw, ...] = ()
    cart: str = ""
    cart_url: str = ""
    checkout_url: str = ""


class ErpOrdersPort(Protocol):
    """The ERP's list of orders for stores, and how it hears of their ends."""

    async def wanted(self, cursor: str) -> WishPage:
        """Orders that are new or have another revision since `cursor` ("" from the beginning), oldest change first; overlapping
        is allowed, losing isn't."""

    async def tell(self, outcome: OrderOutcome) -> None:
        """What became of an order. At least once, and not always in order: telling it again changes nothing. RefusedError where
        the ERP says no to it (it knows no such order)."""


class PlacingTraits(msgspec.Struct, frozen=True):
    """Times of the platform, in microseconds."""

    late_us: int  # a request without an answer is surely dead after this
    stale_us: int  # an order that was answered shows in every reading that begins so much later


class Placement(msgspec.Struct, frozen=True):
    """One order to be placed. `key` is ours; the platform carries it, and can be asked for it."""

    key: str
    order: WantedOrder
    lines: tuple[PlacedLine, ...]


class ShopOrder(msgspec.Struct, frozen=True):
    """An order that the shop has. `status` is None where it has one that nobody knows."""

    order: str
    status: ShopStatus | None
    archived: bool = False


class FoundOrders(msgspec.Struct, frozen=True):
    """What the shop has under a key: nothing, one order, or (by other hands) several."""

    orders: tuple[ShopOrder, ...]
    began: Instant
    ended: Instant


class Refusal(msgspec.Struct, frozen=True):
    """The shop says no to an order: nothing was made. The flaws name the shop's own SKUs."""

    reason: str
    flaws: tuple[Flaw, ...] = ()


class PlacingPort(Protocol):
    """Placing orders in a store."""

    @property
    def traits(self) -> PlacingTraits:
        """Times of the platform."""

    async def find(self, key: str) -> FoundOrders:
        """The orders that carry this key of ours, archived ones too; may be repeated. Raises StoreFault where the answer may be
        about other orders."""

    async def place(self, placement: Placement, *, not_after: Instant = NEVER) -> str | Refusal:
        """Make this order, once, and not after `not_after` (our clock; looked at just before sending). Returns the shop's id of it,
        or why it was refused. Repeating it makes another: after OutcomeUnknown `find` is asked for the key.

        Raises StoreFault, Throttled or MisconfiguredError when surely nothing was made.
        """

    async def read(self, order: str) -> ShopOrder:
        """The order as it is now; may be repeated. Raises NotFound when the shop says that there is none."""

    async def set_status(self, order: str, status: ShopStatus, *, not_after: Instant = NEVER) -> None:
        """Write the status, and nothing else of the order. Raises OutcomeUnknown when it may have been written; StoreFault,
        Throttled or MisconfiguredError when surely it wasn't; RefusedError when the shop says no."""
