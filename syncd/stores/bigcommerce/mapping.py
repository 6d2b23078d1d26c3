"""From BigCommerce's orders to canonical ones: pure, and the same for every order that is read.

A scan maps each order that it sees, so this is written for speed: one decode, no check for what the decoder has checked
already, and one handler around the whole order (whoever calls catches ValueError and quarantines that order alone).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import blake2b

import msgspec

from syncd.core.order import Line, LineKind, Order, Phase, Unreadable
from syncd.core.quantity import ZERO, Instant, Quantity, parse
from syncd.core.taking_rule import TakingRule
from syncd.stores.bigcommerce import wire
from syncd.stores.bigcommerce.dates import read_date, read_date_or_none

CONTENT_BYTES = 16  # of the digest that tells one state of an order from another
OWN_KEY_PREFIX = "syncd-"  # our keys in external_order_id, which the store carries for us and lets us search for
RAW_BYTES_MAX = 256 * 1024  # of an unreadable order that are kept; a big order is about 50 kB

# The vendor's statuses by number; merchants rename the labels, never the numbers (page "Order status").
PHASES: dict[int, Phase] = {
    0: Phase.DRAFT,  # Incomplete: made when the shopper reaches the payment; one cart may leave several behind
    1: Phase.PLACED,  # Pending: ordered, payment not confirmed; what an order written by API begins with
    2: Phase.COMPLETED,  # Shipped
    3: Phase.PAID,  # Partially Shipped: some units are still to go
    4: Phase.REFUNDED,  # Refunded: in full; whether units came back is another matter (`_restocks`)
    5: Phase.CANCELLED,  # Cancelled
    6: Phase.CANCELLED,  # Declined: the payment failed for good
    7: Phase.PLACED,  # Awaiting Payment: offline payment or a failed one that may be tried again
    8: Phase.PAID,  # Awaiting Pickup
    9: Phase.PAID,  # Awaiting Shipment
    10: Phase.COMPLETED,  # Completed
    11: Phase.PAID,  # Awaiting Fulfillment
    12: Phase.PLACED,  # Manual Verification Required: the payment may be authorised only; payment_status decides
    13: Phase.PAID,  # Disputed: the money may go back, the goods are as good as sold
    14: Phase.PAID,  # Partially Refunded: money; the vendor puts no units back for it
}
UNPAID_STATUSES = frozenset({1, 7, 12})  # here the payment's own word, if it has one, decides
PAID_WORDS = frozenset({"captured", "paid", "partially refunded"})  # of payment_status: money has come

MANUAL_SOURCE = "manual"  # of order_source: entered in the control panel
MIGRATED_SOURCE = "M-MIG"  # of external_source: history from another platform
HAND_SOURCES = frozenset({MANUAL_SOURCE, "external"})  # no checkout made the order, so it may begin with any status

# Phases of which no page says what they do to the counter (`Order.untold`). Whether an unpaid order takes stock is told in
# two ways: "when an order is placed", and "not until payment succeeds". That a checkout's Incomplete order takes none is
# told; of one that is posted with status 0 nothing is. A declined order may keep what it took, an archived one too.
UNPAID = frozenset({Phase.PLACED})
UNPAID_BY_HAND = UNPAID | {Phase.DRAFT}
DECLINED = UNPAID | {Phase.CANCELLED}
ARCHIVED = DECLINED | {Phase.COMPLETED, Phase.REFUNDED}
MIGRATED = frozenset(Phase)
PICKED = frozenset(Phase)

_ABSENT = (None, "", 0, "0")
_ORDERS = msgspec.json.Decoder(wire.Order, strict=False)
_STUBS = msgspec.json.Decoder(wire.OrderStub, strict=False)


def decode_order(raw: bytes) -> wire.Order:
    """Decode one order. Raises ValueError."""
    try:
        return _ORDERS.decode(raw)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not an order as the vendor describes it: {error}") from error


def included_lines(order: wire.Order) -> list[wire.OrderProduct] | None:
    """The lines that came along with the order; None where they have to be read apart.

    None when the shop did not honour `include` (a link, or nothing, where the lines should be), and when there are fewer
    units in the lines than the order says it has: no page of the vendor says how many lines an include holds.
    """
    lines: list[wire.OrderProduct] = []
    consignments = order.consignments
    structured = isinstance(consignments, wire.Consignments)
    if isinstance(consignments, wire.Consignments):
        email = consignments.email
        certificates = email.gift_certificates if isinstance(email, wire.EmailConsignments) else email
        for group in (consignments.shipping, consignments.pickups, consignments.downloads, certificates):
            for consignment in group if isinstance(group, list) else (group,) if group else ():
                items = consignment.line_items
                if isinstance(items, list):
                    lines += items
                elif items is not None:
                    lines.append(items)
    units = 0
    for line in lines:
        if not line.id:
            return None
        units += parse(line.quantity) if line.quantity is not None else 0
    if order.items_total in _ABSENT:
        return lines if lines or order.items_total is not None or structured else None
    return lines if units >= parse(order.items_total or 0) else None


def map_order(order: wire.Order, products: Iterable[wire.OrderProduct], content: bytes, rule: TakingRule) -> Order:
    """The canonical order. `rule`: the stock settings that rule it (`ruled_by`), as they are now.

    Raises ValueError for what can't be understood; the message says what to do.
    """
    external = order.external_order_id
    status = order.status
    unique = {product.id: product for product in products}.values()
    return Order(
        order=str(order.id),
        created=read_date(order.date_created),
        modified=read_date(order.date_modified),
        phase=phase_of(order),
        status=status if isinstance(status, str) and status else f"status {order.status_id}",
        lines=_lines(unique),
        content=content,
        channel="" if order.channel_id is None else str(order.channel_id),
        cart=order.cart_id if isinstance(order.cart_id, str) else "",
        own_key=external if isinstance(external, str) and external.startswith(OWN_KEY_PREFIX) else "",
        completed=read_date_or_none(order.date_shipped if isinstance(order.date_shipped, str) else None),
        rule=rule,
        puts_back=_puts_back(order, unique),
        untold=_untold(order, unique),
    )


def ruled_by(order: wire.Order) -> str:
    """The channel whose stock settings rule the order; "" for the store's own, which rule orders entered by hand."""
    return "" if order.order_source == MANUAL_SOURCE or order.channel_id is None else str(order.channel_id)


