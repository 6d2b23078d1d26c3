"""The contract's bodies of orders that the ERP wants in stores, and of what became of them.

Sums are decimal strings like quantities. An entry that can't be read is told as such, with its key where it has one: one bad order
must not hold up the others.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from syncd.core.following import ShopStatus
from syncd.core.placing import Address, Price, WantedLine, WantedOrder, Way
from syncd.core.quantity import parse, show
from syncd.ports.placing import OrderOutcome, UnreadableWish, Wish

RAW_BYTES_MAX = 64 * 1024  # of an entry that can't be read, kept for a person
REASON_CHARACTERS_MAX = 1_000  # of a shop's words, told to the ERP


class Sum(msgspec.Struct, frozen=True):
    """With tax and without: both, or the whole is left out."""

    inc_tax: str = ""
    ex_tax: str = ""


class Place(msgspec.Struct, frozen=True):
    """An address."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    street_1: str = ""
    street_2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


class Line(msgspec.Struct, frozen=True):
    """A line that the ERP wants in an order."""

    quantity: str
    sku: str = ""
    name: str = ""
    price: Sum = Sum()


class Entry(msgspec.Struct, frozen=True, rename={"way": "as"}):
    """One order of `GET /v1/orders`."""

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    store: str
    lines: tuple[Line, ...]
    billing: Place = Place()  # `core/placing.py` says where it is needed
    revision: int = 1
    status: ShopStatus = ShopStatus.PENDING
    shipping: Place | None = None
    customer: str = ""
    channel: int = 0
    subtotal: Sum = Sum()
    shipping_cost: Sum = Sum()
    total: Sum = Sum()
    staff_notes: str = ""
    customer_message: str = ""
    way: Way = Way.ORDER
    shipping_method: str = ""


class Stub(msgspec.Struct, frozen=True):
    """What can be told of an entry that isn't right."""

    key: object = ""
    store: object = ""
    revision: object = 1


class Orders(msgspec.Struct, frozen=True):
    """Answer of `GET /v1/orders`; the entries are read one by one."""

    orders: tuple[msgspec.Raw, ...]
    cursor: Annotated[str, msgspec.Meta(min_length=1)]
    more: bool


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with a line, or with a SKU."""

    kind: str
    sku: str = ""
    text: str = ""
    level: str = ""
    limit: str = ""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """Body of `POST /v1/orders/{key}/outcome`."""

    store: str
    revision: int
    result: str
    order: str = ""
    status: str = ""
    reason: str = ""
    details: tuple[Detail, ...] = ()
    cart: str = ""
    cart_url: str = ""
    checkout_url: str = ""


_ENTRY = msgspec.json.Decoder(Entry)
_STUB = msgspec.json.Decoder(Stub)


def port_wish(raw: bytes) -> Wish | UnreadableWish:
    """An entry as the port has it."""
    try:
        entry = _ENTRY.decode(raw)
        return Wish(_order(entry), entry.revision, entry.status, raw)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
        return _unreadable(raw, str(error))


def outcome_body(outcome: OrderOutcome) -> bytes:
    """The body of `POST /v1/orders/{key}/outcome`."""
    details = tuple(
        Detail(
            flaw.kind,
            flaw.sku,
            flaw.text[:REASON_CHARACTERS_MAX],
            "" if flaw.level is None else show(flaw.level),
            "" if flaw.limit is None else show(flaw.limit),
        )
        for flaw in outcome.flaws
    )
    reason = outcome.reason[:REASON_CHARACTERS_MAX]
    told = Outcome(
        outcome.store, outcome.revision, outcome.result, outcome.order, outcome.status, reason, details, outcome.cart,
        outcome.cart_url, outcome.checkout_url,
    )  # fmt: skip
    return msgspec.json.encode(told)


def _order(entry: Entry) -> WantedOrder:
    lines = tuple(WantedLine(parse(line.quantity), line.sku, line.name, _price(line.price)) for line in entry.lines)
    return WantedOrder(
        entry.key,
        entry.store,
        _address(entry.billing),
        lines,
        None if entry.shipping is None else _address(entry.shipping),
        entry.status,
        entry.customer,
        entry.channel,
        _price(entry.subtotal),
        _price(entry.shipping_cost),
        _price(entry.total),
        entry.staff_notes,
        entry.customer_message,
        entry.way,
        entry.shipping_method,
    )


def _price(told: Sum) -> Price:
    return Price(told.inc_tax, told.ex_tax)


def _address(place: Place) -> Address:
    return msgspec.convert(msgspec.structs.asdict(place), Address)


def _unreadable(raw: bytes, reason: str) -> UnreadableWish:
    key = store = ""
    revision = 1
    try:
        stub = _STUB.decode(raw)
        key = stub.key if isinstance(stub.key, str) else ""
        store = stub.store if isinstance(stub.store, str) else ""
        revision = stub.revision if isinstance(stub.revision, int) else 1
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass  # then it has no name: the reason says why
    return UnreadableWish(key, store, revision, reason, raw[:RAW_BYTES_MAX])
