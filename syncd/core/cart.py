"""The canonical cart: what a shopper has put aside, whatever platform it comes from, and what has happened to it.

A cart never takes stock. `settle` is the whole of the rules: from what was known and what was read, what is known now and what has
happened. It looks at states alone: a call of the shop says only that it is worth a look, and the same state found twice is nothing
that has happened twice.

A cart that isn't there any more was turned into an order, emptied, or has lived out its time; the shop answers the same to all
three. So an order that was placed with the cart's id decides, and whoever can't find one looks a second time before the cart
counts as deleted. An order that shows up later still makes it a converted one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from syncd.core.order import Phase
from syncd.core.quantity import SECOND, UNIT, Instant, Quantity

PLACED: Final = frozenset({Phase.PLACED, Phase.PAID, Phase.COMPLETED, Phase.REFUNDED})
"""The phases of an order that has come of its cart. A draft is only a look at the payment page; one that was declined may be tried again."""
PERSONAL: Final = ("customer.id", "customer.email")
"""The dotted paths of what names a person in `document`."""
KEPT_PERSONAL: Final = ("customer", "email")
"""The same in a `Cart` as the ledger keeps it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CartState(StrEnum):
    """What has become of a cart."""

    OPEN = "open"
    ABANDONED = "abandoned"  # it is there, and nobody has touched it for a while
    CONVERTED = "converted"  # an order was placed from it
    DELETED = "deleted"  # emptied, or deleted
    EXPIRED = "expired"  # it has lived out its time

    __hash__ = str.__hash__


ALIVE: Final = frozenset({CartState.OPEN, CartState.ABANDONED})


class Happened(StrEnum):
    """What others are told. A cart that expires is deleted."""

    CREATED = "created"
    CHANGED = "changed"
    ABANDONED = "abandoned"
    CONVERTED = "converted"
    DELETED = "deleted"

    __hash__ = str.__hash__


class CartLineKind(StrEnum):
    """What a line is to the stock."""

    STOCK = "stock"
    DIGITAL = "digital"
    CUSTOM = "custom"
    GIFT_CERTIFICATE = "gift_certificate"
    BUNDLE = "bundle"  # a parent, whose children stand beside it


class CartLine(msgspec.Struct, frozen=True):
    """One line. `product` names what it holds as order lines do. Prices are of one unit, `total` of the line, in the cart's currency:
    `list_price` before discounts, `sale_price` after those of the product."""

    line: str
    kind: CartLineKind
    product: str
    sku: str
    name: str
    quantity: Quantity
    list_price: Decimal | None = None
    sale_price: Decimal | None = None
    total: Decimal | None = None
    parent: str = ""


class Coupon(msgspec.Struct, frozen=True):
    """A code that was entered, and what it takes off."""

    code: str
    amount: Decimal | None = None


class Cart(msgspec.Struct, frozen=True):
    """A cart as it was read. `version` counts its changes. `customer` is the shop's number, "" for a guest. `base` is the sum of the
    lines, `total` what is left of it after `discount` and coupons. Instants are by the shop's clock."""

    cart: str
    version: int
    created: Instant
    updated: Instant
    currency: str
    lines: tuple[CartLine, ...]
    channel: str = ""
    customer: str = ""
    email: str = ""
    coupons: tuple[Coupon, ...] = ()
    base: Decimal | None = None
    discount: Decimal | None = None
    total: Decimal | None = None


class KnownCart(msgspec.Struct, frozen=True):
    """What the ledger has of a cart: its state, its content as read last (None: it was gone before anybody could read it), and the
    order that was placed from it ("" if none is known). `missing`: how often in a row it wasn't there, since it was seen last."""

    state: CartState
    content: Cart | None
    order: str = ""
    missing: int = 0


class SeenCart(msgspec.Struct, frozen=True):
    """What a look has brought: the cart's content, or None where the shop says that there is no such cart; and the order placed
    from it, as far as is known. `shop_now`: the time by the shop's clock."""

    content: Cart | None
    order: str
    shop_now: Instant


