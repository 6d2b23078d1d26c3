"""Lines as somebody sends them to POST or PUT /v2/orders, and what of them the document refuses."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from syncd.simulator.bigcommerce.order_details import Option, Wrapping
from syncd.simulator.bigcommerce.orders import Line
from syncd.simulator.bigcommerce.products import Modifier, Product, Variant
from syncd.simulator.bigcommerce.refusals import Invalid
from syncd.simulator.bigcommerce.shop import Shop

UNWRITTEN_KINDS: Final = ("File Upload", "Product Pick List")
"""Kinds of options that the API doesn't take."""


class LineDrafts:
    """Reads lines. Every method raises `Invalid`."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def new(self, wanted: Mapping[str, Any]) -> Line:
        """A line to be added: of the catalog, or a custom one, which the catalog never sees."""
        quantity = wanted.get("quantity")
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 1:
            raise named("quantity")
        prices, name = prices_of(wanted), _name_of(wanted) or str(wanted.get("name_merchant", ""))
        if not wanted.get("product_id"):
            if not name:
                raise named("name")
            if prices is None:
                raise named("price_ex_tax")
            if wanted.get("variant_id"):
                raise named("variant_id")
            line = self._shop.custom_line(name, quantity, prices[1], str(wanted.get("sku", "")))
        else:
            line = self._of_catalog(wanted, quantity)
        self._write(line, wanted)
        return line

    def _of_catalog(self, wanted: Mapping[str, Any], quantity: int) -> Line:
        product = self._shop.catalog.products.get(wanted["product_id"])
        if product is None:
            raise named("product_id")
        options, chosen = self._options(product, wanted)
        variant_id = wanted.get("variant_id")
        found = [one for one in product.variants if variant_id is None or one.id == variant_id]
        if not found:
            raise named("variant_id")
        if chosen is not None and chosen not in found:
            raise bad_options(product, "InvalidProductOption")
        if chosen is None and variant_id is None and not product.simple:
            raise bad_options(product, "MandatoryProductOptions")
        variant = chosen or found[0]
        if not product.simple:
            options.insert(0, variant_option(self._shop, product, variant))
        line = self._shop.line_of(variant.sku, quantity)
        if options:
            line.detailed().options = options
        return line

    def _options(self, product: Product, wanted: Mapping[str, Any]) -> tuple[list[Option], Variant | None]:
        """The modifiers that were chosen, and the variant that the options make."""
        modifiers = {modifier.id: modifier for modifier in product.modifiers}
        options: list[Option] = []
        variant: Variant | None = None
        for one in wanted.get("product_options") or ():
            number, value = one.get("id"), str(one.get("value", ""))
            modifier = modifiers.get(number)
            if number == product.id and not product.simple:
                variant = next((each for each in product.variants if str(each.id) == value), None)
                if variant is None:
                    raise bad_options(product, "InvalidProductOption")
            elif modifier is None or not _may_choose(modifier, value):
                raise bad_options(product, "InvalidProductOption")
            else:
                label = modifier.values.get(value, value)
                number = self._shop.next_id("option")
                options.append(Option(number, modifier.id, modifier.name, value, label, modifier.kind))
        given = {option.product_option_id for option in options}
        if any(modifier.required and modifier.id not in given for modifier in product.modifiers):
            raise bad_options(product, "MandatoryProductOptions")
        return options, variant

    def check_change(self, line: Line, wanted: Mapping[str, Any]) -> None:
        """What may be said of a line that exists; `change` does it."""
        quantity = wanted.get("quantity", line.quantity)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
            raise named("quantity")
        if wanted.get("product_id", line.product_id) != line.product_id:
            raise named("product_id")
        if wanted.get("variant_id", line.variant_id) != line.variant_id:
            raise named("variant_id")
        prices_of(wanted)
        _name_of(wanted)
        _wrapping_of(wanted)

    def change(self, line: Line, wanted: Mapping[str, Any]) -> None:
        """Everything but the quantity, checked before. What was changed has no discounts any more."""
        self._write(line, wanted)
        if line.details is not None:
            line.details.discounts.clear()

    def _write(self, line: Line, wanted: Mapping[str, Any]) -> None:
        prices = prices_of(wanted)
        if prices is not None:
            line.price = prices[1]
            if prices[0] != prices[1] or line.details is not None:
                line.detailed().price_ex = prices[0]
        name, merchant = _name_of(wanted), wanted.get("name_merchant")
        if name:
            line.name = name
        if merchant and merchant != line.name:
            line.detailed().name_merchant = str(merchant)
        if wanted.get("upc"):
            line.detailed().shown["upc"] = str(wanted["upc"])
        if wanted.get("sku") and not line.product_id:
            line.sku = str(wanted["sku"])
        if "wrapping_id" in wanted:
            line.detailed().wrapping = _wrapping_of(wanted)


def _may_choose(modifier: Modifier, value: str) -> bool:
    written = modifier.kind not in UNWRITTEN_KINDS and value != ""
    return written and (not modifier.values or value in modifier.values)


def named(name: str) -> Invalid:
    """The vendor's refusal of a field."""
    return Invalid(f"The field '{name}' is invalid.")


