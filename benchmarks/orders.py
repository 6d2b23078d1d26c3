r"""Orders as a WooCommerce shop of middling size answers them: about 4.5 kB each, one to four lines, nothing real in them.

The shape is that of WooCommerce 10.0.2, with what plugins commonly add (attribution, tax, invoices). The bytes are PHP's:
slashes escaped, everything beyond ASCII as `\u....`. Some stretches share a second, as bulk edits leave them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

FIRST = datetime(2024, 3, 1, 8, 0, tzinfo=UTC)  # the oldest order; they span about two years
CUTOVER_BEFORE = datetime(2024, 1, 1, tzinfo=UTC)  # all orders are newer: they move stock
CUTOVER_AFTER = datetime(2026, 10, 1, tzinfo=UTC)  # all orders are older: they are the baseline
PRODUCTS = 400
STOCK = 1_000  # of each product, in the shop and in the ERP: then there is nothing to write
SITE = "https://shop.example.test"
BULK_EVERY, BULK_ORDERS = 4_000, 250  # a bulk edit gives so many orders one and the same second

_FIRST_NAMES = ("Ada", "Søren", "Jürgen", "María José", "Chloé", "Wei", "Oluwaseun", "Anna-Lena", "Tom", "Zoë")
_LAST_NAMES = ("Müller", "García Fernández", "Østergaard", "van der Berg", "Nowak", "O'Brien", "Schmidt", "Dubois")
_STREETS = ("Hauptstraße", "Calle de Alcalá", "Rue de l'Église", "High Street", "Kungsgatan", "Ulica Długa")
_CITIES = (
    ("Köln", "NW", "50667", "DE"),
    ("Madrid", "M", "28001", "ES"),
    ("Orléans", "", "45000", "FR"),
    ("Leeds", "", "LS1 4DY", "GB"),
    ("Göteborg", "", "411 19", "SE"),
    ("Łódź", "", "90-001", "PL"),
)
_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
_THINGS = ("Merino beanie", "Linen shirt", "Walnut board", "Enamel mug", "Canvas tote", "Beeswax candle", "Wool socks")
_STATUSES = (("completed", 84), ("processing", 8), ("cancelled", 3), ("refunded", 2), ("on-hold", 2), ("pending", 1))


def sku_of(number: int) -> str:
    """The SKU of the `number`-th product, counted from 0."""
    return f"SKU-{number:04d}"


def product_of(number: int) -> int:
    """Its id in the shop."""
    return 1_000 + number


@dataclass(frozen=True, slots=True)
class Rendered:
    """One order's bytes, with what the shop filters by. `modified` is in whole seconds since 1970."""

    number: int
    modified: int
    body: bytes


class OrderList:
    """All orders by modified date, and the answers to the questions that a scan asks."""

    def __init__(self, orders: Sequence[Rendered]) -> None:
        self._orders = sorted(orders, key=lambda order: (order.modified, order.number))
        self._stamps = [order.modified for order in self._orders]

    def page(self, modified_after: int | None, exclude: Collection[int], page: int, per_page: int) -> bytes:
        """One page as WooCommerce gives it: strictly after the stamp, without `exclude`, oldest change first."""
        start = 0 if modified_after is None else bisect_right(self._stamps, modified_after)
        skip = (page - 1) * per_page
        found: list[bytes] = []
        for order in self._orders[start : start + skip + per_page + len(exclude)]:
            if order.number in exclude:
                continue
            if skip:
                skip -= 1
                continue
            found.append(order.body)
            if len(found) == per_page:
                break
        return b"[" + b",".join(found) + b"]"


def render(count: int, seed: int = 1) -> list[Rendered]:
    """`count` orders; the same for the same seed."""
    random = Random(seed)
    statuses = [status for status, weight in _STATUSES for _ in range(weight)]
    created = FIRST
    found: list[Rendered] = []
    bulk = created
    for index in range(count):
        created += timedelta(seconds=random.randrange(1, 6_400))
        modified = created + timedelta(seconds=random.choice((0, 0, 2, 95, 90_000, 400_000)))
        place = index % BULK_EVERY
        if place == 0:
            bulk = created + timedelta(days=9)
        if place < BULK_ORDERS and index >= BULK_EVERY:
            modified = bulk
        body = _order(10_000 + index * 3, random.choice(statuses), created, max(created, modified), random)
        found.append(Rendered(10_000 + index * 3, int(max(created, modified).timestamp()), _php(body)))
    return found


