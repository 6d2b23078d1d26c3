"""The order document: all that an ERP needs to book an order, and a CRM wants to know, whatever platform it comes from.

Counting needs a few numbers of an order (`syncd.core.order`); this is the whole of it, for others to read. Nothing here
moves stock. The JSON of these structures is what the ERP gets (docs/erp-contract) and what sinks may get: decimals as text,
times in UTC with a Z.

Each part says where it comes from. An order without taxes, and one whose taxes nobody asked for, look alike without that.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import msgspec

from syncd.core.document_history import (
    MESSAGE_PERSONAL,
    REFUND_PERSONAL,
    SHIPMENT_PERSONAL,
    TRANSACTION_PERSONAL,
    Message,
    Quote,
    Refund,
    ShopShipment,
    Transaction,
)
from syncd.core.document_line import LINE_PERSONAL, DocumentLine
from syncd.core.document_money import Amount, Coupon, Currency, Fee, Tax, Totals
from syncd.core.document_place import ADDRESS_PERSONAL, PLACE_PERSONAL, Address, Place
from syncd.core.quantity import Instant

FORM: Final = (
    1  # of the document; a reader ignores fields that it doesn't know, so it rises only if one changes its meaning
)
DIGEST_BYTES: Final = 16
EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PartState(StrEnum):
    """What became of a part."""

    READ = "read"
    NONE = "none"  # it was asked for: the order has nothing of it
    NOT_NEEDED = "not_needed"  # the order itself rules out that there is any; `reason` says how
    NOT_WANTED = "not_wanted"  # the store's `order_parts` doesn't name it
    UNREADABLE = "unreadable"  # the document goes without it; what came is in quarantine

    __hash__ = str.__hash__


class Part(msgspec.Struct, frozen=True):
    """One part's origin: `resource` is the address that it was read from, "" where nothing was; `read_at` when."""

    name: str
    state: PartState
    resource: str = ""
    read_at: datetime | None = None
    reason: str = ""


class Payment(msgspec.Struct, frozen=True):
    """How it is paid: the shop's name for the way, the provider's id, and the platform's word for how far it has come."""

    method: str = ""
    provider: str = ""
    status: str = ""


class Origin(msgspec.Struct, frozen=True):
    """Where the order came from. `external_id` and `external_source` are those of whoever brought it into the shop (a market place,
    a till); `external_order_id` is the one that others may set."""

    channel: str = ""
    source: str = ""
    external_source: str = ""
    external_id: str = ""
    external_order_id: str = ""
    external_merchant_id: str = ""
    ip: str = ""
    country: str = ""


class Customer(msgspec.Struct, frozen=True):
    """Who ordered. `id` is the shop's number, "" for a guest."""

    id: str = ""
    locale: str = ""
    is_subscribed: bool | None = None
    message: str = ""


class OrderDocument(msgspec.Struct, frozen=True):
    """One order, whole.

    `key` is stable: TENANT-STORE-ORDER; of an order that the ERP has put into the shop itself
    `erp_key` is the ERP's key, and `own_key` the name that it carries in the shop for us. `phase` is
    one word for all platforms (draft, pending, placed, paid, completed, refunded, cancelled, gone), `status` the platform's.
    A document of phase `gone` says only that the shop has no such order any more: all else in it is empty.

    `revision` rises with each document of an order: one with a lower number than a reader has is an old one that came late.

    `prices_include_tax`: amounts with tax are exact and those without were worked out from them; False: the other way round.
    `warnings` are for people: what was left out, and why.
    """

    key: str
    store: str
    order: str
    phase: str
    status: str
    totals: Totals = Totals(Amount())
    form: int = FORM
    revision: int = 0
    created: datetime | None = None
    modified: datetime | None = None
    completed: datetime | None = None
    own_key: str = ""
    erp_key: str = ""
    cart: str = ""
    is_archived: bool = False
    prices_include_tax: bool | None = None
    currency: Currency = Currency()
    origin: Origin = Origin()
    customer: Customer = Customer()
    payment: Payment = Payment()
    staff_notes: str = ""
    billing: Address = Address()
    places: tuple[Place, ...] = ()
    lines: tuple[DocumentLine, ...] = ()
    fees: tuple[Fee, ...] = ()
    taxes: tuple[Tax, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    messages: tuple[Message, ...] = ()
    quotes: tuple[Quote, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    refunds: tuple[Refund, ...] = ()
    shipments: tuple[ShopShipment, ...] = ()
    parts: tuple[Part, ...] = ()
    warnings: tuple[str, ...] = ()


def _under(name: str, fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name}.{field}" for field in fields)


PERSONAL: Final = (
    "staff_notes",
    "customer.id",
    "customer.message",
    "origin.ip",
    *_under("billing", ADDRESS_PERSONAL),
    *_under("places", PLACE_PERSONAL),
    *_under("lines", LINE_PERSONAL),
    *_under("messages", MESSAGE_PERSONAL),
    *_under("transactions", TRANSACTION_PERSONAL),
    *_under("refunds", REFUND_PERSONAL),
    *_under("shipments", SHIPMENT_PERSONAL),
)
"""The dotted paths of all that names or describes a person, for lists of fields and for erasure. A list's name stands for each of
its entries."""


def moment(instant: Instant) -> datetime:
    """An instant as documents tell it."""
    return EPOCH_START + timedelta(microseconds=instant)


def instant_of(told: datetime) -> Instant:
    """A document's time as an instant."""
    return Instant((told - EPOCH_START) // timedelta(microseconds=1))


def document_key(tenant: str, store: str, order: str) -> str:
    """The key under which an order's document is put, for ever."""
    return f"{tenant}-{store}-{order}"


def digest(document: OrderDocument) -> str:
    """What tells one content from another: all but when its parts were read, and what a reading left no trace of."""
    parts = tuple(msgspec.structs.replace(part, read_at=None, resource="") for part in document.parts)
    body = msgspec.json.encode(msgspec.structs.replace(document, parts=parts, revision=0))
    return blake2b(body, digest_size=DIGEST_BYTES).hexdigest()
