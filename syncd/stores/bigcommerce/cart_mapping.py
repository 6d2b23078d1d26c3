"""From `/v3/carts` to the canonical cart. The vendor's numbers are JSON numbers, but for custom items, which have texts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from syncd.core.cart import Cart, CartLine, CartLineKind, Coupon
from syncd.core.quantity import Quantity, parse
from syncd.stores.bigcommerce.dates import read_date
from syncd.stores.bigcommerce.mapping import product_name
from syncd.stores.bigcommerce.wire import Id, Noise, Number

LINES_MAX: Final = 2_000  # of one cart: what has more is no shopper's
AMOUNT_MAX: Final = Decimal(10**12)
_ARTEFACT: Final = Decimal(1).scaleb(-8)  # the noise of a float lies below, and no currency is as fine
_ABSENT: Final = (None, 0, "", "0")


class Item(msgspec.Struct, gc=False):
    """A line of any kind; gift certificates have neither product nor quantity, and an amount."""

    id: str = ""
    parent_id: Noise = None
    product_id: Id = None
    variant_id: Id = None
    sku: str | None = ""
    name: str | None = ""
    quantity: Number = None
    list_price: Number = None
    sale_price: Number = None
    extended_list_price: Number = None
    extended_sale_price: Number = None
    amount: Number = None


class Items(msgspec.Struct, gc=False):
    """The lines by their kinds."""

    physical_items: list[Item] | None = None
    digital_items: list[Item] | None = None
    gift_certificates: list[Item] | None = None
    custom_items: list[Item] | None = None


class Currency(msgspec.Struct, gc=False):
    """Its code."""

    code: str | None = ""


class CouponRow(msgspec.Struct, gc=False):
    """A code, and what it takes off."""

    code: str | None = ""
    discounted_amount: Number = None


class Redirects(msgspec.Struct, gc=False):
    """Where a shopper opens the cart."""

    cart_url: str | None = ""
    checkout_url: str | None = ""


class RedirectsAnswer(msgspec.Struct, gc=False):
    """New links to a cart."""

    data: Redirects


class CartRow(msgspec.Struct, gc=False):
    """A cart."""

    id: str
    created_time: str
    updated_time: str
    version: int | None = None
    customer_id: Id = None
    channel_id: Id = None
    email: str | None = ""
    currency: Currency | None = None
    base_amount: Number = None
    discount_amount: Number = None
    cart_amount: Number = None
    coupons: list[CouponRow] | None = None
    line_items: Items | None = None
    redirect_urls: Redirects | None = None


class CartAnswer(msgspec.Struct, gc=False):
    """The vendor's envelope."""

    data: CartRow


def map_cart(row: CartRow) -> Cart:
    """The canonical cart. Raises ValueError for what can't be understood."""
    lines = tuple(_lines(row.line_items or Items()))
    if len(lines) > LINES_MAX:
        raise ValueError(f"the cart has {len(lines)} lines, {LINES_MAX} are read")
    return Cart(
        cart=row.id.lower(),
        version=row.version or 0,
        created=read_date(row.created_time),
        updated=read_date(row.updated_time),
        currency=(row.currency.code or "") if row.currency else "",
        lines=lines,
        channel="" if row.channel_id is None else str(row.channel_id),
        customer="" if row.customer_id in _ABSENT else str(row.customer_id),
        email=row.email or "",
        coupons=tuple(Coupon(each.code, _money(each.discounted_amount)) for each in row.coupons or () if each.code),
        base=_money(row.base_amount),
        discount=_money(row.discount_amount),
        total=_money(row.cart_amount),
    )


def _lines(items: Items) -> Iterator[CartLine]:
    kinds = (
        (CartLineKind.STOCK, items.physical_items), (CartLineKind.DIGITAL, items.digital_items),
        (CartLineKind.CUSTOM, items.custom_items), (CartLineKind.GIFT_CERTIFICATE, items.gift_certificates),
    )  # fmt: skip
    parents = {_parent(item) for _, rows in kinds for item in rows or ()}
    for kind, rows in kinds:
        for item in rows or ():
            quantity = Quantity(parse(1 if item.quantity is None else item.quantity))
            if quantity < 0:
                raise ValueError(f"line {item.id} has no usable quantity: {item.quantity!r}")
            price = item.amount if item.list_price is None else item.list_price
            total = item.extended_list_price if item.extended_sale_price is None else item.extended_sale_price
            yield CartLine(
                item.id,
                CartLineKind.BUNDLE if item.id in parents else kind,
                product_name(item.product_id, item.variant_id),
                item.sku or "",
                item.name or "",
                quantity,
                _money(price),
                _money(item.sale_price),
                _money(price if total is None else total),
                _parent(item),
            )


def _parent(item: Item) -> str:
    """A line's parent; null, {} or 0 stand for none."""
    return item.parent_id if isinstance(item.parent_id, str) and item.parent_id not in _ABSENT else ""


def _money(value: Number) -> Decimal | None:
    """An amount without a float's noise and without zeros at its end. Raises ValueError."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if amount.is_finite() and abs(amount) <= AMOUNT_MAX:
            short = amount.quantize(_ARTEFACT).normalize()
            return short if short.as_tuple().exponent <= 0 else short.quantize(Decimal(1))  # type: ignore[operator]
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"not an amount of money: {value!r}") from error
    raise ValueError(f"not a usable amount of money: {value!r}")
