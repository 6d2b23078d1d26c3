"""BigCommerce's bodies for whole orders, in the vendor's shapes with the noise that v2 is known for."""

from __future__ import annotations

from typing import Any

from syncd.core.quantity import Instant
from syncd.errors import NotFound, RefusedError
from syncd.transport import Answer
from tests.stores.bigcommerce_bodies import CREATED, MODIFIED, link, product, raw

JANE = {
    "first_name": "Jane", "last_name": "Doe", "company": "", "street_1": "123 Main Street", "street_2": "", "city": "Austin",
    "state": "Texas", "zip": "78751", "country": "United States", "country_iso2": "US", "phone": "555-123-4567",
    "email": "janedoe@example.com",
}  # fmt: skip


def line(number: int = 25, **fields: Any) -> dict[str, Any]:
    """An order product with its money."""
    money = {
        "price_ex_tax": "50.0000", "price_inc_tax": "54.0000", "price_tax": "4.0000", "base_total": "100.0000",
        "total_ex_tax": "100.0000", "total_inc_tax": "108.0000", "total_tax": "8.0000", "refund_amount": "0.0000",
        "discounted_total_inc_tax": "108", "wrapping_id": 0, "wrapping_name": "None", "wrapping_message": "",
        "base_wrapping_cost": 0, "weight": 1.5, "event_name": None, "event_date": "", "brand": "Sagaform",
        "configurable_fields": [], "gift_certificate_id": 0, "fixed_shipping_cost": "0.0000", "variant_id": 77,
        "name_customer": "Towel", "name_merchant": "Towel 1", "order_address_id": "29",
    }  # fmt: skip
    return product(number, **{**money, **fields})


def shipping(number: int = 29, lines: Any = None, **fields: Any) -> dict[str, Any]:
    """A shipping consignment."""
    return {
        "id": number, **JANE, "form_fields": [{"name": "Gate code", "value": 4711}],
        "line_items": [line()] if lines is None else lines, "items_total": 2, "items_shipped": 0,
        "shipping_method": "Free Shipping", "base_cost": 5.1, "cost_ex_tax": 5.1, "cost_inc_tax": 6.2, "cost_tax": 1.1,
        "cost_tax_class_id": 2, "base_handling_cost": 0, "handling_cost_ex_tax": 0, "handling_cost_inc_tax": 0,
        "handling_cost_tax": 0, "shipping_zone_id": 1, "shipping_zone_name": "United States",
        "shipping_quotes": link(118, f"consignments/shipping/{number}/shipping_quotes"), **fields,
    }  # fmt: skip


def order(number: int = 118, **fields: Any) -> dict[str, Any]:
    """An order of the list with `include=consignments.line_items,fees`."""
    nothing = dict.fromkeys(
        ("handling_cost_ex_tax", "handling_cost_inc_tax", "handling_cost_tax", "wrapping_cost_ex_tax",
         "wrapping_cost_inc_tax", "wrapping_cost_tax", "discount_amount", "coupon_discount", "store_credit_amount",
         "gift_certificate_amount", "refunded_amount"),
        "0.0000",
    )  # fmt: skip
    return {
        "id": number, "date_created": CREATED, "date_modified": MODIFIED, "date_shipped": "", "status_id": 11,
        "status": "Awaiting Fulfillment", "cart_id": "a8458391-ef68-4fe5-9ec1-442e6a767364", "customer_id": 0,
        "subtotal_ex_tax": "100.0000", "subtotal_inc_tax": "108.0000", "subtotal_tax": "8.0000",
        "shipping_cost_ex_tax": "5.1000", "shipping_cost_inc_tax": "6.2000", "shipping_cost_tax": "1.1000", **nothing,
        "total_ex_tax": "105.1000", "total_inc_tax": "114.2000", "total_tax": "9.1000", "is_tax_inclusive_pricing": False,
        "items_total": 2, "items_shipped": 0, "payment_method": "Credit Card", "payment_provider_id": None,
        "payment_status": "captured", "currency_code": "EUR", "default_currency_code": "EUR",
        "store_default_currency_code": "USD", "currency_exchange_rate": "1.1000000000", "staff_notes": "Send Saturday",
        "customer_message": "Thank you", "ip_address": "12.34.56.78", "ip_address_v6": "", "geoip_country_iso2": "US",
        "credit_card_type": {}, "order_source": "www", "channel_id": 1, "external_source": None, "external_id": "None",
        "external_order_id": "", "external_merchant_id": {}, "customer_locale": "en", "is_email_opt_in": False,
        "is_deleted": False, "billing_address": {**JANE, "form_fields": []}, "products": link(number, "products"),
        "coupons": link(number, "coupons"), "fees": [],
        "consignments": {"pickups": [], "shipping": [shipping()], "downloads": [], "email": {"gift_certificates": []}},
        **fields,
    }  # fmt: skip


class Parts:
    """A client that answers lists: `rows` by the end of the path, at most 50 a page; `faults` raise instead. v3 lists come with
    their `meta`, empty as the vendor describes it for refunds."""

    def __init__(self, **rows: Any) -> None:
        self.rows, self.faults = rows, dict[str, Exception]()
        self.asked: list[str] = []

    async def read(self, path, query=(), *, accept=()):
        given = dict(query)
        page, limit = int(given.pop("page", 1)), int(given.pop("limit", 50))
        more = "&".join(f"{name}={value}" for name, value in given.items())
        self.asked.append(path + (f"?{more}" if more else "") + (f" page {page}" if page > 1 else ""))
        name = path.rpartition("/")[2]
        if name in self.faults:
            raise self.faults[name]
        rows = self.rows.get(name, [])
        if isinstance(rows, bytes):
            return Answer(200, {}, rows, Instant(1_000_000), Instant(2_000_000), f"GET {path}")
        if isinstance(rows, list):
            rows = rows[(page - 1) * limit :][: min(limit, 50)]
        body = raw({"data": rows, "meta": {}}) if path.startswith("/v3/") else raw(rows)
        empty = not rows and path.startswith("/v2/")
        return Answer(
            204 if empty else 200, {}, b"" if empty else body, Instant(1_000_000), Instant(2_000_000), f"GET {path}"
        )

    async def write(self, method, path, body, query=(), *, not_after=0):
        raise AssertionError("documents are read, never written")


def gone() -> Exception:
    return NotFound("no such order", status=404, body=b'[{"status":404}]')


def forbidden_word() -> Exception:
    return RefusedError("400", status=400, body=b'[{"status":400}]')
