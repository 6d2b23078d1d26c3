"""Money in order documents: exact decimals, as text in JSON, never binary floats; and what is charged beside the lines.

An amount that a platform tells with and without tax is kept so, with the tax itself: the three need not add up to the last
digit, and which side is exact the document says (`OrderDocument.prices_include_tax`). Absent is None, never 0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

AMOUNT_MAX: Final = Decimal(10**15)  # beyond it's no money, but a broken answer
PLACES_MAX: Final = 6  # finer than any currency, or price of one screw: finer texts are refused
_ARTEFACT: Final = Decimal(1).scaleb(-10)  # a float's own noise lies far below
_FINEST: Final = Decimal(1).scaleb(-PLACES_MAX)


def parse_money(value: str | int | float | Decimal) -> Decimal:
    """Read an amount: `"361.9500"`, `8`, `1.99`. Zeros at the end go, so that one amount has one form.

    A float (v3 answers of platforms that have no decimals) loses its binary noise first: 10.290000000000001 is 10.29.
    Raises ValueError when it is no number, absurdly large, or finer than six places.
    """
    try:
        amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if amount.is_finite() and abs(amount) <= AMOUNT_MAX:
            if isinstance(value, float):
                amount = amount.quantize(_ARTEFACT)
            if amount == amount.quantize(_FINEST):
                return _plain(amount)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ValueError(f"not an amount of money: {str(value)[:40]!r}") from error
    raise ValueError(f"not a usable amount of money: {str(value)[:40]!r}")


def _plain(amount: Decimal) -> Decimal:
    """Without zeros at the end, and never in the form 1E+3, which no reader of decimal strings expects."""
    short = amount.normalize()
    _, _, exponent = short.as_tuple()
    if not short:
        return Decimal(0)
    return short.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else short


class Amount(msgspec.Struct, frozen=True):
    """One amount without tax, with it, and the tax."""

    ex_tax: Decimal | None = None
    inc_tax: Decimal | None = None
    tax: Decimal | None = None


class Totals(msgspec.Struct, frozen=True):
    """What the order comes to. `total` is what the shopper owes or paid; `lines` the goods before shipping and fees.

    `discount` (all but coupons), `coupons`, `store_credit` and `gift_certificates` are positive amounts that were taken off.
    """

    total: Amount
    lines: Amount = Amount()
    shipping: Amount = Amount()
    handling: Amount = Amount()
    wrapping: Amount = Amount()
    discount: Decimal | None = None
    coupons: Decimal | None = None
    store_credit: Decimal | None = None
    gift_certificates: Decimal | None = None


class Currency(msgspec.Struct, frozen=True):
    """`code`: the currency of all amounts in the document. `default`: the shop's for the transaction, `store_default`: its
    own; `exchange_rate` as told: the platform's decimals, whose scale says how exact it is."""

    code: str = ""
    default: str = ""
    store_default: str = ""
    exchange_rate: str = ""


class Tax(msgspec.Struct, frozen=True):
    """One tax that was applied. `applies_to`: item, shipping, handling, gift-wrapping, or "" where it isn't told. `line` and
    `place` name the line and the place of the document that it belongs to ("": none, or not told). `rate` is in percent."""

    id: str
    name: str
    amount: Decimal | None
    rate: Decimal | None = None
    tax_class: str = ""
    priority: int = 0
    priority_amount: Decimal | None = None
    applies_to: str = ""
    line: str = ""
    place: str = ""
    code: str = ""


class Coupon(msgspec.Struct, frozen=True):
    """A coupon that was used. `kind`: per_item, percentage, per_total, shipping, free_shipping, promotion, or the platform's own
    number. `amount` is in percent or money, by its kind; `discount` what it took off this order."""

    id: str
    code: str
    kind: str
    amount: Decimal | None = None
    discount: Decimal | None = None
    coupon: str = ""


class Fee(msgspec.Struct, frozen=True):
    """A charge of its own, such as a parcel's insurance. `name` is the shopper's, `name_merchant` the shop's own."""

    id: str
    kind: str
    name: str
    name_merchant: str = ""
    source: str = ""
    cost: Amount = Amount()
    base_cost: Decimal | None = None
    tax_class: str = ""
