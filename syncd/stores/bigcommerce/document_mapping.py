"""From one BigCommerce order, as its list sends it, to the order document: what the order's own bytes hold. Pure.

Places are named by how it gets there and the vendor's number: `shipping/29`, `pickup/99`; downloads and e-mailed gift
certificates have no number and are counted: `download/1`, `email/1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from syncd.core.document import Customer, OrderDocument, Origin, Payment
from syncd.core.document_line import Discount, DocumentLine, LineKind, Option, Wrapping
from syncd.core.document_money import Amount, Currency, Fee, Totals
from syncd.core.document_place import Address, NamedValue, Place, PlaceKind
from syncd.stores.bigcommerce.noisy import Fields


class Sent(msgspec.Struct):
    """What an order's own bytes hold of places and lines. `lines`: each with the place that it was listed under."""

    places: list[Place]
    lines: list[tuple[Fields, str]]
    is_whole: bool  # the places came along; else they have to be read


def map_order_document(order: Fields, *, phase: str, status: str, own_key: str) -> OrderDocument:
    """All but lines, places and what has an address of its own. Raises ValueError for what can't be understood."""
    total = order.amount("total_ex_tax", "total_inc_tax", "total_tax")
    if total.ex_tax is None and total.inc_tax is None:
        raise ValueError("the order has no total, neither with tax nor without")
    billing = order.inner("billing_address")
    return OrderDocument(
        key="",
        store="",
        order=order.ident("id"),
        phase=phase,
        status=status,
        totals=_totals(order, total),
        created=order.when("date_created"),
        modified=order.when("date_modified"),
        completed=order.when("date_shipped"),
        own_key=own_key,
        cart=order.text("cart_id"),
        is_archived=order.flag("is_deleted"),
        prices_include_tax=order.maybe("is_tax_inclusive_pricing"),
        currency=Currency(
            order.text("currency_code"),
            order.text("default_currency_code"),
            order.text("store_default_currency_code"),
            order.text("currency_exchange_rate"),
        ),
        origin=Origin(
            channel=order.ident("channel_id"),
            source=order.text("order_source"),
            external_source=order.words("external_source"),
            external_id=order.words("external_id"),
            external_order_id=order.text("external_order_id"),
            external_merchant_id=order.words("external_merchant_id"),
            ip=order.text("ip_address") or order.text("ip_address_v6"),
            country=order.text("geoip_country_iso2"),
        ),
        customer=Customer(
            order.ident("customer_id"),
            order.text("customer_locale"),
            order.maybe("is_email_opt_in"),
            order.text("customer_message"),
        ),
        payment=Payment(
            order.words("payment_method"), order.ident("payment_provider_id"), order.text("payment_status")
        ),
        staff_notes=order.text("staff_notes"),
        billing=map_address(billing) if billing is not None else Address(),
    )


def _totals(order: Fields, total: Amount) -> Totals:
    return Totals(
        total=total,
        lines=order.amount("subtotal_ex_tax", "subtotal_inc_tax", "subtotal_tax"),
        shipping=order.amount("shipping_cost_ex_tax", "shipping_cost_inc_tax", "shipping_cost_tax"),
        handling=order.amount("handling_cost_ex_tax", "handling_cost_inc_tax", "handling_cost_tax"),
        wrapping=order.amount("wrapping_cost_ex_tax", "wrapping_cost_inc_tax", "wrapping_cost_tax"),
        discount=order.money("discount_amount"),
        coupons=order.money("coupon_discount"),
        store_credit=order.money("store_credit_amount"),
        gift_certificates=order.money("gift_certificate_amount"),
    )


def map_address(row: Fields) -> Address:
    """A billing or shipping address."""
    return Address(
        first_name=row.text("first_name"),
        last_name=row.text("last_name"),
        company=row.text("company"),
        street_1=row.text("street_1"),
        street_2=row.text("street_2"),
        city=row.text("city"),
        region=row.text("state"),
        postcode=row.text("zip"),
        country=row.text("country_iso2"),
        country_name=row.text("country"),
        phone=row.text("phone"),
        email=row.text("email"),
        fields=_named(row.rows("form_fields")),
    )


