"""BigCommerce's orders as whole documents: each field with its origin, and no request that the order itself rules out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from syncd.core.document import PartState
from syncd.core.document_history import ShippedUnits
from syncd.core.document_line import LineKind
from syncd.core.document_money import Amount
from syncd.core.document_place import PlaceKind
from syncd.core.quantity import SECOND, Instant
from syncd.errors import StoreFault, Throttled
from syncd.ports.documents import RawOrder
from syncd.stores.bigcommerce.document_rules import PARTS
from syncd.stores.bigcommerce.documents import BigCommerceDocuments
from tests.stores.bigcommerce_bodies import link, raw
from tests.stores.bigcommerce_document_bodies import Parts, forbidden_word, gone, line, order, shipping

READ_AT = Instant(1_700_000_000 * SECOND)
ALL = frozenset(PARTS)


def given(body: dict[str, Any], *, is_last_try: bool = False) -> RawOrder:
    return RawOrder(str(body["id"]), raw(body), READ_AT, is_last_try)


async def read_one(body: dict[str, Any], client: Parts | None = None, wanted: Any = (), *, is_last_try: bool = False):
    port = BigCommerceDocuments(client or Parts(), wanted)
    (read,) = await port.documents([given(body, is_last_try=is_last_try)])
    return read


async def document_of(body: dict[str, Any], client: Parts | None = None, wanted: Any = ()):
    read = await read_one(body, client, wanted)
    assert read.document is not None, read.reason
    return read.document


def states(document: Any) -> dict[str, str]:
    return {part.name: str(part.state) for part in document.parts}


async def test_an_order_of_the_list_is_a_document_without_any_request() -> None:
    client = Parts()
    document = await document_of(order(), client)
    assert client.asked == []
    assert (document.order, document.phase, document.status) == ("118", "paid", "Awaiting Fulfillment")
    assert document.totals.total == Amount(Decimal("105.1"), Decimal("114.2"), Decimal("9.1"))
    assert document.prices_include_tax is False
    assert (document.currency.code, document.currency.exchange_rate) == ("EUR", "1.1000000000")
    assert (document.billing.city, document.billing.country) == ("Austin", "US")
    assert (document.customer.id, document.customer.message, document.staff_notes) == ("", "Thank you", "Send Saturday")
    assert (document.origin.channel, document.origin.external_id, document.origin.external_merchant_id) == ("1", "", "")
    assert document.cart == "a8458391-ef68-4fe5-9ec1-442e6a767364"
    assert document.completed is None
    (place,) = document.places
    assert (place.id, place.kind, place.method) == ("shipping/29", PlaceKind.SHIPPING, "Free Shipping")
    assert place.address is not None
    assert place.address.fields[0].value == "4711"
    assert place.cost == Amount(Decimal("5.1"), Decimal("6.2"), Decimal("1.1"))
    (row,) = document.lines
    assert (row.line, row.kind, row.quantity, row.place) == ("25", LineKind.STOCK, Decimal(2), "shipping/29")
    assert (row.product, row.variant, row.sku, row.weight) == ("20", "77", "S-GREE", Decimal("1.5"))
    assert row.wrapping is None
    assert states(document) == {"order": "read", "lines": "read", "fees": "none"} | dict.fromkeys(PARTS, "not_wanted")


async def test_each_place_has_its_lines_and_each_kind_is_known() -> None:
    body = order(
        items_total=6,
        consignments={
            "shipping": [
                shipping(29, [line(1)]),
                shipping(30, [line(2, product_id=0), line(3), line(4, parent_order_product_id="3")]),
            ],
            "pickups": [
                {"id": 9, "pickup_method_display_name": "Pick Up", "collection_instructions": "Bring your ID.",
                 "location": {"id": 1, "code": "AUSTIN", "email": "shop@example.com"}, "line_items": [line(5)]}
            ],
            "downloads": [{"recipient_email": "a@example.com", "line_items": line(6, type="digital")}],
            "email": {"gift_certificates": [
                {"recipient_email": "b@example.com", "line_items": [line(7, type="giftcertificate", gift_certificate_id=52)]}
            ]},
        },
    )  # fmt: skip
    document = await document_of(body)
    assert [(row.line, row.kind.value, row.place, row.parent) for row in document.lines] == [
        ("1", "stock", "shipping/29", ""),
        ("2", "custom", "shipping/30", ""),
        ("3", "bundle", "shipping/30", ""),
        ("4", "stock", "shipping/30", "3"),
        ("5", "stock", "pickup/9", ""),
        ("6", "digital", "download/1", ""),
        ("7", "gift_certificate", "email/1", ""),
    ]
    pickup = next(place for place in document.places if place.kind is PlaceKind.PICKUP)
    assert (pickup.location, pickup.instructions, pickup.address) == ("AUSTIN", "Bring your ID.", None)


async def test_options_discounts_and_wrapping_are_told() -> None:
    rich = line(
        wrapping_id=3, wrapping_name="Red paper", wrapping_message="For you", wrapping_cost_inc_tax="2.5000",
        applied_discounts=[{"id": "total-coupon", "amount": 1.21, "name": "$5 off", "code": "S25", "target": "order"}],
        product_options=[{"id": 16, "product_option_id": 120, "display_name": "Size", "display_value": "S", "value": "69",
                          "type": "Multiple choice"}],
        configurable_fields=[{"name": "Engraving", "value": "Rabin"}], quantity_refunded=1, refund_amount="54.0000",
    )  # fmt: skip
    document = await document_of(order(consignments={"shipping": [shipping(29, [rich])]}))
    (row,) = document.lines
    assert row.wrapping is not None
    assert (row.wrapping.name, row.wrapping.message, row.wrapping.cost.inc_tax) == (
        "Red paper",
        "For you",
        Decimal("2.5"),
    )
    assert (row.discounts[0].amount, row.discounts[0].code) == (Decimal("1.21"), "S25")
    assert (row.options[0].name, row.options[0].value, row.options[0].raw) == ("Size", "S", "69")
    assert (row.fields[0].value, row.refunded, row.refunded_amount) == ("Rabin", Decimal(1), Decimal(54))


async def test_fees_of_the_list_come_without_a_request_and_a_link_is_followed() -> None:
    fee = {"id": 1, "type": "custom_fee", "display_name_customer": "Insurance", "display_name_merchant": "Package",
           "source": "v2", "base_cost": "12.3000", "cost_exc_tax": "12.3000", "cost_inc_tax": 12.3, "cost_tax": 0,
           "tax_class_id": None}  # fmt: skip
    client = Parts(fees={"fees": [fee]})
    document = await document_of(order(fees=[fee]), client)
    assert client.asked == []
    assert (document.fees[0].name, document.fees[0].cost.ex_tax) == ("Insurance", Decimal("12.3"))
    linked = await document_of(order(fees=link(118, "fees")), client)
    assert client.asked == ["/v2/orders/118/fees"]
    assert linked.fees == document.fees


async def test_lines_that_the_list_left_out_are_read() -> None:
    lines = [line(number, order_address_id=29) for number in range(1, 61)]
    client = Parts(products=lines)
    short = order(items_total=120, consignments={"shipping": [shipping(29, lines[:10])]})
    document = await document_of(short, client)
    assert client.asked == ["/v2/orders/118/products", "/v2/orders/118/products page 2"]
    assert len(document.lines) == 60
    assert {row.place for row in document.lines} == {"shipping/29"}


async def test_places_that_the_list_left_out_are_read() -> None:
    client = Parts(
        products=[line()], consignments={"shipping": [shipping(29, [link(118, "products/25")])], "pickups": []}
    )
    document = await document_of(order(consignments=link(118, "consignments")), client)
    assert client.asked == ["/v2/orders/118/consignments", "/v2/orders/118/products"]
    assert [(place.id, row.place) for place, row in zip(document.places, document.lines, strict=True)] == [
        ("shipping/29", "shipping/29")
    ]


TAX = {"id": 13, "order_id": 118, "order_address_id": 29, "tax_rate_id": 1, "sales_tax_id": "TaxId123", "name": "State Tax",
       "class": "Default Tax Class", "rate": "8.0000", "priority": 0, "priority_amount": "8.0000", "line_amount": "8.0000",
       "order_pickup_method_id": 0, "order_product_id": "25", "line_item_type": "item"}  # fmt: skip
COUPON = {"id": 3, "coupon_id": 1, "order_id": 118, "code": "S25", "amount": "5", "type": 0, "discount": 2.7}
MESSAGE = {"id": 2, "order_id": 118, "staff_id": 1, "customer_id": 11, "type": "admin", "subject": "Re: Order",
           "message": "Thanks", "status": "unread", "is_flagged": False, "customer": {},
           "date_created": "Wed, 26 Sep 2018 15:52:03 +0000"}  # fmt: skip
QUOTE = {"id": "19", "uuid": "6c21", "timestamp": "Mon, 20 Aug 2018 14:47:13 +0000", "shipping_provider_id": "bcrealtime",
         "shipping_provider_quote": [{"rate": {"value": "44.11", "unit": "USD"}, "transitTime": "1 business day",
                                      "name": "UPS Next Day Air", "carrierCode": {}, "rateId": {}}],
         "provider_code": "upsready", "carrier_code": "", "rate_code": "", "rate_id": ""}  # fmt: skip
TRANSACTION = {"id": 7, "order_id": "118", "event": "capture", "method": "credit_card", "amount": 114.2, "currency": "EUR",
               "gateway": "stripe", "gateway_transaction_id": "ch_1", "status": "ok", "test": False, "fraud_review": False,
               "reference_transaction_id": {}, "offline": None, "custom": None, "date_created": "2018-09-26T15:52:03+00:00",
               "credit_card": {"card_type": "visa", "card_iin": "411111", "card_last4": "1111", "card_expiry_month": 7,
                               "card_expiry_year": 2030}}  # fmt: skip
REFUND = {"id": 4, "order_id": 118, "user_id": 1, "created": "2018-09-27T15:52:03+00:00", "reason": "broken",
          "total_amount": 54.0, "total_tax": 4, "uses_merchant_override_values": False,
          "items": [{"item_type": "PRODUCT", "item_id": 25, "quantity": 1, "requested_amount": 54.0, "reason": ""},
                    {"item_type": "SHIPPING", "item_id": 29, "requested_amount": 6.2}],
          "payments": [{"id": 1, "provider_id": "storecredit", "amount": 54.0, "offline": True, "is_declined": False}]}  # fmt: skip
SHIPMENT = {"id": 1, "order_id": 118, "order_address_id": 29, "date_created": "Mon, 11 Mar 2019 17:22:08 +0000",
            "tracking_number": "EJ95", "merchant_shipping_cost": "0.0000", "shipping_method": "None", "comments": "Ready",
            "shipping_provider": "usps", "tracking_carrier": "", "tracking_link": "", "generated_tracking_link": "https://u/EJ95",
            "items": [{"order_product_id": 25, "product_id": 20, "quantity": 1}]}  # fmt: skip
WHOLE = {"taxes": [TAX], "coupons": [COUPON], "messages": [MESSAGE], "shipping_quotes": QUOTE,
         "transactions": [TRANSACTION], "refunds": [REFUND], "shipments": [SHIPMENT]}  # fmt: skip


async def test_every_part_that_is_wanted_is_read_once() -> None:
    client = Parts(**WHOLE)
    document = await document_of(order(coupon_discount="2.7000", items_shipped=1), client, ALL)
    assert client.asked == [
        "/v3/orders/payment_actions/refunds?order_id:in=118",
        "/v2/orders/118/taxes?details=true",
        "/v2/orders/118/coupons",
        "/v2/orders/118/messages",
        "/v2/orders/118/shipping_addresses/29/shipping_quotes",
        "/v3/orders/118/transactions",
        "/v2/orders/118/shipments",
    ]
    (tax,), (coupon,), (message,), (quote,) = document.taxes, document.coupons, document.messages, document.quotes
    assert (tax.amount, tax.rate, tax.line, tax.place, tax.applies_to) == (8, 8, "25", "shipping/29", "item")
    assert (coupon.kind, coupon.amount, coupon.discount) == ("per_item", Decimal(5), Decimal("2.7"))
    assert (message.text, message.kind, message.staff) == ("Thanks", "admin", "1")
    assert (quote.rate, quote.currency, quote.carrier, quote.place) == (
        Decimal("44.11"),
        "USD",
        "upsready",
        "shipping/29",
    )
    (transaction,), (refund,), (shipment,) = document.transactions, document.refunds, document.shipments
    assert (transaction.amount, transaction.refers_to) == (Decimal("114.2"), "")
    assert transaction.card is not None
    assert (transaction.card.last_digits, transaction.card.expiry) == ("1111", "07/2030")
    assert [(item.kind, item.line, item.place) for item in refund.items] == [
        ("product", "25", ""),
        ("shipping", "", "shipping/29"),
    ]
    assert (refund.total, refund.payments[0].provider) == (Decimal(54), "storecredit")
    assert (shipment.carrier, shipment.tracking, shipment.method, shipment.is_own) == ("usps", "EJ95", "", False)
    assert shipment.lines == (ShippedUnits("25", Decimal(1)),)
    assert set(states(document).values()) == {"read", "none"}  # there are no fees
    origin = {part.name: part for part in document.parts}
    assert origin["taxes"].resource == "/v2/orders/118/taxes"
    assert origin["taxes"].read_at is not None


async def test_refunds_of_many_orders_are_one_request() -> None:
    client = Parts(refunds=[REFUND, {**REFUND, "id": 5, "order_id": 120}])
    port = BigCommerceDocuments(client, {"refunds"})
    reads = await port.documents([given(order(number)) for number in (118, 119, 120)])
    assert client.asked == ["/v3/orders/payment_actions/refunds?order_id:in=118,119,120"]
    assert [len(read.document.refunds) for read in reads if read.document] == [1, 0, 1]
    assert [read.requests for read in reads] == [0, 0, 0]


NO_TAX = dict.fromkeys(("total_tax", "subtotal_tax", "shipping_cost_tax"), "0.0000")
FREE = {"shipping_cost_ex_tax": "0.0000", "shipping_cost_inc_tax": "0.0000"}
NOT_NEEDED: list[tuple[str, dict[str, Any], bool]] = [
    ("taxes", {**NO_TAX, "consignments": {"shipping": [shipping(29, [line(total_tax="0.0000")])]}}, False),
    ("taxes", NO_TAX, True),  # the line has some
    ("taxes", {"total_tax": "0.0000"}, True),  # the lines' taxes don't show in the total
    ("coupons", {}, False),
    ("coupons", {"discount_amount": "1.0000"}, True),
    ("coupons", FREE, True),  # a coupon for free shipping may hide there
    ("messages", {}, True),
    ("quotes", {}, True),
    ("quotes", {"order_source": "manual"}, False),
    ("quotes", {"order_source": "external"}, False),
    ("transactions", {}, True),
    ("transactions", {"status_id": 7, "payment_status": ""}, False),
    ("transactions", {"status_id": 7, "payment_status": "pending"}, True),
    ("transactions", {"total_inc_tax": "0.0000"}, False),
    ("transactions", {"total_inc_tax": "0.0000", "store_credit_amount": "9.0000"}, True),
    ("refunds", {"total_inc_tax": "0.0000"}, False),
    ("refunds", {}, True),
    ("shipments", {}, False),
    ("shipments", {"items_shipped": 1}, True),
    ("shipments", {"status_id": 3}, True),
    ("shipments", {"date_shipped": "Wed, 06 Mar 2019 08:00:00 +0000"}, True),
    ("shipments", {"consignments": {"shipping": [shipping(29, [line(quantity_shipped=1)])]}}, True),
]


@pytest.mark.parametrize(("part", "fields", "is_read"), NOT_NEEDED)
async def test_a_part_that_the_order_rules_out_costs_no_request(
    part: str, fields: dict[str, Any], *, is_read: bool
) -> None:
    client = Parts()
    document = await document_of(order(**fields), client, {part})
    origin = next(each for each in document.parts if each.name == part)
    assert bool(client.asked) == is_read
    assert origin.state is (PartState.NONE if is_read else PartState.NOT_NEEDED)
    assert bool(origin.reason) != is_read


async def test_a_list_is_followed_to_its_end_and_what_comes_twice_is_one() -> None:
    rows = [{**MESSAGE, "id": number} for number in range(1, 101)]
    client = Parts(messages=[*rows[:60], *rows[59:]])
    document = await document_of(order(), client, {"messages"})
    assert len(document.messages) == 100
    assert client.asked[-1] == "/v2/orders/118/messages page 3"


async def test_a_list_that_ignores_the_page_ends() -> None:
    class Same(Parts):
        async def read(self, path, query=(), *, accept=()):
            return await super().read(path, [*query, ("page", "1")], accept=accept)

    client = Same(messages=[{**MESSAGE, "id": number} for number in range(1, 51)])
    document = await document_of(order(), client, {"messages"})
    assert len(document.messages) == 50
    assert len(client.asked) == 2


@pytest.mark.parametrize("bad", [{**TAX, "line_amount": "a lot"}, {**TAX, "line_amount": {"x": 1}}, "tax"])
async def test_a_part_that_cant_be_understood_is_left_out_with_its_bytes(bad: Any) -> None:
    client = Parts(**{**WHOLE, "taxes": [TAX, bad]})
    read = await read_one(order(), client, {"taxes", "messages"})
    assert read.document is not None
    assert states(read.document)["taxes"] == "unreadable"
    assert read.document.taxes == ()
    assert states(read.document)["messages"] == "read"
    (left,) = read.unreadable
    assert left.part == "taxes"
    assert b"TaxId123" in left.raw


async def test_a_part_that_the_store_refuses_is_left_out() -> None:
    client = Parts(**WHOLE)
    client.faults = {"messages": forbidden_word(), "taxes": gone()}
    read = await read_one(order(), client, {"taxes", "messages"})
    assert read.document is not None
    assert {part.part for part in read.unreadable} == {"taxes", "messages"}


async def test_an_order_on_whose_part_the_store_fails_is_tried_again_then_goes_without_it() -> None:
    client = Parts(**WHOLE)
    client.faults = {"messages": StoreFault("500", status=500)}
    port = BigCommerceDocuments(client, {"messages"})
    first, second = await port.documents([given(order(118)), given(order(119))])
    assert (first.document, first.is_passing, second.is_passing) == (None, True, True)
    last = await read_one(order(), client, {"messages"}, is_last_try=True)
    assert last.document is not None
    assert states(last.document)["messages"] == "unreadable"


async def test_half_a_body_is_no_answer() -> None:
    read = await read_one(order(), Parts(messages=b'[{"id": 1, "mess'), {"messages"})
    assert (read.document, read.is_passing) == (None, True)


@pytest.mark.parametrize("error", [StoreFault("503", status=503), Throttled("wait", wait_seconds=9.0)])
async def test_a_store_that_fails_for_all_is_no_orders_fault(error: Exception) -> None:
    client = Parts()
    client.faults = {"messages": error}
    with pytest.raises(type(error)):
        await read_one(order(), client, {"messages"})


@pytest.mark.parametrize(
    "fields",
    [
        {"total_ex_tax": None, "total_inc_tax": None},
        {"total_inc_tax": "much"},
        {"date_created": "yesterday"},
        {"billing_address": "Jane"},
        {"status_id": 99},
        {"items_total": 0, "consignments": {"shipping": [shipping(29, [line(quantity=-1)])]}},
        {"consignments": {"shipping": []}},  # and no line when they are read apart
    ],
)
async def test_an_order_that_cant_be_understood_is_no_document(fields: dict[str, Any]) -> None:
    read = await read_one(order(**fields))
    assert (read.document, read.is_passing) == (None, False)
    assert read.reason


async def test_bytes_of_another_order_are_not_taken() -> None:
    (read,) = await BigCommerceDocuments(Parts()).documents([RawOrder("7", raw(order(118)), READ_AT)])
    assert read.document is None


async def test_no_more_units_are_told_as_shipped_than_were_ordered() -> None:
    own = "sp-" + "a" * 26
    rows = [
        {**SHIPMENT, "id": 11, "items": [{"order_product_id": 25, "quantity": 2}]},
        {**SHIPMENT, "id": 9, "comments": f"syncd {own}"},
        {**SHIPMENT, "id": 12, "items": [{"order_product_id": 99, "quantity": "1"}]},
    ]
    read = await read_one(order(items_shipped=2), Parts(shipments=rows), {"shipments"})
    assert read.document is not None
    assert [(one.id, one.lines[0].quantity, one.key, one.is_own) for one in read.document.shipments] == [
        ("9", Decimal(1), own, True),
        ("11", Decimal(1), "", False),
    ]
    assert read.document.warnings == (
        "shipment 11: 1 of line 25 more than was ordered",
        "shipment 12: 1 of line 99 more than was ordered",
    )
    assert [left.part for left in read.unreadable] == ["shipments"]


async def test_refunds_by_date_name_their_orders() -> None:
    client = Parts(refunds=[REFUND, {**REFUND, "id": 5, "order_id": 120}])
    page = await BigCommerceDocuments(client, {"refunds"}).refunded(READ_AT)
    assert client.asked == ["/v3/orders/payment_actions/refunds?created:min=2023-11-14T22:13:19Z"]
    assert [(news.refund, news.order) for news in page.refunds] == [("4", "118"), ("5", "120")]


async def test_a_list_of_refunds_that_cant_be_read_is_not_passed_by() -> None:
    port = BigCommerceDocuments(Parts(refunds=[{**REFUND, "created": "soon"}]), {"refunds"})
    with pytest.raises(StoreFault):
        await port.refunded(READ_AT)


async def test_an_order_of_the_erps_carries_its_key() -> None:
    document = await document_of(order(external_order_id="syncd-SO-1", is_deleted="true"))
    assert (document.own_key, document.is_archived, document.phase) == ("syncd-SO-1", True, "cancelled")


async def test_refunds_on_which_the_store_fails_hold_up_their_orders_and_not_for_ever() -> None:
    client = Parts(**WHOLE)
    client.faults = {"refunds": StoreFault("500", status=500)}
    port = BigCommerceDocuments(client, {"refunds"})
    first, last, free = await port.documents(
        [given(order(118)), given(order(119), is_last_try=True), given(order(120, payment_status="", status_id=7))]
    )
    assert (first.document, first.is_passing) == (None, True)
    assert last.document is not None
    assert states(last.document)["refunds"] == "unreadable"
    assert free.document is not None, "it wasn't asked about"


async def test_a_complaint_never_holds_what_somebody_wrote() -> None:
    """A part's reason goes to sinks that get nothing personal, and into the log."""
    ada = {"mail": "ada@example.com"}
    client = Parts(**{**WHOLE, "messages": [{**MESSAGE, "subject": ada}]})
    read = await read_one(order(), client, {"messages"})
    assert read.document is not None
    assert "is no text: an object" in read.unreadable[0].reason
    for fields in (
        {"billing_address": "ada@example.com"},
        {"staff_notes": [ada]},
        {"total_tax": ada},
        {"date_shipped": ada},
    ):
        reason = (await read_one(order(**fields))).reason
        assert reason
        assert "ada@" not in reason
    assert not any("ada@" in part.reason for part in read.document.parts)
