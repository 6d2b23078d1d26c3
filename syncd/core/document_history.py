"""What happened to an order beside its own state: messages, quotes, money that moved, goods that left."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec


class Message(msgspec.Struct, frozen=True):
    """A message between the shopper and the shop. `kind` and `status` are the platform's words."""

    id: str
    text: str = ""
    kind: str = ""
    subject: str = ""
    status: str = ""
    is_flagged: bool = False
    staff: str = ""
    customer: str = ""
    created: datetime | None = None


MESSAGE_PERSONAL: Final = ("subject", "text", "customer")


class Quote(msgspec.Struct, frozen=True):
    """What shipping was offered for at the checkout, for one place."""

    id: str
    place: str
    provider: str = ""
    carrier: str = ""
    name: str = ""
    rate: Decimal | None = None
    currency: str = ""
    transit: str = ""
    created: datetime | None = None


class Card(msgspec.Struct, frozen=True):
    """What is told of a card: never its number."""

    kind: str = ""
    first_digits: str = ""
    last_digits: str = ""
    expiry: str = ""


class Transaction(msgspec.Struct, frozen=True):
    """Money that moved, or was to: `event` is purchase, authorization, capture, refund, void, pending, settled; `status` ok or
    error. `refers_to` is the transaction that it acts on."""

    id: str
    event: str
    amount: Decimal | None
    currency: str = ""
    status: str = ""
    method: str = ""
    label: str = ""
    gateway: str = ""
    gateway_ref: str = ""
    refers_to: str = ""
    is_test: bool = False
    fraud_review: bool = False
    authorization: str = ""
    card: Card | None = None
    gift_certificate: str = ""
    created: datetime | None = None


TRANSACTION_PERSONAL: Final = (
    "card.first_digits", "card.last_digits", "card.expiry", "gift_certificate", "gateway_ref", "authorization",
)  # fmt: skip


class RefundItem(msgspec.Struct, frozen=True):
    """What was refunded. `kind`: product, gift_wrapping, shipping, handling, order, fee; `line` or `place` names what of, where
    it is one of these. `quantity` is told of products alone."""

    kind: str
    of: str
    line: str = ""
    place: str = ""
    quantity: Decimal | None = None
    amount: Decimal | None = None
    reason: str = ""


class RefundPayment(msgspec.Struct, frozen=True):
    """By which way the money went back."""

    id: str
    provider: str
    amount: Decimal | None
    is_offline: bool = False
    is_declined: bool = False
    reason: str = ""
    transaction: str = ""


class Refund(msgspec.Struct, frozen=True):
    """One refund, with what it was for and how it was paid. `tax` may be negative."""

    id: str
    total: Decimal | None
    tax: Decimal | None = None
    reason: str = ""
    by: str = ""
    created: datetime | None = None
    items: tuple[RefundItem, ...] = ()
    payments: tuple[RefundPayment, ...] = ()


REFUND_PERSONAL: Final = ("reason", "items.reason", "payments.reason")


class ShippedUnits(msgspec.Struct, frozen=True):
    """Units of a line in a shipment of the shop."""

    line: str
    quantity: Decimal


class ShopShipment(msgspec.Struct, frozen=True):
    """A shipment that the shop has. `key` is ours: it was made of one that the ERP told (`is_own`), which must not book it back;
    "" for one that was made in the shop. `lines` never hold more than is left of what was ordered."""

    id: str
    lines: tuple[ShippedUnits, ...]
    key: str = ""
    is_own: bool = False
    place: str = ""
    carrier: str = ""
    method: str = ""
    tracking: str = ""
    link: str = ""
    cost: Decimal | None = None
    comment: str = ""
    created: datetime | None = None


SHIPMENT_PERSONAL: Final = ("comment", "tracking", "link")
