"""What an ERP must be able to do.

All methods raise only `syncd.errors`. All may be repeated: `post` because the ERP keeps keys unique (an adapter of an
ERP that doesn't must search by key first, and be the only writer). Quantities are in ten-thousandths of a unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from syncd.core.document import OrderDocument
from syncd.core.erasure import Whom
from syncd.core.quantity import Instant, Quantity


class ErpTraits(msgspec.Struct, frozen=True):
    """What this ERP can do. `postings`: the ways of posting that the adapter keeps exact ("move", "order")."""

    postings: frozenset[str]
    batch_max: int  # moves in one request
    late_us: int  # a request without an answer is surely dead after this
    shipments: bool = False
    orders: bool = False  # it has orders for stores (`syncd.ports.placing.ErpOrdersPort`)


class ErpDescription(msgspec.Struct, frozen=True):
    """Which ERP this is. `epoch` changes when its book was replaced or restored: recent keys are then asked for again."""

    identity: str
    epoch: str
    name: str = ""


class ErpMove(msgspec.Struct, frozen=True):
    """One stock move as the ERP gets it: `change` is signed (a sale is negative); `key` is at most 35 characters of
    A-Z a-z 0-9 _ -. `reference` is for people: store, order and line."""

    key: str
    sku: str
    location: str
    change: Quantity
    reference: str = ""


class PostResult(StrEnum):
    """How the posting of one move ended."""

    CONFIRMED = "confirmed"  # the ERP's available quantity has changed by it, now or at an earlier posting of this key
    DIFFERENT = "different"  # the key is there already with other content, which `PostOutcome.found` holds
    REFUSED = "refused"  # it wasn't and won't be counted as it is (unknown SKU, closed period ...)


class PostOutcome(msgspec.Struct, frozen=True):
    """One move's end. `erp_ref` is the ERP's own number for it."""

    key: str
    result: PostResult
    reason: str = ""
    erp_ref: str = ""
    found: ErpMove | None = None


class ErpLevels(msgspec.Struct, frozen=True):
    """Available quantities: on hand, less all confirmed outgoing demand, without expected receipts.

    `levels` maps (SKU, location) to a quantity; what is absent is unknown, never 0. `complete`: these are all SKUs that
    the ERP has. `cursor` continues: the next answer holds what has changed since (with an overlap). `more`: ask again at
    once, this answer was cut at the page limit. `restarted`: the ERP did not know the cursor any more, the answer begins
    from the start (the book may have been restored).
    """

    levels: Mapping[tuple[str, str], Quantity]
    cursor: str
    complete: bool
    more: bool
    began: Instant
    ended: Instant
    restarted: bool = False


class ShipmentLine(msgspec.Struct, frozen=True):
    """Units in a shipment: of the shop's order line `line`, in the shop's units; or, where `sku` is given, of the ERP's SKU, in
    the ERP's units, sold in that line, or in any line of the order where `line` is ""."""

    line: str
    quantity: Quantity
    sku: str = ""


class Shipment(msgspec.Struct, frozen=True):
    """Goods that left the house, for an order of a store. `key` is the ERP's own, unique for ever; what was told once under a
    key isn't told otherwise later. `store` is the tenant's name of the store, `order` the shop's id of the order; `link` is
    where the parcel can be followed."""

    key: str
    store: str
    order: str
    lines: tuple[ShipmentLine, ...]
    carrier: str = ""
    tracking: str = ""
    link: str = ""


class ShipmentPage(msgspec.Struct, frozen=True):
    """Shipments since a cursor."""

    shipments: tuple[Shipment, ...]
    cursor: str
    more: bool


class Erp(Protocol):
    """The business system of one tenant."""

    @property
    def traits(self) -> ErpTraits:
        """What this ERP can do."""

    async def describe(self) -> ErpDescription:
        """Identity and epoch, read from the ERP now."""

    async def post(self, moves: Sequence[ErpMove]) -> tuple[PostOutcome, ...]:
        """Post these moves (at most `traits.batch_max`): one outcome per move, in order. Posting a key again changes
        nothing and confirms. Raises OutcomeUnknown when the batch may have been posted in part or in whole; StoreFault or
        Throttled when surely nothing was."""

    async def find(self, keys: Sequence[str]) -> Mapping[str, ErpMove]:
        """The moves that the ERP has counted under these keys (at most `traits.batch_max`); absent ones are left out."""

    async def levels(self, cursor: str) -> ErpLevels:
        """Levels that changed since `cursor`; "" asks for all."""


class ErpDocuments(Protocol):
    """An ERP that also keeps order documents and tells shipments (optional)."""

    async def put_order(self, order: OrderDocument) -> None:
        """Create or replace the document with this key: it informs, stock is taken by moves. Repeating changes nothing, so after
        OutcomeUnknown it is sent again. Raises RefusedError for this document; MisconfiguredError where the ERP keeps none."""

    async def shipments(self, cursor: str) -> ShipmentPage:
        """Shipments since `cursor` ("" from the beginning), oldest first; overlapping is allowed, losing isn't."""


@runtime_checkable
class ErpErases(Protocol):
    """An ERP whose documents lie on this machine, so that a customer can be erased from them (optional)."""

    async def erase(self, whom: Whom, after: str, *, only_look: bool) -> tuple[int, str | None]:
        """Take what is personal out of the customer's documents, of some beyond the key `after` ("" from the first). Returns how many
        were changed, with `only_look` would be, and the key to go on from; None: there are no more. Raises StoreFault,
        MisconfiguredError, OutcomeUnknown; may be repeated."""

    async def tidy(self) -> bool:
        """Leave nothing of what was erased in its files. False where somebody reads: do it again."""
