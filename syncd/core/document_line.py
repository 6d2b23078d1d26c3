"""Lines of order documents: what was sold, how much of it, for what, and where it goes."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from syncd.core.document_money import Amount
from syncd.core.document_place import NamedValue


class LineKind(StrEnum):
    """What a line is. A bundle's children are lines of their own, which name it as their `parent`."""

    STOCK = "stock"
    DIGITAL = "digital"
    CUSTOM = "custom"
    GIFT_CERTIFICATE = "gift_certificate"
    BUNDLE = "bundle"


class ErpUnits(msgspec.Struct, frozen=True):
    """What one unit of the line is in the ERP: so many units of this SKU. A kit has several."""

    sku: str
    quantity: Decimal


class Discount(msgspec.Struct, frozen=True):
    """Money that was taken off a line. `target`: order, or product; `code` the coupon's, "" without one."""

    id: str
    amount: Decimal | None
    name: str = ""
    code: str = ""
    target: str = ""


class Option(msgspec.Struct, frozen=True):
    """What the shopper has chosen or entered: size, engraving, an uploaded file's name. `value` is what people read, `raw` what
    the platform keeps."""

    name: str
    value: str = ""
    kind: str = ""
    id: str = ""
    raw: str = ""


class Wrapping(msgspec.Struct, frozen=True):
    """Gift wrapping of a line, with the shopper's message."""

    name: str
    message: str = ""
    cost: Amount = Amount()
    base_cost: Decimal | None = None


class DocumentLine(msgspec.Struct, frozen=True):
    """One line. Quantities are decimals of the shop's units; prices are of one unit, totals of the whole line.

    `line` is the same as in stock moves and shipments. `sku` is the shop's, `erp` what the ERP calls it: as pinned when the
    line was counted, else by the tenant's rules. `place` names one of the document's places, "" where none was told.
    `shipped` and `refunded` are the shop's own counts.
    """

    line: str
    kind: LineKind
    name: str
    quantity: Decimal
    shipped: Decimal
    refunded: Decimal
    product: str = ""
    variant: str = ""
    sku: str = ""
    erp: tuple[ErpUnits, ...] = ()
    parent: str = ""
    place: str = ""
    price: Amount = Amount()
    base_price: Decimal | None = None
    total: Amount = Amount()
    base_total: Decimal | None = None
    discounted_total: Decimal | None = None
    discounts: tuple[Discount, ...] = ()
    options: tuple[Option, ...] = ()
    fields: tuple[NamedValue, ...] = ()
    wrapping: Wrapping | None = None
    refunded_amount: Decimal | None = None
    fixed_shipping: Decimal | None = None
    weight: Decimal | None = None
    name_merchant: str = ""
    brand: str = ""
    barcode: str = ""
    bin: str = ""
    external_id: str = ""
    gift_certificate: str = ""
    event_name: str = ""
    event_date: str = ""


LINE_PERSONAL: Final = ("options.value", "options.raw", "fields.value", "wrapping.message")
"""What may name a person in a `DocumentLine`: whatever the shopper has entered."""
