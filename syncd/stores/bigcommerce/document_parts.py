"""The parts of an order that have an address of their own, as the vendor's lists show them, to the document's. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from syncd.core.document_history import (
    Card,
    Message,
    Quote,
    Refund,
    RefundItem,
    RefundPayment,
    ShippedUnits,
    ShopShipment,
    Transaction,
)
from syncd.core.document_line import DocumentLine
from syncd.core.document_money import Coupon, Tax
from syncd.core.document_place import PlaceKind
from syncd.stores.bigcommerce.noisy import Fields

OWN_KEY: Final = re.compile(r"\bsp-[a-z2-7]{26}\b")  # our key, in the comments of a shipment that syncd made
COUPON_KINDS: Final[Mapping[str, str]] = {
    "0": "per_item", "1": "percentage", "2": "per_total", "3": "shipping", "4": "free_shipping", "5": "promotion",
}  # fmt: skip
REFUNDED_LINES: Final = frozenset({"product", "gift_wrapping"})
REFUNDED_PLACES: Final = frozenset({"shipping", "handling"})


def shipping_place(number: str) -> str:
    """The document's name of a shipping address; "" without one."""
    return f"{PlaceKind.SHIPPING}/{number}" if number else ""


def map_tax(row: Fields, pickup: str) -> Tax:
    """A row of `/taxes?details=true`. Orders taxed by a provider come without address and class. `pickup`: the order's."""
    return Tax(
        id=row.ident("id"),
        name=row.text("name"),
        amount=row.money("line_amount"),
        rate=row.money("rate"),
        tax_class=row.text("class"),
        priority=int(row.count("priority")),
        priority_amount=row.money("priority_amount"),
        applies_to=row.text("line_item_type"),
        line=row.ident("order_product_id"),
        place=pickup if row.ident("order_pickup_method_id") else shipping_place(row.ident("order_address_id")),
        code=row.text("sales_tax_id"),
    )


def map_coupon(row: Fields) -> Coupon:
    """A row of `/coupons`. Its type 0 is one, not "none"."""
    told = row.text("type")
    return Coupon(
        id=row.ident("id"),
        code=row.text("code"),
        kind=COUPON_KINDS.get(told, told),
        amount=row.money("amount"),
        discount=row.money("discount"),
        coupon=row.ident("coupon_id"),
    )


def map_message(row: Fields) -> Message:
    """A row of `/messages`."""
    return Message(
        id=row.ident("id"),
        text=row.text("message"),
        kind=row.text("type"),
        subject=row.text("subject"),
        status=row.text("status"),
        is_flagged=row.flag("is_flagged"),
        staff=row.ident("staff_id"),
        customer=row.ident("customer_id"),
        created=row.when("date_created"),
    )


def map_quote(row: Fields, place: str) -> Quote:
    """The quote of a place. A carrier's own answer lies in `shipping_provider_quote`; a fixed price has none."""
    told = next(iter(row.rows("shipping_provider_quote")), None)
    rate = told.inner("rate") if told is not None else None
    return Quote(
        id=row.ident("id"),
        place=place,
        provider=row.text("shipping_provider_id"),
        carrier=row.text("carrier_code") or row.text("provider_code"),
        name="" if told is None else told.text("name"),
        rate=None if rate is None else rate.money("value"),
        currency="" if rate is None else rate.text("unit"),
        transit="" if told is None else told.text("transitTime"),
        created=row.when("timestamp"),
    )


def map_transaction(row: Fields) -> Transaction:
    """A row of `/transactions`."""
    offline, custom, card = row.inner("offline"), row.inner("custom"), row.inner("credit_card")
    certificate, provider = row.inner("gift_certificate"), row.inner("custom_provider_field_result")
    label = offline.text("display_name") if offline is not None else ""
    return Transaction(
        id=row.ident("id"),
        event=row.text("event"),
        amount=row.money("amount"),
        currency=row.text("currency"),
        status=row.text("status"),
        method=row.text("method"),
        label=label or (custom.text("payment_method") if custom is not None else ""),
        gateway=row.text("gateway"),
        gateway_ref=row.text("gateway_transaction_id"),
        refers_to=row.ident("reference_transaction_id"),
        is_test=row.flag("test"),
        fraud_review=row.flag("fraud_review"),
        authorization=provider.text("authorization_code") if provider is not None else "",
        card=_card(card) if card is not None else None,
        gift_certificate=certificate.text("code") if certificate is not None else "",
        created=row.when("date_created"),
    )