def _named(rows: Iterable[Fields]) -> tuple[NamedValue, ...]:
    return tuple(NamedValue(row.text("name"), row.value_text("value")) for row in rows)


# -- places, and the lines that are listed under them


def sent_with(consignments: Fields | None) -> Sent:
    """The places of `consignments` with their lines; nothing where there is only a link."""
    if consignments is None or consignments.is_link():
        return Sent([], [], is_whole=False)
    sent = Sent([], [], is_whole=True)
    for row in consignments.rows("shipping"):
        _add(sent, row, map_shipping(row))
    for row in consignments.rows("pickups"):
        _add(sent, row, _pickup(row))
    for number, row in enumerate(consignments.rows("downloads"), 1):
        _add(sent, row, _mailed(row, PlaceKind.DOWNLOAD, number))
    email = list(consignments.rows("email"))
    mails = [
        mail for each in email for mail in (each.rows("gift_certificates") if each.has("gift_certificates") else [each])
    ]
    for number, row in enumerate(mails, 1):
        _add(sent, row, _mailed(row, PlaceKind.EMAIL, number))
    return sent


def _add(sent: Sent, row: Fields, place: Place) -> None:
    sent.places.append(place)
    sent.lines += [(line, place.id) for line in row.rows("line_items") if not line.is_link()]


def map_shipping(row: Fields) -> Place:
    """A shipping consignment; a row of `/shipping_addresses` has the same fields."""
    return Place(
        id=f"{PlaceKind.SHIPPING}/{row.ident('id')}",
        kind=PlaceKind.SHIPPING,
        address=map_address(row),
        method=row.words("shipping_method"),
        cost=row.amount("cost_ex_tax", "cost_inc_tax", "cost_tax"),
        base_cost=row.money("base_cost"),
        handling=row.amount("handling_cost_ex_tax", "handling_cost_inc_tax", "handling_cost_tax"),
        base_handling=row.money("base_handling_cost"),
        zone=row.text("shipping_zone_name"),
    )


def _pickup(row: Fields) -> Place:
    location = row.inner("location")
    return Place(
        id=f"{PlaceKind.PICKUP}/{row.ident('id')}",
        kind=PlaceKind.PICKUP,
        method=row.text("pickup_method_display_name"),
        location="" if location is None else location.text("code") or location.ident("id"),
        instructions=row.text("collection_instructions"),
    )


def _mailed(row: Fields, kind: PlaceKind, number: int) -> Place:
    return Place(id=f"{kind}/{number}", kind=kind, address=Address(email=row.text("recipient_email")))


def place_of(line: Fields, places: Iterable[Place]) -> str:
    """The place of a line that was read apart from them: by its address, its pickup, or the only one that there is."""
    known = {place.id: place for place in places}
    name = f"{PlaceKind.SHIPPING}/{line.ident('order_address_id')}"
    if name in known:
        return name
    if line.ident("order_pickup_method_id"):
        return pickup_of(known.values())
    kind = {"digital": PlaceKind.DOWNLOAD, "giftcertificate": PlaceKind.EMAIL}.get(line.text("type"))
    mailed = [name for name, place in known.items() if place.kind is kind]
    return mailed[0] if len(mailed) == 1 else ""


def pickup_of(places: Iterable[Place]) -> str:
    """The order's pickup; "" without one. An order has one at most, says the vendor; not which of its numbers others name."""
    return next((place.id for place in places if place.kind is PlaceKind.PICKUP), "")


# -- lines


