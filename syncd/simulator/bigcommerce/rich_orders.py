"""An order with everything that an order can have, for those who test who reads orders.

    order = sell_rich(shop, [{"sku": "RED", "quantity": 2}, {"sku": "BLUE", "quantity": 1}])
    order = sell_rich(shop, lines, parts=("coupon", "taxes"))  # only some of it

The lines are sold as `Shop.sell` sells them, and each part adds to them. What has to be in the catalog for a part (a bundle,
a download) is put there, untracked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from syncd.simulator.bigcommerce.order_amounts import of_order, rounded
from syncd.simulator.bigcommerce.order_details import (
    Coupon,
    Discount,
    Fee,
    LineDetails,
    Option,
    OrderDetails,
    Pickup,
    Tax,
    Wrapping,
)
from syncd.simulator.bigcommerce.orders import AWAITING_FULFILLMENT, NO_ADDRESS, Line, Order
from syncd.simulator.bigcommerce.refusals import NotPossible
from syncd.simulator.bigcommerce.shop import Shop

PARTS: Final = (
    "addresses",
    "bundle",
    "certificate",
    "coupon",
    "custom",
    "customer",
    "digital",
    "discount",
    "fee",
    "handling",
    "message",
    "options",
    "shipping",
    "taxes",
    "transactions",
    "wrapping",
)
"""What there is by default. `currency`, `inclusive` and `pickup` only if they are named."""
EXTRA_PARTS: Final = ("currency", "inclusive", "pickup")
BUNDLE_SKU, DOWNLOAD_SKU = "SIM-BUNDLE", "SIM-DOWNLOAD"
CODE: Final = "S2549JM0Y"
TAXES: Final = (
    Tax("state-tax", "State Tax", Decimal("6.25")),
    Tax("city-tax", "City Tax", Decimal("2.00"), priority=1),
)
BILLING: Final[dict[str, Any]] = {
    "first_name": "Zoë",
    "last_name": "O'Neill",
    "company": "Acme GmbH & Co. KG",
    "street_1": "Königsallee 1",
    "street_2": "2nd floor",
    "city": "Düsseldorf",
    "state": "Nordrhein-Westfalen",
    "zip": "40212",
    "country": "Germany",
    "country_iso2": "DE",
    "phone": "+49 211 000000",
    "email": "zoe@example.com",
    "form_fields": [{"name": "VAT", "value": "DE123456789"}, {"name": "Doors", "value": ["1", "2"]}],
}
SHIPPING: Final[dict[str, Any]] = {"first_name": "Trish", "street_1": "666 Sussex St", "shipping_method": "Flat Rate"}
SECOND: Final[dict[str, Any]] = {
    "first_name": "Bob",
    "street_1": "5 Side Street",
    "form_fields": [{"name": "Gate", "value": "7"}],
}
CUSTOMER: Final[dict[str, Any]] = {
    "ip_address": "12.34.56.78",
    "geoip_country": "Germany",
    "geoip_country_iso2": "DE",
    "customer_locale": "de",
    "is_email_opt_in": True,
}


def sell_rich(
    shop: Shop,
    lines: Iterable[Mapping[str, Any]],
    *,
    parts: Collection[str] = PARTS,
    paid: bool = True,
    channel: int = 1,
    source: str = "www",
) -> Order:
    """Sell an order with these parts. Raises OutOfStock, NoSuch, NotPossible (an unknown part, or no line)."""
    unknown = set(parts) - {*PARTS, *EXTRA_PARTS}
    if unknown:
        raise NotPossible(f"no parts {sorted(unknown)}: there are {[*PARTS, *EXTRA_PARTS]}")
    return _Rich(shop, parts).sell(list(lines), paid=paid, channel=channel, source=source)


class _Rich:
    def __init__(self, shop: Shop, parts: Collection[str]) -> None:
        self._shop = shop
        self._parts = frozenset(parts)
        self._details = OrderDetails(inclusive="inclusive" in parts)

    def sell(self, wanted: list[Mapping[str, Any]], *, paid: bool, channel: int, source: str) -> Order:
        if not wanted:
            raise NotPossible("an order has at least one line")
        lines = self._lines(wanted)
        self._discounts(lines)
        self._costs()
        unpaid = self._shop.settings.switches.unpaid_status
        order = self._shop.place(
            lines,
            status_id=AWAITING_FULFILLMENT if paid else unpaid,
            channel_id=channel,
            source=source,
            details=self._details,
            **self._fields(),
        )
        self._afterwards(order, paid=paid)
        return order

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"billing": dict(BILLING), "shipping": dict(SHIPPING)}
        if "addresses" in self._parts:
            self._details.addresses.append(dict(SECOND))
        if "discount" in self._parts:
            fields["discount"] = Decimal("2.00")
        if "customer" in self._parts:
            self._details.shown |= {**CUSTOMER, "payment_provider_id": "pi_3MtwBw"}
            fields |= {"customer_id": 11, "customer_message": "Ring twice", "staff_notes": "Send Saturday"}
            fields |= {"payment_method": "Credit Card", "external_source": "POS (Square)"}
        if "currency" in self._parts:
            self._details.shown |= {
                "currency_id": 2,
                "currency_code": "EUR",
                "default_currency_id": 2,
                "default_currency_code": "EUR",
                "currency_exchange_rate": "1.0000000000",
                "store_default_currency_code": "USD",
                "store_default_to_transactional_exchange_rate": "0.9100000000",
            }
        return fields

    # --- lines

    def _lines(self, wanted: list[Mapping[str, Any]]) -> list[Line]:
        shop, several = self._shop, "addresses" in self._parts
        lines = []
        for number, one in enumerate(wanted):
            line = shop.line_of(one["sku"], int(one["quantity"]))
            if line.address != NO_ADDRESS:
                line.address = int(one.get("address", 1 if several and number else 0))
            lines.append(line)
        if "options" in self._parts:
            lines[0].detailed().options.append(
                Option(shop.next_id("option"), 122, "Add Letters", "Zoë", "Zoë", "Text field")
            )
            lines[0].detailed().shown |= {
                "event_name": "Delivery Date",
                "event_date": "2023-12-24",
                "configurable_fields": [{"name": "Engraving", "value": "Rabin"}],
            }
        if "bundle" in self._parts:
            self._bundle(lines, wanted[-1]["sku"])
        if "custom" in self._parts:
            lines.append(shop.custom_line("Engraving", 2, Decimal(4), "ENGR"))
        if "digital" in self._parts:
            lines.append(self._of_catalog(DOWNLOAD_SKU, "A guide", "digital"))
            lines[-1].detailed().recipient_email = "reader@example.com"
        if "certificate" in self._parts:
            lines.append(self._certificate())
        if "pickup" in self._parts:
            self._pickup(lines)
        self._price(lines)
        if "wrapping" in self._parts:
            cost = Decimal("3.00")
            taxed = cost if "taxes" not in self._parts else self._with_tax(cost)
            lines[0].detailed().wrapping = Wrapping(2, "Red paper", "Happy birthday", cost, taxed)
        return lines

    def _bundle(self, lines: list[Line], sku: str) -> None:
        """A pick list: the parent has the price, the child the stock."""
        parent = self._of_catalog(BUNDLE_SKU, "A basket", "physical")
        child = self._shop.line_of(sku, 1, Decimal(0))
        option = Option(self._shop.next_id("option"), 124, "PickList", str(child.product_id), child.name)
        option.kind, option.style = "Product Pick List", "Pick list"
        parent.detailed().options.append(option)
        child.detailed().parent_id = parent.id
        child.detailed().shown["bin_picking_number"] = "BIN-7"
        lines += [parent, child]

    def _of_catalog(self, sku: str, name: str, kind: str) -> Line:
        if sku not in self._shop.catalog.by_sku:
            self._shop.add_products([{"sku": sku, "name": name, "type": kind, "track": "none", "price": "15.00"}])
        return self._shop.line_of(sku, 1)

    def _certificate(self) -> Line:
        line = self._shop.custom_line("$25 Gift Certificate", 1, Decimal(25))
        details = line.detailed()
        details.kind, details.recipient_email, line.address = "giftcertificate", "friend@example.com", NO_ADDRESS
        details.shown["gift_certificate_id"] = self._shop.next_id("gift_certificate")
        return line

    def _pickup(self, lines: list[Line]) -> None:
        self._details.pickup = Pickup(
            id=self._shop.next_id("pickup"),
            method_id=1,
            fields={
                "pickup_method_display_name": "Pick Up",
                "collection_instructions": "Bring your ID",
                "collection_time_description": "9am - 6pm",
            },
            location={
                "name": "Location 1",
                "code": "LOCATION-1",
                "address_line_1": "123 Main Street",
                "address_line_2": "",
                "city": "Austin",
                "state": "Texas",
                "postal_code": "78726",
                "country_alpha2": "US",
                "email": "location1@example.com",
                "phone": "+1 111-111-1111",
            },
        )
        self._parts -= {"addresses", "shipping"}
        for line in lines:
            if line.address != NO_ADDRESS:
                line.address, line.detailed().pickup_method_id = NO_ADDRESS, 1

    # --- money

    def _with_tax(self, amount: Decimal) -> Decimal:
        return rounded(amount * (100 + sum(tax.rate for tax in TAXES)) / 100)

    def _price(self, lines: list[Line]) -> None:
        """Prices of the catalog are without tax, or with it where they were entered so. Certificates are never taxed."""
        if "taxes" not in self._parts:
            return
        self._details.taxes = list(TAXES)
        for line in lines:
            details = line.details or LineDetails()
            if details.kind == "giftcertificate" or not line.price:
                continue
            if self._details.inclusive:
                line.detailed().price_ex = rounded(line.price * 100 / (100 + sum(tax.rate for tax in TAXES)))
            else:
                line.detailed().price_ex, line.price = line.price, self._with_tax(line.price)

    def _discounts(self, lines: list[Line]) -> None:
        if "coupon" not in self._parts:
            return
        line, shop = lines[0], self._shop
        base = (line.price if self._details.inclusive else line.price_ex) * line.quantity
        off = rounded(base / 10)
        line.detailed().discounts.append(Discount("coupon", off, "10% off", CODE, "product"))
        self._details.coupons.append(Coupon(shop.next_id("order_coupon"), 1, CODE, Decimal(10), 1))

    def _costs(self) -> None:
        for part, amount in (("shipping", Decimal("9.99")), ("handling", Decimal("2.50"))):
            if part in self._parts:
                taxed = self._with_tax(amount) if "taxes" in self._parts else amount
                self._details.amounts |= {f"{part}_cost_ex_tax": amount, f"{part}_cost_inc_tax": taxed}
        if "fee" in self._parts:
            name, cost = "Package Protection", Decimal("8.50")
            number = self._shop.next_id("fee")
            self._details.fees.append(Fee(number, f"{name} Insurance", f"{name} Fee", "AA", cost, cost, None))

    # --- what happens after it was placed

    def _afterwards(self, order: Order, *, paid: bool) -> None:
        shop = self._shop
        if "message" in self._parts:
            shop.add_message(order.id, "Where is it?", by_customer=True, flagged=True)
            shop.add_message(order.id, "On its way!", subject=f"Re: Order #{order.id}")
        if "transactions" in self._parts and paid:
            self._pay(order)

    def _pay(self, order: Order) -> None:
        shop, left = self._shop, of_order(order)["total_inc_tax"]
        for name, amount, method, gateway in (
            ("gift_certificate_amount", Decimal("5.00"), "gift_certificate", "giftcertificate"),
            ("store_credit_amount", Decimal("1.50"), "store_credit", "storecredit"),
        ):
            self._details.amounts[name] = amount
            shop.transact(order.id, "purchase", amount, method=method, gateway=gateway)
            left -= amount
        first = shop.transact(order.id, "authorization", rounded(left))
        shop.transact(order.id, "capture", rounded(left), reference_id=first.id)
