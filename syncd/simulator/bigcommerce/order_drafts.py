"""What somebody sends to POST or PUT /v2/orders, read by the document's rules before anything is done.

Where the document says that two fields come together, one alone is refused; a field that is only shown can't be written;
an amount is a number or a number as text, and never negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from syncd.simulator.bigcommerce import orders
from syncd.simulator.bigcommerce.dates import parse_moment
from syncd.simulator.bigcommerce.order_details import Fee, Pickup
from syncd.simulator.bigcommerce.order_lines import LineDrafts, amount_of, named
from syncd.simulator.bigcommerce.orders import Line, Order
from syncd.simulator.bigcommerce.refusals import Invalid
from syncd.simulator.bigcommerce.shop import Shop

READ_ONLY: Final = frozenset(
    {
        "cart_id",
        "coupon_discount",
        "currency_code",
        "currency_exchange_rate",
        "currency_id",
        "custom_status",
        "date_modified",
        "date_shipped",
        "default_currency_id",
        "external_id",
        "gift_certificate_amount",
        "handling_cost_tax",
        "handling_cost_tax_class_id",
        "id",
        "is_email_opt_in",
        "is_tax_inclusive_pricing",
        "items_shipped",
        "items_total",
        "payment_status",
        "refunded_amount",
        "shipping_address_count",
        "shipping_cost_tax",
        "shipping_cost_tax_class_id",
        "status",
        "store_credit_amount",
        "store_default_currency_code",
        "store_default_to_transactional_exchange_rate",
        "subtotal_tax",
        "tax_provider_id",
        "total_tax",
        "wrapping_cost_tax",
        "wrapping_cost_tax_class_id",
    }
)
"""Fields that are shown alone."""
READ_ONLY_AFTERWARDS: Final = READ_ONLY | {"external_merchant_id", "default_currency_code"}
"""Those of an order that exists: what is written once is written when it is made."""
PAIRS: Final = ("subtotal", "total", "shipping_cost")
AMOUNTS: Final = (
    "base_handling_cost",
    "base_shipping_cost",
    "base_wrapping_cost",
    *(f"{kind}_{end}_tax" for kind in (*PAIRS, "handling_cost", "wrapping_cost") for end in ("ex", "inc")),
)
TEXTS_MAX: Final = {"staff_notes": 65_535, "customer_message": 65_535, "external_order_id": 255, "payment_method": 255}
SHOWN_MAX: Final = {
    "ip_address": 30,
    "ip_address_v6": 39,
    "geoip_country": 255,
    "geoip_country_iso2": 2,
    "customer_locale": 6,
    "ebay_order_id": 255,
    "default_currency_code": 3,
    "payment_provider_id": 255,
}
ZIP_MIN: Final = 2
_LOCALE = re.compile(r"[a-z]{2,3}|[a-z]{2}-[A-Z]{2}|[a-z]{2}-\d{3}")
_PICKUP_FIELDS: Final = ("pickup_method_display_name", "collection_instructions", "collection_time_description")
_LOCATION_FIELDS: Final = (
    *("name", "code", "address_line_1", "address_line_2", "city", "state", "postal_code"),
    *("country_alpha2", "email", "phone"),
)


@dataclass(slots=True)
class Draft:
    """What a body wants. None, or empty: nothing was said of it."""

    status_id: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    """Attributes of `Order`, by name."""
    amounts: dict[str, Decimal] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    addresses: list[tuple[int | None, dict[str, Any]]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    changes: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """Lines that exist, by id, and what to change of them."""
    fees: list[Fee] | None = None
    pickup: Pickup | None = None
    archived: bool | None = None


class Drafts:
    """Reads bodies. Every method raises `Invalid`."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._lines = LineDrafts(shop)

    def new(self, body: Mapping[str, Any]) -> Draft:
        """An order to be made."""
        for name in READ_ONLY & body.keys():
            raise not_writable(name)
        if not isinstance(body.get("billing_address"), Mapping):
            raise named("billing_address")
        pickups = "consignments" in body
        if pickups == ("products" in body) or (pickups and "shipping_addresses" in body):
            raise named("products")
        draft = self._common(body)
        for name in ("external_merchant_id", "default_currency_code"):
            if body.get(name) is not None:
                where = draft.attributes if name == "external_merchant_id" else draft.shown
                where[name] = str(body[name])
        if pickups:
            draft.pickup, draft.lines = self._pickup(body["consignments"])
        else:
            draft.lines = [self._lines.new(wanted) for wanted in _objects(body, "products")]
        if not draft.lines:
            raise named("products")
        return draft

    def change(self, order: Order, body: Mapping[str, Any]) -> Draft:
        """An order to be changed."""
        for name in READ_ONLY_AFTERWARDS & body.keys():
            raise not_writable(name)
        draft = self._common(body, order)
        for wanted in (*_objects(body, "products"), *self._fetched(order, body, draft)):
            if "id" not in wanted:
                draft.lines.append(self._lines.new(wanted))
            elif not any(line.id == wanted["id"] for line in order.lines):
                raise named("id")
            else:
                self._lines.check_change(order.line(wanted["id"]), wanted)
                draft.changes[wanted["id"]] = wanted
        if body.get("is_deleted") is not None:
            draft.archived = bool(body["is_deleted"])
        return draft

    def _common(self, body: Mapping[str, Any], order: Order | None = None) -> Draft:
        draft = Draft(status_id=_status_of(body), amounts=amounts_of(body), shown=_shown_of(body))
        self._attributes(body, draft.attributes)
        for wanted in _objects(body, "shipping_addresses"):
            number = wanted.get("id")
            if number is not None and (order is None or number not in order.addresses):
                raise named("shipping_addresses")
            draft.addresses.append((number, address_of(wanted)))
        if body.get("fees") is not None:
            known = {} if order is None or order.details is None else {fee.id: fee for fee in order.details.fees}
            draft.fees = [self._fee(wanted, known) for wanted in _objects(body, "fees")]
        return draft

    def _attributes(self, body: Mapping[str, Any], found: dict[str, Any]) -> None:
        for name, most in TEXTS_MAX.items():
            if body.get(name) is not None:
                if not isinstance(body[name], str) or len(body[name]) > most:
                    raise named(name)
                found[name] = body[name]
        if "external_source" in body:
            found["external_source"] = body["external_source"]
        if "channel_id" in body:
            if body["channel_id"] not in self._shop.channels:
                raise named("channel_id")
            found["channel_id"] = body["channel_id"]
        if "customer_id" in body:
            if isinstance(body["customer_id"], bool) or not isinstance(body["customer_id"], int):
                raise named("customer_id")
            found["customer_id"] = body["customer_id"]
        if "discount_amount" in body:
            found["discount"] = amount_of(body, "discount_amount")
        if "date_created" in body:
            second = parse_moment(str(body["date_created"]))
            if second is None:
                raise named("date_created")
            found["created_seconds"] = second
        if "billing_address" in body:
            if not isinstance(body["billing_address"], Mapping):
                raise named("billing_address")
            found["billing"] = address_of(body["billing_address"])
            if len(found["billing"].get("zip", "")) < ZIP_MIN:
                raise named("zip")

    def _fee(self, wanted: Mapping[str, Any], known: Mapping[int, Fee]) -> Fee:
        number = wanted.get("id")
        if number is not None and number not in known:
            raise named("fees")
        names = [wanted.get(f"display_name_{whom}") for whom in ("customer", "merchant")]
        if wanted.get("type", "custom_fee") != "custom_fee" or not any(names):
            raise named("fees")
        costs = {
            end: amount_of(wanted, f"cost_{end}") for end in ("ex_tax", "inc_tax", "tax") if f"cost_{end}" in wanted
        }
        if len(costs) < 2:
            raise named("fees")
        ex = costs["ex_tax"] if "ex_tax" in costs else costs["inc_tax"] - costs["tax"]
        inc = costs["inc_tax"] if "inc_tax" in costs else ex + costs["tax"]
        return Fee(
            id=number if number is not None else self._shop.next_id("fee"),
            name_customer=str(names[0] or names[1]),
            name_merchant=str(names[1] or names[0]),
            source=str(wanted.get("source", "")),
            cost_ex=ex,
            cost_inc=inc,
            tax_class_id=wanted.get("tax_class_id"),
        )

    def _fetched(self, order: Order, body: Mapping[str, Any], draft: Draft) -> Iterator[Mapping[str, Any]]:
        """The lines of the pickup that a change names by its id; what else it says of the pickup is drafted."""
        if body.get("consignments") is None:
            return
        pickup = None if order.details is None else order.details.pickup
        pickups = body["consignments"].get("pickups")
        if pickup is None or not isinstance(pickups, list) or [one.get("id") for one in pickups] != [pickup.id]:
            raise named("consignments")
        wanted, place = pickups[0], pickups[0].get("location") or {}
        fields = {name: str(wanted[name]) for name in _PICKUP_FIELDS if name in wanted}
        location = {name: str(place[name]) for name in _LOCATION_FIELDS if name in place}
        method_id = int(wanted.get("pickup_method_id", pickup.method_id))
        draft.pickup = Pickup(pickup.id, method_id, {**pickup.fields, **fields}, {**pickup.location, **location})
        yield from _objects(wanted, "line_items")

    def _pickup(self, consignments: object) -> tuple[Pickup, list[Line]]:
        pickups = consignments.get("pickups") if isinstance(consignments, Mapping) else None
        if not isinstance(pickups, list) or len(pickups) != 1 or not isinstance(pickups[0], Mapping):
            raise named("consignments")
        wanted = pickups[0]
        if not isinstance(wanted.get("pickup_method_id"), int):
            raise named("pickup_method_id")
        lines = [self._lines.new(line) for line in _objects(wanted, "line_items")]
        place = wanted.get("location") or {}
        pickup = Pickup(
            id=self._shop.next_id("pickup"),
            method_id=wanted["pickup_method_id"],
            fields={name: str(wanted.get(name, "")) for name in _PICKUP_FIELDS},
            location={name: str(place.get(name, "")) for name in _LOCATION_FIELDS},
        )
        for line in lines:
            line.address = orders.NO_ADDRESS
            line.detailed().pickup_method_id = pickup.method_id
        return pickup, lines