def settle(
    known: KnownCart | None, seen: SeenCart, *, life_us: int, abandoned_us: int, looks: int
) -> tuple[KnownCart | None, tuple[Happened, ...]]:
    """What is known after a look, and what has happened since the one before. None: nothing is known of it, still.

    `life_us`: how long a cart is kept after its last change, `abandoned_us`: after how long without one it counts as abandoned.
    `looks`: how often in a row a cart has to be missing before it counts as deleted. An order decides at once.
    """
    order = seen.order or (known.order if known else "")
    if order:
        return _converted(known, seen, order)
    if seen.content is None:
        return _missing(known, seen, life_us, looks)
    return _present(known, seen, seen.content, abandoned_us)


def _converted(known: KnownCart | None, seen: SeenCart, order: str) -> tuple[KnownCart, tuple[Happened, ...]]:
    """It stays converted, though the shop may show it for a while, or for good where another took the payment."""
    content = _newer(known.content if known else None, seen.content)
    happened: list[Happened] = []
    if known is None and content is not None:
        happened.append(Happened.CREATED)
    if known is None or known.state is not CartState.CONVERTED:
        happened.append(Happened.CONVERTED)
    return KnownCart(CartState.CONVERTED, content, order), tuple(happened)


def _missing(
    known: KnownCart | None, seen: SeenCart, life_us: int, looks: int
) -> tuple[KnownCart | None, tuple[Happened, ...]]:
    if known is None or known.state not in ALIVE:
        return known, ()
    if known.missing + 1 < looks:
        return msgspec.structs.replace(known, missing=known.missing + 1), ()
    content = known.content
    lived = content is not None and seen.shop_now - content.updated > life_us
    state = CartState.EXPIRED if lived else CartState.DELETED
    return KnownCart(state, content, missing=known.missing + 1), (Happened.DELETED,)


def _present(
    known: KnownCart | None, seen: SeenCart, content: Cart, abandoned_us: int
) -> tuple[KnownCart, tuple[Happened, ...]]:
    happened: list[Happened] = []
    state = CartState.OPEN
    if known is None or known.content is None:
        happened.append(Happened.CREATED)
    elif content.version < known.content.version:
        return msgspec.structs.replace(known, missing=0), ()  # an older state than the one that is known
    elif known.content != content or known.state not in ALIVE:
        happened.append(Happened.CHANGED)
    else:
        state = known.state
    if state is CartState.OPEN and seen.shop_now - content.updated >= abandoned_us:
        state = CartState.ABANDONED
        happened.append(Happened.ABANDONED)
    return KnownCart(state, content), tuple(happened)


def _newer(known: Cart | None, seen: Cart | None) -> Cart | None:
    if known is None or seen is None:
        return seen or known
    return seen if seen.version >= known.version else known


def document(store: str, cart: str, known: KnownCart) -> dict[str, Any]:
    """What others are told of a cart, as plain data: decimals are text, times UTC. Of one that nobody has read, only what has
    become of it."""
    content = known.content
    told: dict[str, Any] = {"store": store, "cart": cart, "state": str(known.state), "order": known.order}
    if content is None:
        return told
    return told | {
        "version": content.version,
        "created": _moment(content.created),
        "updated": _moment(content.updated),
        "currency": content.currency,
        "channel": content.channel,
        "customer": {"id": content.customer, "email": content.email},
        "lines": [
            {
                "line": line.line, "kind": str(line.kind), "product": line.product, "sku": line.sku, "name": line.name,
                "quantity": _plain(Decimal(line.quantity) / UNIT), "list_price": _plain(line.list_price),
                "sale_price": _plain(line.sale_price), "total": _plain(line.total), "parent": line.parent,
            }
            for line in content.lines
        ],
        "coupons": [{"code": coupon.code, "amount": _plain(coupon.amount)} for coupon in content.coupons],
        "base": _plain(content.base),
        "discount": _plain(content.discount),
        "total": _plain(content.total),
    }  # fmt: skip


def stock_lines(content: Cart) -> Iterator[CartLine]:
    """The lines that hold goods with a counter."""
    return (line for line in content.lines if line.kind is CartLineKind.STOCK and line.quantity > 0)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _moment(instant: Instant) -> str:
    """`2026-11-28T07:00:00Z`."""
    return (_EPOCH + timedelta(seconds=instant // SECOND)).strftime("%Y-%m-%dT%H:%M:%SZ")
