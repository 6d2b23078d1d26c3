"""What sinks are told of an order: what has happened between the document that they were told of last and this one.

Told in the transaction that keeps the document, so that nothing is told of a state that isn't kept, or left out of one that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from syncd.core.document import PERSONAL, OrderDocument, instant_of
from syncd.core.event import Event, event_id
from syncd.core.order import Phase
from syncd.core.quantity import Instant
from syncd.ledger.documents import DueDocument
from syncd.ledger.outbox import Outbox

ORDER_KINDS: Final = (
    "order.changed", "order.placed", "order.paid", "order.shipped", "order.cancelled", "order.refunded",
)  # fmt: skip
PLACED: Final = frozenset({Phase.PLACED, Phase.PAID, Phase.COMPLETED, Phase.REFUNDED})
PAID: Final = frozenset({Phase.PAID, Phase.COMPLETED, Phase.REFUNDED})
DEAD: Final = frozenset({Phase.CANCELLED, Phase.GONE})


class Seen(msgspec.Struct, frozen=True):
    """What an order had come to when sinks were told of it last. `way`: the digest of all contents until then, one after the other;
    a content that comes again is another happening, and has another id."""

    content: str
    cart: str
    placed: bool
    paid: bool
    dead: bool
    shipped: Decimal
    refunded: Decimal
    way: str = ""


def happenings(
    outbox: Outbox, document: OrderDocument, row: DueDocument, content: str, now: Instant
) -> tuple[list[Event], str]:
    """The events, and what is to be remembered for the next time.

    Of an order from before the cutover that is seen for the first time only its change is told: what happened before it is old.
    """
    before = msgspec.json.decode(row.seen, type=Seen) if row.seen else None
    cart = document.cart or (before.cart if before is not None else "")  # an order that is gone has none any more
    seen = _seen(document, content, cart)
    if before is None or before.content != content:
        seen = msgspec.structs.replace(seen, way=event_id(before.way if before is not None else "", content))
    else:
        seen = msgspec.structs.replace(seen, way=before.way)
    wanted = [kind for kind in _kinds(before, seen, is_old=bool(row.baseline)) if outbox.wants(kind)]
    happened = [_event(outbox, document, kind, seen, now) for kind in wanted]
    return happened, msgspec.json.encode(seen).decode()


def _seen(document: OrderDocument, content: str, cart: str) -> Seen:
    shipped = sum((line.shipped for line in document.lines), Decimal(0))
    amounts = [line.refunded_amount or Decimal(0) for line in document.lines]
    amounts += [refund.total or Decimal(0) for refund in document.refunds]
    phase = document.phase
    refunded = sum(amounts, Decimal(len(document.refunds)) + (phase == Phase.REFUNDED))
    return Seen(content, cart, phase in PLACED, phase in PAID, phase in DEAD, shipped, refunded)


def _kinds(before: Seen | None, seen: Seen, *, is_old: bool) -> Iterator[str]:
    """Which events it comes to, in the order in which they are told."""
    if before is None and not is_old:
        before = Seen("", "", placed=False, paid=False, dead=False, shipped=Decimal(0), refunded=Decimal(0))
    if before is None or before.content != seen.content:
        yield "order.changed"
    if before is None:
        return
    if seen.placed and not before.placed:
        yield "order.placed"
    if seen.paid and not before.paid:
        yield "order.paid"
    if seen.shipped > before.shipped:
        yield "order.shipped"
    if seen.dead and not before.dead:
        yield "order.cancelled"
    if seen.refunded > before.refunded:
        yield "order.refunded"


def _event(outbox: Outbox, document: OrderDocument, kind: str, seen: Seen, now: Instant) -> Event:
    store, order = document.store, document.order
    return Event(
        id=event_id(kind, store, f"orders/{order}", seen.way),
        kind=kind,
        store=store,
        stream=f"{store}/{seen.cart or order}",
        subject=f"orders/{order}",
        at=now if document.modified is None else instant_of(document.modified),
        data=msgspec.json.encode(document),
        personal=PERSONAL,
        persons=outbox.persons(email=document.billing.email, store=store, customer=document.customer.id),
    )