def _card(row: Fields) -> Card:
    month, year = row.ident("card_expiry_month"), row.ident("card_expiry_year")
    expiry = f"{int(month):02d}/{year}" if month.isdecimal() and year else ""
    return Card(row.text("card_type"), row.text("card_iin"), row.text("card_last4"), expiry)


def map_refund(row: Fields) -> Refund:
    """A row of `/v3/orders/payment_actions/refunds`."""
    return Refund(
        id=row.ident("id"),
        total=row.money("total_amount"),
        tax=row.money("total_tax"),
        reason=row.text("reason"),
        by=row.ident("user_id"),
        created=row.when("created"),
        items=tuple(_refund_item(each) for each in row.rows("items")),
        payments=tuple(_refund_payment(each) for each in row.rows("payments")),
    )


def _refund_item(row: Fields) -> RefundItem:
    kind, of = row.text("item_type").lower(), row.ident("item_id")
    return RefundItem(
        kind=kind,
        of=of,
        line=of if kind in REFUNDED_LINES else "",
        place=shipping_place(of) if kind in REFUNDED_PLACES else "",
        quantity=row.money("quantity"),
        amount=row.money("requested_amount"),
        reason=row.text("reason"),
    )


def _refund_payment(row: Fields) -> RefundPayment:
    return RefundPayment(
        id=row.ident("id"),
        provider=row.text("provider_id"),
        amount=row.money("amount"),
        is_offline=row.flag("offline"),
        is_declined=row.flag("is_declined"),
        reason=row.text("declined_message"),
        transaction=row.ident("transaction_id"),
    )


def map_shipment(row: Fields) -> ShopShipment:
    """A row of `/shipments`. What syncd has made for the ERP carries our key in its comments."""
    comment = row.text("comments")
    own = OWN_KEY.search(comment)
    units = tuple(ShippedUnits(item.ident("order_product_id"), item.count("quantity")) for item in row.rows("items"))
    return ShopShipment(
        id=row.ident("id"),
        lines=units,
        key=own[0] if own else "",
        is_own=own is not None,
        place=shipping_place(row.ident("order_address_id")),
        carrier=row.text("shipping_provider") or row.text("tracking_carrier"),
        method=row.words("shipping_method"),
        tracking=row.text("tracking_number"),
        link=row.text("tracking_link") or row.text("generated_tracking_link"),
        cost=row.money("merchant_shipping_cost"),
        comment=comment,
        created=row.when("date_created"),
    )


def within_ordered(
    shipments: Sequence[ShopShipment], lines: Iterable[DocumentLine]
) -> tuple[tuple[ShopShipment, ...], tuple[str, ...]]:
    """The shipments with no more units of a line than were ordered of it, oldest first; and what was left out, in words.

    The ERP books what it is told: a unit that nobody ordered must not leave its stock. A shipment that is left empty goes.
    """
    left = {line.line: line.quantity for line in lines}
    kept: list[ShopShipment] = []
    beyond: list[str] = []
    for shipment in sorted(shipments, key=lambda each: (len(each.id), each.id)):
        units: list[ShippedUnits] = []
        for told in shipment.lines:
            fits = max(Decimal(0), min(told.quantity, left.get(told.line, Decimal(0))))
            if fits < told.quantity:
                beyond.append(
                    f"shipment {shipment.id}: {told.quantity - fits} of line {told.line} more than was ordered"
                )
            if fits:
                left[told.line] -= fits
                units.append(ShippedUnits(told.line, fits))
        if units:
            kept.append(msgspec.structs.replace(shipment, lines=tuple(units)))
    return tuple(kept), tuple(beyond)