def bad_options(product: Product, kind: str) -> Invalid:
    """The vendor's refusal of options: MandatoryProductOptions or InvalidProductOption."""
    errors = [{"type": kind, "product": {"id": product.id, "name": product.name}}]
    return Invalid("The options of one or more products are invalid.", {"errors": errors})


def variant_option(shop: Shop, product: Product, variant: Variant) -> Option:
    """The option that makes a variant of a product, as a line shows it."""
    return Option(shop.next_id("option"), product.id, "Kind", str(variant.id), variant.label, style="Rectangle")


def prices_of(wanted: Mapping[str, Any]) -> tuple[Decimal, Decimal] | None:
    """The prices of a unit without and with tax: both or neither."""
    if ("price_ex_tax" in wanted) != ("price_inc_tax" in wanted):
        raise named("price_inc_tax" if "price_ex_tax" in wanted else "price_ex_tax")
    if "price_ex_tax" not in wanted:
        return None
    return amount_of(wanted, "price_ex_tax"), amount_of(wanted, "price_inc_tax")


def amount_of(wanted: Mapping[str, Any], name: str) -> Decimal:
    """An amount: a number, also as text, that isn't negative."""
    value = wanted[name]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise named(name)
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise named(name) from None
    if not amount.is_finite() or amount < 0:
        raise named(name)
    return amount


def _name_of(wanted: Mapping[str, Any]) -> str:
    """The name that shoppers see; "" if none was sent. `name` is another word for `name_customer`."""
    for name in ("name", "name_customer", "name_merchant"):
        if name in wanted and not (isinstance(wanted[name], str) and wanted[name]):
            raise named(name)
    if "name" in wanted and wanted.get("name_customer", wanted["name"]) != wanted["name"]:
        raise named("name_customer")
    return str(wanted.get("name") or wanted.get("name_customer") or "")


def _wrapping_of(wanted: Mapping[str, Any]) -> Wrapping | None:
    """Gift wrapping: with an id its costs are needed; the id 0 takes it off."""
    number = wanted.get("wrapping_id", 0)
    if isinstance(number, bool) or not isinstance(number, int):
        raise named("wrapping_id")
    if not number:
        return None
    for end in ("ex", "inc"):
        if f"wrapping_cost_{end}_tax" not in wanted:
            raise named(f"wrapping_cost_{end}_tax")
    costs = [amount_of(wanted, f"wrapping_cost_{end}_tax") for end in ("ex", "inc")]
    name = str(wanted.get("wrapping_name", f"Wrapping {number}"))
    return Wrapping(number, name, str(wanted.get("wrapping_message", "")), *costs)