def map_lines(rows: Sequence[tuple[Fields, str]]) -> tuple[DocumentLine, ...]:
    """The lines with their places, in the order of their numbers; one that came twice is one line."""
    unique = {row.ident("id"): (row, place) for row, place in rows}
    parents = {row.ident("parent_order_product_id") for row, _ in unique.values()}
    lines = [_line(row, place, is_parent=name in parents) for name, (row, place) in unique.items()]
    return tuple(sorted(lines, key=lambda line: (len(line.line), line.line)))


def _kind(row: Fields, *, is_parent: bool) -> LineKind:
    if is_parent:
        return LineKind.BUNDLE
    kinds: Mapping[str, LineKind] = {"digital": LineKind.DIGITAL, "giftcertificate": LineKind.GIFT_CERTIFICATE}
    told = kinds.get(row.text("type"))
    return told or (LineKind.STOCK if row.ident("product_id") else LineKind.CUSTOM)


def _line(row: Fields, place: str, *, is_parent: bool) -> DocumentLine:
    line, quantity = row.ident("id"), row.money("quantity")
    if not line or quantity is None or quantity < 0:
        raise ValueError(f"{row.what}: no number, or no usable quantity")
    return DocumentLine(
        line=line,
        kind=_kind(row, is_parent=is_parent),
        name=row.text("name_customer") or row.text("name"),
        quantity=quantity,
        shipped=row.count("quantity_shipped"),
        refunded=row.count("quantity_refunded"),
        product=row.ident("product_id"),
        variant=row.ident("variant_id"),
        sku=row.text("sku"),
        parent=row.ident("parent_order_product_id"),
        place=place,
        price=row.amount("price_ex_tax", "price_inc_tax", "price_tax"),
        base_price=row.money("base_price"),
        total=row.amount("total_ex_tax", "total_inc_tax", "total_tax"),
        base_total=row.money("base_total"),
        discounted_total=row.money("discounted_total_inc_tax"),
        discounts=tuple(_discount(each) for each in row.rows("applied_discounts")),
        options=tuple(_option(each) for each in row.rows("product_options")),
        fields=_named(row.rows("configurable_fields")),
        wrapping=_wrapping(row),
        refunded_amount=row.money("refund_amount"),
        fixed_shipping=row.money("fixed_shipping_cost"),
        weight=row.money("weight"),
        name_merchant=row.text("name_merchant"),
        brand=row.text("brand"),
        barcode=row.text("upc"),
        bin=row.text("bin_picking_number"),
        external_id=row.text("external_id"),
        gift_certificate=row.ident("gift_certificate_id"),
        event_name=row.words("event_name"),
        event_date=row.text("event_date"),
    )


def _discount(row: Fields) -> Discount:
    return Discount(row.ident("id"), row.money("amount"), row.text("name"), row.text("code"), row.text("target"))


def _option(row: Fields) -> Option:
    return Option(
        name=row.text("display_name_customer") or row.text("display_name"),
        value=row.text("display_value_customer") or row.value_text("display_value"),
        kind=row.text("type"),
        id=row.ident("product_option_id"),
        raw=row.value_text("value"),
    )


def _wrapping(row: Fields) -> Wrapping | None:
    name, message = row.words("wrapping_name"), row.text("wrapping_message")
    if not (name or message or row.ident("wrapping_id")):
        return None
    cost = row.amount("wrapping_cost_ex_tax", "wrapping_cost_inc_tax", "wrapping_cost_tax")
    return Wrapping(name, message, cost, row.money("base_wrapping_cost"))


def map_fee(row: Fields) -> Fee:
    """A fee. The vendor's examples write `cost_exc_tax` too."""
    ex_tax = "cost_ex_tax" if row.has("cost_ex_tax") else "cost_exc_tax"
    return Fee(
        id=row.ident("id"),
        kind=row.text("type"),
        name=row.text("display_name_customer"),
        name_merchant=row.text("display_name_merchant"),
        source=row.text("source"),
        cost=row.amount(ex_tax, "cost_inc_tax", "cost_tax"),
        base_cost=row.money("base_cost"),
        tax_class=row.ident("tax_class_id"),
    )
