"""The canonical order: what a store's order means for the stock, whatever platform it comes from.

A store adapter maps its platform's order onto these values. It says what the platform says, with no policy in it: how
many units of which product, how far the order has come (`Phase`), what was given back to the shop's stock, what was
shipped, and, where the platform has a witness for it, what the shop has taken from its own counter.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from syncd.core.quantity import Instant, Quantity
from syncd.core.taking_rule import TakingRule


class Phase(StrEnum):
    """How far an order has come. The adapters' tables map each platform status to one of these."""

    DRAFT = "draft"  # not placed: BigCommerce Incomplete, WooCommerce checkout-draft. Nothing counts
    PENDING = "pending"  # the shopper is at the payment: the shop has taken nothing, it may hold units for a while
    PLACED = "placed"  # ordered, not paid: it may still be paid, or die
    PAID = "paid"
    COMPLETED = "completed"  # shipped or handed over in full
    REFUNDED = "refunded"  # as a whole; what counts is how many units were restocked
    CANCELLED = "cancelled"  # cancelled, declined, failed, trashed, archived
    GONE = "gone"  # the store says explicitly that there is no such order

    __hash__ = str.__hash__  # an Enum's own is a Python function, and phases are looked up several times a line


DEAD = frozenset({Phase.CANCELLED, Phase.GONE})
FINAL = frozenset({Phase.COMPLETED, Phase.REFUNDED, Phase.CANCELLED, Phase.GONE})


class LineKind(StrEnum):
    """What a line is to the stock."""

    STOCK = "stock"  # goods with a counter: the only kind that moves stock
    CUSTOM = "custom"  # a line without a product of the catalogue
    DIGITAL = "digital"  # nothing to count
    BUNDLE = "bundle"  # a parent whose child lines are counted instead


class Line(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One line of an order.

    `product` names what was sold in the store's own terms (`"12"` or `"12/345"`, product and variation); it is what
    tells a swap of the line's product. `restocked` counts the units the shop has put back on its counter for this line
    (a refund of money alone puts back none), `shipped` the units that left the house. `reduced` is the platform's own
    witness of what it has taken for this line and not put back (WooCommerce `_reduced_stock`), None where there is none.
    """

    line: str
    product: str
    sku: str
    quantity: Quantity
    restocked: Quantity = Quantity(0)
    shipped: Quantity = Quantity(0)
    reduced: Quantity | None = None
    kind: LineKind = LineKind.STOCK
    parent: str = ""


class Order(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One order in the state in which it was read.

    Identity is (`order`, `created`, `key`): the number alone may be given to another order (a restored shop). `status` is
    the platform's own word, for people. `own_key` is a key of ours that the platform carries for us (an order that the
    ERP put there). `hold_until` says how long the shop itself keeps units aside for a pending order. `content` is a hash
    of the raw bytes: same hash, same state.

    `rule` says when the shop takes stock for this order (its channel may have settings of its own); None: as the shop in
    general. `puts_back`: in this state all units go back to the counter, where the rule's `cancel_returns` says so. `untold`
    are the phases of which no document says what they do to the counter for this order.
    """

    order: str
    created: Instant
    modified: Instant
    phase: Phase
    status: str
    lines: tuple[Line, ...]
    content: bytes
    key: str = ""
    channel: str = ""
    cart: str = ""
    own_key: str = ""
    paid: Instant | None = None
    completed: Instant | None = None
    hold_until: Instant | None = None
    rule: TakingRule | None = None
    puts_back: bool = False
    untold: frozenset[Phase] = frozenset()


class Unreadable(msgspec.Struct, frozen=True):
    """One item of a store's answer that could not be mapped: it goes to quarantine with its raw bytes; the rest goes on.

    `order` is empty, and `modified` None, where not even those could be read.
    """

    order: str
    reason: str
    raw: bytes
    modified: Instant | None = None
