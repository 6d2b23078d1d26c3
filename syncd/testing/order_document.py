"""An order document with something in every field, for suites that want to see all of it arrive."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from syncd.core.document import Customer, OrderDocument, Origin, Part, PartState, Payment
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
from syncd.core.document_line import Discount, DocumentLine, ErpUnits, LineKind, Option, Wrapping
from syncd.core.document_money import Amount, Coupon, Currency, Fee, Tax, Totals
from syncd.core.document_place import Address, NamedValue, Place, PlaceKind

WHEN = datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
TEN = Amount(Decimal("9.26"), Decimal("10.00"), Decimal("0.74"))
JANE = Address(
    "Jane", "Doe", "Doe Ltd", "1 Main St", "Suite 2", "Austin", "Texas", "78751", "US", "United States", "555-1", "j@example.com",
    (NamedValue("Gate code", "4711"),),
)  # fmt: skip


def an_order(key: str) -> OrderDocument:
    """A paid order of one line, with all that may come with it."""
    one = Decimal(1)
    return OrderDocument(
        key=key,
        store="shop",
        order="1001",
        phase="paid",
        status="Awaiting Fulfillment",
        totals=Totals(TEN, TEN, TEN, TEN, TEN, one, one, one, one),
        created=WHEN,
        modified=WHEN,
        completed=WHEN,
        revision=1_700_000_000_123_456,
        own_key="syncd-abcdefghijklmnopqrstuvwxyz",
        erp_key="SO-1",
        cart="a8458391",
        prices_include_tax=False,
        currency=Currency("EUR", "EUR", "USD", "1.1000000000"),
        origin=Origin("1", "www", "POS", "X-1", "X-2", "X-3", "192.0.2.1", "US"),
        customer=Customer("7", "en", is_subscribed=True, message="Thank you"),
        payment=Payment("Credit Card", "stripe", "captured"),
        staff_notes="Send Saturday",
        billing=JANE,
        places=(Place("shipping/29", PlaceKind.SHIPPING, JANE, "Free Shipping", zone="United States", cost=TEN),),
        lines=(_line(one),),
        fees=(Fee("1", "custom_fee", "Insurance", "Package", "v2", TEN, one, "0"),),
        taxes=(Tax("13", "State Tax", one, Decimal("8.25"), "Default", 0, one, "item", "11", "shipping/29", "T1"),),
        coupons=(Coupon("3", "S25", "percentage", Decimal(5), one, "1"),),
        messages=(Message("2", "Thanks", "admin", "Re: Order", "unread", is_flagged=True, created=WHEN),),
        quotes=(Quote("19", "shipping/29", "bcrealtime", "ups", "Next Day", one, "USD", "1 day", WHEN),),
        transactions=(Transaction("7", "capture", one, "EUR", "ok", card=Card("visa", "411111", "1111", "07/2030")),),
        refunds=(
            Refund("4", one, one, "broken", "1", WHEN, (RefundItem("product", "11", "11", "", one, one),),
                   (RefundPayment("1", "storecredit", one),)),
        ),
        shipments=(ShopShipment("6", (ShippedUnits("11", one),), tracking="EJ95", carrier="usps", created=WHEN),),
        parts=(Part("taxes", PartState.READ, "/v2/orders/1001/taxes", WHEN),),
        warnings=("shipment 6: 1 of line 11 more than was ordered",),
    )  # fmt: skip


def _line(one: Decimal) -> DocumentLine:
    return DocumentLine(
        line="11",
        kind=LineKind.STOCK,
        name="Tea",
        quantity=Decimal("2.5"),
        shipped=one,
        refunded=one,
        product="20",
        variant="77",
        sku="TEA",
        erp=(ErpUnits("TEA-100", Decimal(2)),),
        place="shipping/29",
        price=TEN,
        total=TEN,
        discounts=(Discount("total-coupon", one, "$1 off", "S25", "order"),),
        options=(Option("Size", "S", "Multiple choice", "120", "69"),),
        fields=(NamedValue("Engraving", "Rabin"),),
        wrapping=Wrapping("Red paper", "For you", TEN, one),
    )
