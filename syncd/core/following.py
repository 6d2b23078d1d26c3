"""Whether the status of an order in a shop is written, to follow the ERP: seldom, never needlessly, never to and fro.

Writing an order is dangerous where the shop has its taxes reckoned by a service (Avalara): a tax document is submitted when an
unpaid order becomes paid, and voided when a paid one becomes unpaid again (the vendor's page on orders, table of status
changes); a write that names no status may count as one to Pending. So a write always names a status, touches nothing else, and
is made only where the shop, asked just before, has another one. Of several changes that the ERP has told meanwhile the last
alone is looked at: to and fro in between comes to nothing.

    shop has     ERP wants    what is done
    X            X            nothing
    unpaid       paid         written; the tax document is submitted (once: here, or when the order was placed)
    paid         paid         written; no tax document moves
    unpaid       unpaid       written; no tax document moves
    paid         cancelled    written; the tax document is voided, as it should be
    paid         other unpaid refused: it would void the document of a sale that stands
    over         anything     refused: the shop has cancelled, declined or refunded it, and a revival would submit another document
    archived     anything     refused
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ShopStatus(StrEnum):
    """How far an order has come, in the words of the ERP's contract. They are BigCommerce's statuses."""

    INCOMPLETE = "incomplete"
    PENDING = "pending"
    SHIPPED = "shipped"
    PARTIALLY_SHIPPED = "partially_shipped"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_PICKUP = "awaiting_pickup"
    AWAITING_SHIPMENT = "awaiting_shipment"
    COMPLETED = "completed"
    AWAITING_FULFILLMENT = "awaiting_fulfillment"
    VERIFICATION = "manual_verification_required"
    DISPUTED = "disputed"
    PARTIALLY_REFUNDED = "partially_refunded"


# What the tax service takes for paid (the vendor's page on orders). Refunded is neither: it moves no document.
PAID = frozenset(
    {
        ShopStatus.SHIPPED,
        ShopStatus.PARTIALLY_SHIPPED,
        ShopStatus.AWAITING_PICKUP,
        ShopStatus.AWAITING_SHIPMENT,
        ShopStatus.COMPLETED,
        ShopStatus.AWAITING_FULFILLMENT,
    }
)
OVER = frozenset({ShopStatus.CANCELLED, ShopStatus.DECLINED, ShopStatus.REFUNDED})
START = frozenset(
    {
        ShopStatus.PENDING,
        ShopStatus.AWAITING_PAYMENT,
        ShopStatus.AWAITING_FULFILLMENT,
        ShopStatus.AWAITING_SHIPMENT,
        ShopStatus.AWAITING_PICKUP,
        ShopStatus.VERIFICATION,
        ShopStatus.SHIPPED,
        ShopStatus.COMPLETED,
    }
)  # with which an order may begin
# What a later change may ask for: an order doesn't become Incomplete again, and what money does isn't a status of ours.
TARGETS = START | {ShopStatus.PARTIALLY_SHIPPED, ShopStatus.CANCELLED, ShopStatus.REFUNDED}


class TaxEffect(StrEnum):
    """What a write does to the order's tax document, where the shop has such."""

    NONE = "none"
    SUBMITS = "submits"
    VOIDS = "voids"


class Deed(StrEnum):
    """What becomes of a wish."""

    NOTHING = "nothing"  # the shop has it so
    WRITE = "write"
    REFUSE = "refuse"


class Step(msgspec.Struct, frozen=True):
    """The decision, with its reason, and what a write would do to the tax document."""

    deed: Deed
    reason: str
    tax: TaxEffect = TaxEffect.NONE


def tax_effect(before: ShopStatus | None, after: ShopStatus) -> TaxEffect:
    """What going from one status to another does to a tax document that is submitted when an order is paid; `before` None: the
    order is made. A shop that submits on creation has its document already; a payment submits no second one there."""
    if ShopStatus.REFUNDED in (before, after):
        return TaxEffect.NONE
    was, is_paid = before in PAID, after in PAID
    if was == is_paid:
        return TaxEffect.NONE
    return TaxEffect.SUBMITS if is_paid else TaxEffect.VOIDS


def follow(shown: ShopStatus, wanted: ShopStatus, *, archived: bool = False) -> Step:
    """What to do about the ERP's wish, by the status that the shop shows now."""
    tax = tax_effect(shown, wanted)
    if archived:
        return Step(Deed.REFUSE, "the order is archived in the shop")
    if shown is wanted:
        return Step(Deed.NOTHING, f"the shop has it {wanted} already")
    if wanted not in TARGETS:
        return Step(Deed.REFUSE, f"no order is made {wanted} from outside", tax)
    if shown in OVER:
        return Step(Deed.REFUSE, f"the order is {shown} in the shop: it would be revived", tax)
    if tax is TaxEffect.VOIDS and wanted is not ShopStatus.CANCELLED:
        return Step(Deed.REFUSE, f"from {shown} to {wanted} the tax document of a paid order would be voided", tax)
    return Step(Deed.WRITE, f"{shown} in the shop, {wanted} in the ERP", tax)
