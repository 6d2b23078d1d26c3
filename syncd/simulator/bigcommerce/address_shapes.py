"""Where an order goes, as the v2 API shows it: addresses, consignments and shipments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from syncd.simulator.bigcommerce.dates import rfc_2822
from syncd.simulator.bigcommerce.detail_shapes import address_costs, money, show_pickup
from syncd.simulator.bigcommerce.line_shapes import ZERO, show_line
from syncd.simulator.bigcommerce.order_details import LineDetails
from syncd.simulator.bigcommerce.orders import NO_ADDRESS, Line, Order, Shipment

BILLING: Final = {
    "first_name": "Jane",
    "last_name": "Doe",
    "company": "",
    "street_1": "123 Main Street",
    "street_2": "",
    "city": "Austin",
    "state": "Texas",
    "zip": "12345",
    "country": "United States",
    "country_iso2": "US",
    "phone": "",
    "email": "jane.doe@example.com",
}
_COST_NAMES: Final = (
    *("base_cost", "cost_ex_tax", "cost_inc_tax", "cost_tax", "base_handling_cost"),
    *("handling_cost_ex_tax", "handling_cost_inc_tax", "handling_cost_tax"),
)
_NO_COSTS: Final = dict.fromkeys(_COST_NAMES, ZERO)
_NO_COSTS_AS_NUMBERS: Final = dict.fromkeys(_COST_NAMES, 0)


def show_consignments(
    order: Order, store: str, *, whole: bool, lines_max: int = 0, noise: bool = False
) -> dict[str, Any]:
    """The consignments with consignment_structure=object: what is sent by its address, and what isn't sent."""
    lines = order.lines[:lines_max] if lines_max else order.lines
    show = partial(_show_item, order, store, whole=whole, noise=noise)
    shipping = [
        _consignment(order, store, number, [show(line) for line in lines if order.address_of(line) == number])
        for number in order.addresses
    ]
    if order.details is None:
        rest: dict[str, Any] = {"pickups": (), "downloads": (), "email": {"gift_certificates": ()}}
    else:
        rest = _unsent(order, [line for line in lines if line.address == NO_ADDRESS], show, noise=noise)
    return {"shipping": shipping if order.lines else (), **rest}


def _show_item(order: Order, store: str, line: Line, *, whole: bool, noise: bool) -> msgspec.Raw | dict[str, str]:
    return show_line(order, line, noise=noise) if whole else link_to(store, order, f"products/{line.id}")


def _unsent(order: Order, lines: Sequence[Line], show: Callable[[Line], Any], *, noise: bool) -> dict[str, Any]:
    """Pickups, downloads, and gift certificates by their recipients."""
    by_kind: dict[str, dict[str, list[Any]]] = {"digital": {}, "giftcertificate": {}, "physical": {}}
    for line in lines:
        details = line.details or LineDetails()
        email = details.recipient_email or {**BILLING, **order.billing}["email"]
        by_kind[details.kind].setdefault(email, []).append(show(line))
    mails, downloads = by_kind["giftcertificate"], [line for some in by_kind["digital"].values() for line in some]
    fetched = [line for some in by_kind["physical"].values() for line in some]
    pickup = order.details.pickup if order.details is not None else None
    alone = noise and len(downloads) == 1  # as in the vendor's example
    return {
        "pickups": [show_pickup(pickup, fetched)] if pickup is not None else (),
        "downloads": [
            {"recipient_email": next(iter(by_kind["digital"])), "line_items": downloads[0] if alone else downloads}
        ]
        if downloads
        else (),
        "email": {
            "gift_certificates": [{"recipient_email": email, "line_items": some} for email, some in mails.items()]
        },
    }


def _consignment(order: Order, store: str, number: int, shown: Sequence[Any]) -> dict[str, Any]:
    costs = (
        _NO_COSTS_AS_NUMBERS
        if order.details is None
        else {name: float(amount) for name, amount in address_costs(order, number).items()}
    )
    return {
        **show_address(order, number),
        "line_items": shown,
        **costs,
        "cost_tax_class_id": 2,
        "handling_cost_tax_class_id": 2,
        "shipping_quotes": link_to(store, order, f"consignments/shipping/{number}/shipping_quotes"),
    }


def show_address(order: Order, number: int) -> dict[str, Any]:
    """What a shipping address and a shipping consignment have in common. `number` is the address's id."""
    lines = [line for line in order.lines if order.address_of(line) == number]
    return {
        "id": number,
        **BILLING,
        **order.billing,
        "form_fields": (),
        "shipping_method": "Free Shipping",
        **order.address_fields(number),
        "items_total": sum(line.quantity for line in lines),
        "items_shipped": sum(line.shipped for line in lines),
        "shipping_zone_id": 1,
        "shipping_zone_name": "United States",
    }


def show_shipping_address(order: Order, store: str, number: int) -> dict[str, Any]:
    """A row of /shipping_addresses."""
    costs = (
        _NO_COSTS
        if order.details is None
        else {name: money(amount) for name, amount in address_costs(order, number).items()}
    )
    return {
        **show_address(order, number),
        "order_id": order.id,
        **costs,
        "cost_tax_class_id": 2,
        "handling_cost_tax_class_id": 2,
        "shipping_quotes": link_to(store, order, f"shippingaddresses/{number}/shippingquotes"),
    }


def show_shipment(order: Order, shipment: Shipment) -> dict[str, Any]:
    """A shipment."""
    products = {line.id: line.product_id for line in order.lines}
    fields = shipment.fields
    return {
        "id": shipment.id,
        "order_id": order.id,
        "customer_id": order.customer_id,
        "order_address_id": shipment.address_id,
        "date_created": rfc_2822(shipment.created_seconds),
        "tracking_number": fields.get("tracking_number", ""),
        "merchant_shipping_cost": fields.get("merchant_shipping_cost", ZERO),
        "shipping_method": fields.get("shipping_method", "Free Shipping"),
        "shipping_provider": fields.get("shipping_provider", ""),
        "tracking_carrier": fields.get("tracking_carrier", ""),
        "tracking_link": fields.get("tracking_link", ""),
        "comments": fields.get("comments", ""),
        "shipping_provider_display_name": "",
        "generated_tracking_link": fields.get("tracking_link", ""),
        "billing_address": _plain(order.billing),
        "shipping_address": _plain(order.billing, order.address_fields(shipment.address_id)),
        "items": [
            {"order_product_id": line_id, "product_id": products.get(line_id, 0), "quantity": units}
            for line_id, units in shipment.items.items()
        ],
    }


def _plain(*addresses: Mapping[str, Any]) -> dict[str, Any]:
    """An address without the fields that only some of the answers have."""
    whole: dict[str, Any] = dict(BILLING)
    for address in addresses:
        whole |= {name: value for name, value in address.items() if name in BILLING}
    return whole


def link_to(store: str, order: Order, what: str) -> dict[str, str]:
    """A link to something below an order."""
    resource = f"/orders/{order.id}/{what}"
    return {"url": f"https://api.bigcommerce.com/stores/{store}/v2{resource}", "resource": resource}
