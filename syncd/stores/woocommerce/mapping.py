"""WooCommerce's orders as canonical ones: pure functions from bytes to values.

What the shop has taken for a line stands in the line's own meta `_reduced_stock`: set when the order enters on-hold,
processing or completed, lowered by refunds that restock, raised and lowered by edits, and deleted when the shop puts the
units back (pending, cancelled). So it is the witness as it stands, and its absence says that nothing is taken.
`_restock_refunded_items` counts what refunds have put back. Both together follow edits: three sold, one of them restocked,
then edited to five gives reduced 4 and restocked 1 (measured on WooCommerce 10.0.2). A refund of money alone touches neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

import msgspec

from syncd.core.order import Line, LineKind, Order, Phase, Unreadable
from syncd.core.quantity import UNIT, ZERO, Instant, Quantity, parse
from syncd.stores.woocommerce.dates import read_gmt, read_gmt_or_none
from syncd.stores.woocommerce.wire import LineItem, Metas, OrderBody, OrderMark

OWN_KEY = "_syncd_key"  # where an order carries the key that we gave it; a leading underscore keeps it from shoppers
REDUCED = "_reduced_stock"
RESTOCKED = "_restock_refunded_items"
CONTENT_BYTES = 16  # 128 bits: two states of one order never collide by chance
SHOPPER_MADE = frozenset({"checkout", "store-api"})  # the shop's cron cancels pending orders of these origins alone
PUTS_BACK = frozenset({"cancelled", "pending"})  # entering these statuses, the shop returns what it has taken

PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "checkout-draft": Phase.DRAFT,  # an unfinished block checkout
        "auto-draft": Phase.DRAFT,  # an order that someone is composing in the admin
        "pending": Phase.PENDING,
        "on-hold": Phase.PLACED,
        "processing": Phase.PAID,
        "completed": Phase.COMPLETED,
        "refunded": Phase.REFUNDED,
        "cancelled": Phase.CANCELLED,
        "failed": Phase.CANCELLED,
        "trash": Phase.CANCELLED,
    }
)

_ORDER = msgspec.json.Decoder(OrderBody)
_MARK = msgspec.json.Decoder(OrderMark)
_METAS: msgspec.json.Decoder[Metas] = msgspec.json.Decoder(Metas)
_OWN_KEY_NAMED = f'"{OWN_KEY}"'.encode()  # as every JSON writer puts it: nothing in it needs escaping
_VALUE: msgspec.json.Decoder[int | float | str | None] = msgspec.json.Decoder(int | float | str | None)


class Terms(msgspec.Struct, frozen=True):
    """What reading an order depends on besides its bytes: each status's phase, and how long the shop holds units
    for an unpaid order (microseconds; 0: not at all)."""

    phases: Mapping[str, Phase] = PHASES
    hold_us: int = 0


def read_order(raw: bytes | msgspec.Raw, terms: Terms) -> Order | Unreadable:
    """One order from its own bytes. What can't be read or isn't understood comes back as Unreadable, with the reason."""
    try:
        body = _ORDER.decode(raw)
        phase = terms.phases.get(body.status)
        if phase is None:
            return _unreadable(
                raw, f'unknown status "{body.status}": say what it means under stores.NAME.statuses, by its phase'
            )
        return _order(body, phase, terms.hold_us, blake2b(raw, digest_size=CONTENT_BYTES).digest())
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        return _unreadable(raw, str(error))


def _order(body: OrderBody, phase: Phase, hold_us: int, content: bytes) -> Order:
    created = read_gmt(body.date_created_gmt)
    completed = read_gmt_or_none(body.date_completed_gmt)
    holds = hold_us and phase is Phase.PENDING and body.created_via in SHOPPER_MADE
    return Order(
        order=str(body.id),
        created=created,
        modified=read_gmt(body.date_modified_gmt),
        phase=phase,
        status=body.status,
        lines=tuple([_line(item, body.status, completed is not None) for item in body.line_items]),
        content=content,
        key=body.order_key or "",
        own_key=_own_key(bytes(body.meta_data)),
        paid=read_gmt_or_none(body.date_paid_gmt),
        completed=completed,
        hold_until=Instant(created + hold_us) if holds else None,
    )


def _line(item: LineItem, status: str, was_completed: bool) -> Line:
    quantity = _amount(item.quantity)
    reduced, restocked = _witness(item.meta_data) if item.meta_data else (ZERO, ZERO)
    returned = not reduced and status in PUTS_BACK
    if returned and status == "cancelled":
        restocked = quantity
    product = product_name(item.product_id, item.variation_id)
    return Line(
        line=str(item.id),
        product=product,
        sku=item.sku or "",
        quantity=quantity,
        restocked=restocked,
        shipped=Quantity(max(quantity - restocked, 0)) if was_completed and not returned else ZERO,
        reduced=reduced,
        kind=LineKind.STOCK if product else LineKind.CUSTOM,
    )


def product_name(product_id: int | str | None, variation_id: int | str | None) -> str:
    """What order lines and listings call a product: `"30"`, `"30/33"` for a variation, "" where there is none (any more).

    Reading a line, the shop drops ids of products that were deleted for good: such a line has product 0 from then on,
    and a line of a deleted variation names its parent alone (`WC_Order_Item_Product::set_product_id`).
    """
    if not product_id or product_id == "0":
        return ""
    if not variation_id or variation_id == "0":
        return str(product_id)
    return f"{product_id}/{variation_id}"


def _witness(metas: Metas) -> tuple[Quantity, Quantity]:
    """What the shop has taken for the line, and what refunds have put back: the first value under each key, as
    `get_meta(key, single)` gives it; 0 where there is none."""
    reduced = restocked = None
    for meta in metas if isinstance(metas, list) else metas.values():
        if meta.key == REDUCED:
            reduced = meta.value if reduced is None else reduced
        elif meta.key == RESTOCKED:
            restocked = meta.value if restocked is None else restocked
    return (
        ZERO if reduced is None else _amount(_VALUE.decode(reduced)),
        ZERO if restocked is None else _amount(_VALUE.decode(restocked)),
    )


def _own_key(metas: bytes) -> str:
    """The key of ours that the order carries; "" where there is none."""
    if _OWN_KEY_NAMED not in metas:
        return ""
    entries = _METAS.decode(metas)
    for meta in entries if isinstance(entries, list) else entries.values():
        if meta.key == OWN_KEY:
            value = _VALUE.decode(meta.value)
            return "" if value is None else str(value)
    return ""


def _amount(value: int | float | str | None) -> Quantity:
    """A count as PHP writes it: 3, 1.5, "3", "". Nothing is 0. Raises ValueError for anything else."""
    if type(value) is str:
        value = value.strip()
        if len(value) < 9 and value.isdecimal() and value.isascii():
            return Quantity(int(value) * UNIT)
    return ZERO if value is None or value == "" else parse(value)


def _unreadable(raw: bytes | msgspec.Raw, reason: str) -> Unreadable:
    order, modified = "", None
    try:
        mark = _MARK.decode(raw)
        order = "" if mark.id is None else str(mark.id)
        modified = read_gmt_or_none(mark.date_modified_gmt)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        pass  # then it has no name either
    return Unreadable(order=order, reason=reason, raw=bytes(raw), modified=modified)