def not_writable(name: str) -> Invalid:
    """The vendor's refusal of a field that is only shown."""
    return Invalid(f"The field '{name}' cannot be written to. Please remove it from your request before trying again.")


def amounts_of(body: Mapping[str, Any]) -> dict[str, Decimal]:
    """All amounts that are set; those of a pair come together."""
    for pair in PAIRS:
        if (f"{pair}_ex_tax" in body) != (f"{pair}_inc_tax" in body):
            raise named(f"{pair}_inc_tax" if f"{pair}_ex_tax" in body else f"{pair}_ex_tax")
    return {name: amount_of(body, name) for name in AMOUNTS if name in body}


def address_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """An address: its texts, and its form fields if it has any."""
    found = {name: value for name, value in given.items() if isinstance(value, str)}
    if isinstance(given.get("form_fields"), list):
        found["form_fields"] = given["form_fields"]
    return found


def _shown_of(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, most in SHOWN_MAX.items():
        if body.get(name) is not None and name != "default_currency_code":
            if len(str(body[name])) > most:
                raise named(name)
            found[name] = body[name]
    if "ip_address" in found or "ip_address_v6" in found:
        found = {"ip_address": "", "ip_address_v6": "", **found}  # to set one is to reset the other
    if "customer_locale" in found and not _LOCALE.fullmatch(found["customer_locale"]):
        raise named("customer_locale")
    if isinstance(body.get("order_is_digital"), bool):
        found["order_is_digital"] = body["order_is_digital"]
    return found


def _status_of(body: Mapping[str, Any]) -> int | None:
    status_id = body.get("status_id")
    if status_id is not None and status_id not in range(len(orders.STATUS_NAMES)):
        raise named("status_id")
    return status_id


def _objects(body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise named(name)
    yield from found