def _php(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def _stamp(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S")


def _order(number: int, status: str, created: datetime, modified: datetime, random: Random) -> dict[str, Any]:
    lines = [_line(number * 10 + k, status, random) for k in range(random.choice((1, 1, 1, 2, 2, 3, 4)))]
    total = sum(float(line["total"]) for line in lines)
    key = f"wc_order_{random.getrandbits(64):016x}"[:22]
    return {
        "id": number,
        "parent_id": 0,
        "status": status,
        "currency": "EUR",
        "version": "10.0.2",
        "prices_include_tax": True,
        "date_created": _stamp(created),
        "date_modified": _stamp(modified),
        **_totals(total),
        "customer_id": random.randrange(0, 9_000),
        "order_key": key,
        **_customer(random),
        **_dates(status, created, modified),
        "cart_hash": f"{random.getrandbits(128):032x}",
        "number": str(number),
        "meta_data": [
            {"id": number * 20 + k, "key": name, "value": value} for k, (name, value) in enumerate(_metas(random))
        ],
        "line_items": lines,
        "tax_lines": [],
        "shipping_lines": [_parcel(number * 10 + 9)],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [{"id": number + 1, "reason": "", "total": f"-{total:.2f}"}] if status == "refunded" else [],
        "payment_url": f"{SITE}/checkout/order-pay/{number}/?pay_for_order=true&key={key}",
        "is_editable": False,
        "needs_payment": status == "pending",
        "needs_processing": True,
        "date_created_gmt": _stamp(created),
        "date_modified_gmt": _stamp(modified),
        **{f"{name}_gmt": value for name, value in _dates(status, created, modified).items()},
        "currency_symbol": "€",
        "_links": _links(number),
    }


def _dates(status: str, created: datetime, modified: datetime) -> dict[str, str | None]:
    paid = status not in ("pending", "cancelled", "on-hold")
    return {
        "date_completed": _stamp(modified) if status == "completed" else None,
        "date_paid": _stamp(created + timedelta(seconds=4)) if paid else None,
    }


def _totals(total: float) -> dict[str, str]:
    return {
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": "4.12",
        "shipping_tax": "0.78",
        "cart_tax": f"{total * 0.19:.2f}",
        "total": f"{total * 1.19 + 4.9:.2f}",
        "total_tax": f"{total * 0.19 + 0.78:.2f}",
    }


def _customer(random: Random) -> dict[str, Any]:
    city = random.choice(_CITIES)
    address = {
        "first_name": random.choice(_FIRST_NAMES),
        "last_name": random.choice(_LAST_NAMES),
        "company": random.choice(("", "", "", "Bäckerei Süß GmbH & Co. KG")),
        "address_1": f"{random.choice(_STREETS)} {random.randrange(1, 240)}",
        "address_2": random.choice(("", "", "Apt. 3/B")),
        "city": city[0],
        "state": city[1],
        "postcode": city[2],
        "country": city[3],
    }
    return {
        "billing": {
            **address,
            "email": f"customer{random.randrange(10**6)}@mail.example.test",
            "phone": f"+49 30 {random.randrange(10**6, 10**7)}",
        },
        "shipping": {**address, "phone": ""},
        "payment_method": "ppcp-gateway",
        "payment_method_title": "PayPal, card or invoice",
        "transaction_id": f"{random.getrandbits(68):017X}",
        "customer_ip_address": "2001:db8:85a3::8a2e:370:7334",
        "customer_user_agent": _AGENT,
        "created_via": "checkout",
        "customer_note": random.choice(("", "", "", "Bitte beim Nachbarn abgeben, wenn niemand öffnet.")),
    }


def _parcel(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "method_title": "Parcel, two to three days",
        "method_id": "flat_rate",
        "instance_id": "3",
        "total": "4.12",
        "total_tax": "0.78",
        "taxes": [{"id": 1, "total": "0.78", "subtotal": ""}],
        "tax_status": "taxable",
        "meta_data": [],
    }


def _links(number: int) -> dict[str, Any]:
    orders = f"{SITE}/wp-json/wc/v3/orders"
    return {
        "self": [{"href": f"{orders}/{number}", "targetHints": {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}}],
        "collection": [{"href": orders}],
        "email_templates": [{"embeddable": True, "href": f"{orders}/{number}/actions/email_templates"}],
    }


def _line(number: int, status: str, random: Random) -> dict[str, Any]:
    product = random.randrange(PRODUCTS)
    quantity = random.choice((1, 1, 1, 2, 3))
    metas = []
    if status in ("completed", "processing", "on-hold", "refunded"):
        left = quantity if status != "refunded" else 0
        metas.append(_shown(number * 7, "_reduced_stock", str(left)))
        if status == "refunded":
            metas.append(_shown(number * 7 + 1, "_restock_refunded_items", str(quantity)))
    metas.append(_shown(number * 7 + 2, "pa_colour", random.choice(("Ochre", "Petrol", "Weiß"))))
    total = quantity * (9.95 + product % 40)
    name = f"{_THINGS[product % len(_THINGS)]}, no. {product}"
    return {
        "id": number,
        "name": name,
        "product_id": product_of(product),
        "variation_id": 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": f"{total:.2f}",
        "subtotal_tax": f"{total * 0.19:.2f}",
        "total": f"{total:.2f}",
        "total_tax": f"{total * 0.19:.2f}",
        "taxes": [{"id": 1, "total": f"{total * 0.19:.6f}", "subtotal": f"{total * 0.19:.6f}"}],
        "meta_data": metas,
        "sku": sku_of(product),
        "price": round(total / quantity, 14),
        "image": {"id": str(300 + product), "src": f"{SITE}/wp-content/uploads/2024/02/item-{product}-600x600.jpg"},
        "parent_name": None,
    }


def _shown(number: int, key: str, value: str) -> dict[str, Any]:
    return {"id": number, "key": key, "value": value, "display_key": key, "display_value": value}


def _metas(random: Random) -> list[tuple[str, Any]]:
    return [
        ("_wc_order_attribution_source_type", "organic"),
        ("_wc_order_attribution_referrer", "https://www.search.example/"),
        ("_wc_order_attribution_utm_source", random.choice(("newsletter", "(direct)", "search"))),
        ("_wc_order_attribution_user_agent", _AGENT),
        ("_wc_order_attribution_session_pages", str(random.randrange(1, 30))),
        ("_wc_order_attribution_device_type", random.choice(("Desktop", "Mobile"))),
        ("is_vat_exempt", "no"),
        ("_invoice_number", f"RE-2024-{random.randrange(10**6):06d}"),
        ("_ppcp_paypal_fees", {"gross": "31.40", "fee": "1.14", "net": "30.26", "currency": "EUR"}),
    ]