def product_name(product: wire.Id, variant: wire.Id) -> str:
    """What order lines and listings call a thing for sale: `"12/345"`, `"12"` without a variant, "" for a custom line."""
    if product in _ABSENT:
        return ""
    return str(product) if variant in _ABSENT else f"{product}/{variant}"


def phase_of(order: wire.Order) -> Phase:
    """How far the order has come. Raises ValueError for a status that the vendor's table doesn't have."""
    status = order.status_id
    phase = PHASES.get(status)
    if _is_archived(order) and phase not in (Phase.COMPLETED, Phase.REFUNDED):
        return Phase.CANCELLED  # archived: out of the merchant's books; but what was over before stays as it was
    if status in UNPAID_STATUSES and str(order.payment_status).lower() in PAID_WORDS:
        return Phase.PAID
    if phase is None:
        raise ValueError(
            f"status_id {status} is not in the vendor's table of order statuses: give the order a known status in the "
            "store, or update syncd if the vendor has added one; then release the order"
        )
    return phase


def digest(first: bytes, *others: bytes) -> bytes:
    """The content hash of the raw bytes that an order was read from."""
    state = blake2b(first, digest_size=CONTENT_BYTES)
    for other in others:
        state.update(other)
    return state.digest()


def unreadable(raw: bytes, reason: str) -> Unreadable:
    """An order that goes to quarantine, with its id and stamp where those could be read."""
    order = ""
    modified: Instant | None = None
    try:
        stub = _STUBS.decode(raw)
        if isinstance(stub.id, int | str) and not isinstance(stub.id, bool):
            order = str(stub.id)
        if isinstance(stub.date_modified, str):
            modified = read_date(stub.date_modified)
    except (msgspec.MsgspecError, ValueError):
        pass  # then it has neither: the reason says why
    return Unreadable(order=order, reason=reason, raw=raw[:RAW_BYTES_MAX], modified=modified)


def _lines(products: Collection[wire.OrderProduct]) -> tuple[Line, ...]:
    """The order's lines, in the order of the answer."""
    parents = {
        str(product.parent_order_product_id) for product in products if product.parent_order_product_id not in _ABSENT
    }
    lines = []
    for product in products:
        line = str(product.id)
        quantity = Quantity(-1) if product.quantity is None else parse(product.quantity)
        if quantity < 0:
            raise ValueError(f"line {line} has no usable quantity: {product.quantity!r}")
        parent = product.parent_order_product_id
        lines.append(
            Line(
                line,
                product_name(product.product_id, product.variant_id),
                product.sku or "",
                quantity,
                ZERO,
                parse(product.quantity_shipped) if product.quantity_shipped else ZERO,
                None,
                _kind(product, is_parent=line in parents),
                "" if parent in _ABSENT else str(parent),
            )
        )
    return tuple(lines)


def _kind(product: wire.OrderProduct, *, is_parent: bool) -> LineKind:
    """What the line is to the stock: of a bundle and its children, the children are counted."""
    if is_parent:
        return LineKind.BUNDLE
    if product.type in {"digital", "giftcertificate"}:
        return LineKind.DIGITAL
    if product.product_id in _ABSENT:
        return LineKind.CUSTOM
    return LineKind.STOCK


def _is_archived(order: wire.Order) -> bool:
    return order.is_deleted in (True, "true", "1")


def _puts_back(order: wire.Order, products: Iterable[wire.OrderProduct]) -> bool:
    """Whether the shop puts all units back in this state, if its setting for that is on.

    The vendor's page on webhook events: stock may return when the status becomes Cancelled or Refunded, not Partially
    Refunded. Its page on refunds: a refund through the API returns nothing. An API refund of everything also ends in
    status 4, but it leaves its mark on the lines; a status that was merely written doesn't.
    """
    if order.status_id == 5:
        return True
    return order.status_id == 4 and not any(parse(product.quantity_refunded or 0) for product in products)


def _untold(order: wire.Order, products: Iterable[wire.OrderProduct]) -> frozenset[Phase]:
    """The phases of which nothing that is read tells what this order does to the counter.

    Whether the product chosen from a pick list takes stock is set on the list (`product_list_adjusts_inventory` of the
    product's modifier), and the order doesn't say.
    """
    if order.external_source == MIGRATED_SOURCE:
        return MIGRATED
    if any(product.parent_order_product_id not in _ABSENT for product in products):
        return PICKED
    if _is_archived(order):
        return ARCHIVED
    if order.status_id == 6:
        return DECLINED
    source = order.order_source
    return UNPAID_BY_HAND if isinstance(source, str) and source in HAND_SOURCES else UNPAID
